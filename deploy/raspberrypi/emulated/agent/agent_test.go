package agent_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/deploy/raspberrypi/emulated/agent"
)

func TestAsk(t *testing.T) {
	ours, theirs := net.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- agent.Handle(theirs, func(r agent.Request) agent.Answer {
			return agent.Answer{Output: strings.Join(r.Run, " "), Status: 3}
		})
	}()
	a, err := agent.Ask(t.Context(), ours, agent.Request{Run: []string{"gateway", "scan"}})
	if err != nil || a.Output != "gateway scan" || a.Status != 3 {
		t.Errorf("%+v, %v", a, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAskFails(t *testing.T) {
	ours, theirs := net.Pipe()
	go agent.Handle(theirs, func(agent.Request) agent.Answer { return agent.Answer{Error: "no such signal"} })
	if _, err := agent.Ask(t.Context(), ours, agent.Request{Signal: "x"}); err == nil || !strings.Contains(err.Error(), "no such signal") {
		t.Error(err)
	}
}

// TestAskEnds: a board that says nothing is not waited for longer than ctx.
func TestAskEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := agent.Ask(ctx, ours, agent.Request{Memory: true}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
