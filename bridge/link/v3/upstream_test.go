package v3

import (
	"testing"

	"gateway/bridge/link/linktest"
)

func TestUpstream(t *testing.T) { linktest.TestUpstream(t, Upstream{}) }
