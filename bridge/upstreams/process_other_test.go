//go:build !linux

package upstreams

import "testing"

func expectLoopback(*testing.T, ...*server) {}
