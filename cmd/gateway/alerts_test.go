package main

import (
	"context"
	"log/slog"
	"testing"

	"gateway/broker"
	"gateway/cmd/gateway/internal/config"
)

// TestAlertsHearTheFirstMessage: what is published from the moment on that listeners
// are open is seen by alerts, though they start after the broker.
func TestAlertsHearTheFirstMessage(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	cfg, err := config.Parse("test.yaml", []byte("site: home\nsensors: []\nalerts: [{name: open, value: cellar/door, above: 0.5}]\n"+freePorts))
	if err != nil {
		t.Fatal(err)
	}
	g, err := build(cfg, false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.broker.Publish(&broker.Message{Topic: "cellar/door", Payload: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.run(ctx, g.parts()) }()
	awaitThat(t, "the alert", func() bool {
		m := g.broker.Retained("home/alerts/open/state")
		return m != nil && string(m.Payload) == "on"
	})
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("stopping: %v", err)
	}
}
