package v5

import (
	"testing"

	"gateway/bridge/link/linktest"
)

func TestUpstream(t *testing.T) { linktest.TestUpstream(t, Upstream{}) }

func TestMQTT5(t *testing.T) { linktest.TestMQTT5(t, Upstream{}) }
