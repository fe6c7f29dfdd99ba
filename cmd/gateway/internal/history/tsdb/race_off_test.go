//go:build !race

package tsdb

import "testing"

const underRace = false

func alone(*testing.T) {}
