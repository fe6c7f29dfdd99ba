//go:build linux

// Package emulated_test boots the gateway as it ships on emulated boards, with
// emulated chips, and looks at it from outside: see package board, which does the
// work.
package emulated_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"gateway/broker/client"
	"gateway/broker/packet"
	"gateway/deploy/raspberrypi/emulated/board"
)

// patience is how long a condition may take to come true; it is never waited for
// when all is well. A boot under load takes a minute.
const (
	patience     = 60 * time.Second
	bootPatience = 120 * time.Second
)

// folder is removed when the tests end.
var folder string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if folder, err = os.MkdirTemp("", "emulated"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(folder)
		code := m.Run()
		if code != 0 || *out == "" {
			return code
		}
		if err := measured.write(*out); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}())
}

// built are the programs of each kind of board, built once.
var built = map[string]func() (board.Programs, error){
	board.ARM64.Name: sync.OnceValues(func() (board.Programs, error) { return board.Build(context.Background(), folder, board.ARM64) }),
	board.ARMHF.Name: sync.OnceValues(func() (board.Programs, error) { return board.Build(context.Background(), folder, board.ARMHF) }),
}

// need skips the test if it cannot or is not to boot a board.
func need(t *testing.T, a board.Arch) {
	t.Helper()
	if testing.Short() {
		t.Skip("boots a board")
	}
	if err := board.Missing(a); err != nil {
		if os.Getenv("GATEWAY_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// besideOthers has a test run beside others that do so, since most of it is waiting.
// With -every, times are measured, and each runs alone.
func besideOthers(t *testing.T) {
	if !*every {
		t.Parallel()
	}
}

// prepare fills in Programs and Dir of o.
func prepare(t *testing.T, o board.Options) board.Options {
	t.Helper()
	need(t, o.Arch)
	var err error
	if o.Programs, err = built[o.Arch.Name](); err != nil {
		t.Fatal(err)
	}
	if o.Dir, err = os.MkdirTemp(folder, "board"); err != nil {
		t.Fatal(err)
	}
	return o
}

// boot boots a board that is killed when the test ends. Arch and the rest of o
// are the caller's; Programs and Dir are filled in.
func boot(t *testing.T, o board.Options) *board.Board {
	t.Helper()
	o = prepare(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), bootPatience)
	defer cancel()
	b, err := board.Boot(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Kill()
		if t.Failed() {
			t.Logf("the board wrote:\n%s", b.Serial())
		}
	})
	measured.kernel(o.Arch, b.Release)
	t.Logf("%s board, Linux %s: gateway started after %.1f s, ready after %.1f s", o.Arch.Name, b.Release, b.Times.Started.Seconds(), b.Times.Ready.Seconds())
	return b
}

// subscriber is an MQTT client on this machine, and what it knows by now.
type subscriber struct {
	t    *testing.T
	c    *client.Client
	last map[string]string // by topic
}

// subscribe connects and subscribes to all that the gateway says.
func subscribe(t *testing.T, address string) *subscriber {
	t.Helper()
	c := dial(t, address, client.Options{CleanStart: true})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.Subscribe(ctx, []packet.Subscription{{Filter: "board/#", QoS: 1}}); err != nil {
		t.Fatal(err)
	}
	return &subscriber{t, c, make(map[string]string)}
}

// await waits until what is known fits.
func (s *subscriber) await(what string, fits func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for !fits() {
		m, err := s.c.Next(ctx)
		if err != nil {
			s.t.Fatalf("%s did not come: %v; by now there is %v", what, err, s.last)
		}
		s.last[m.Topic] = string(m.Payload)
	}
}

// values returns the last message of a topic, an object of JSON; nil if there is
// none.
func (s *subscriber) values(topic string) map[string]any {
	s.t.Helper()
	text := s.last["board/"+topic]
	if text == "" {
		return nil
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		s.t.Errorf("%s: %s: %v", topic, text, err)
	}
	return v
}

// value waits until a sensor says a quantity to within a tolerance.
func (s *subscriber) value(sensor, quantity string, want, tolerance float64) {
	s.t.Helper()
	s.await(fmt.Sprintf("%s of %s, %v", quantity, sensor, want), func() bool {
		got, ok := s.values(sensor)[quantity].(float64)
		return ok && got >= want-tolerance && got <= want+tolerance
	})
}

// status waits for a status of a sensor.
func (s *subscriber) status(sensor, want string) {
	s.t.Helper()
	s.await("status "+want+" of "+sensor, func() bool { return s.last["board/"+sensor+"/status"] == want })
}
