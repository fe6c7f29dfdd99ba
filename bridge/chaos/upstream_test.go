//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"gateway/bridge/upstreams"
	"gateway/broker/client"
	"gateway/broker/packet"
)

// What Mosquitto had sent PUBREL for when it was stopped is not published again
// when it is started: only then can the bridge bring it in once. With the default of
// max_inflight_messages it is, by 2.0.11; that is shown, and not asked for.
func TestMosquittoAfterPubrel(t *testing.T) {
	for name, config := range map[string]string{
		"as in a run": savesAtTheEnd,
		"the default": strings.ReplaceAll(savesAtTheEnd, "60000", "20"),
	} {
		t.Run(name, func(t *testing.T) {
			u, err := upstreams.Start(t.Context(), upstreams.Mosquitto, upstreams.Options{Config: config})
			if errors.As(err, new(*upstreams.Missing)) && os.Getenv("GATEWAY_TEST_ALL") == "" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer u.Close()
			again, err := publishedAgain(t, u)
			switch {
			case config == savesAtTheEnd && (err != nil || len(again) > 0):
				t.Errorf("published after their PUBREL: %d (%v)", again, err)
			case config != savesAtTheEnd:
				t.Logf("Mosquitto %s: published after their PUBREL: %d (%v)", u.Version(), again, err)
			}
		})
	}
}

// publishedAgain lets 60 messages wait for a session, takes all and completes 10,
// and restarts Mosquitto. It returns the identifiers of the others that are
// published again.
func publishedAgain(t *testing.T, u *upstreams.Upstream) (again []uint16, err error) {
	const waiting, completed = 60, 10
	open := func() (net.Conn, *packet.Reader) {
		nc, err := net.Dial("tcp", u.Address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		_ = nc.SetReadDeadline(time.Now().Add(patience))
		r := packet.NewReader(nc, 0)
		if err := send(nc, &packet.Connect{Version: packet.V311, ClientID: "sub"}); err != nil {
			t.Fatal(err)
		}
		if p, err := next(r); err != nil {
			t.Fatal(p, err)
		}
		return nc, r
	}
	nc, r := open()
	if err := send(nc, &packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: "t", QoS: 2}}}); err != nil {
		t.Fatal(err)
	}
	if p, err := next(r); err != nil {
		t.Fatal(p, err)
	}
	_ = send(nc, &packet.Disconnect{})
	if _, err := next(r); err == nil {
		t.Fatal("a packet after DISCONNECT")
	}
	publisher, err := net.Dial("tcp", u.Address())
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Connect(t.Context(), publisher, client.Options{ClientID: "pub", CleanStart: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for n := range waiting {
		if _, err := c.Publish(t.Context(), &packet.Publish{Topic: "t", Payload: fmt.Append(nil, n), QoS: 2}); err != nil {
			t.Fatal(err)
		}
	}
	nc, r = open()
	recorded := make(map[uint16]bool) // PUBREL came, and no PUBCOMP goes
	for n := 0; n < waiting; {
		p, err := next(r)
		if err != nil {
			return nil, fmt.Errorf("after %d PUBREL: %w", n, err)
		}
		switch p := p.(type) {
		case *packet.Publish:
			err = ack(nc, packet.TypePubrec, p.ID)
		case *packet.Pubrel:
			if n++; n <= completed {
				err = ack(nc, packet.TypePubcomp, p.ID)
			} else {
				recorded[p.ID] = true
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	u.Stop()
	if err := u.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	nc, r = open()
	for len(recorded) > 0 {
		p, err := next(r)
		if err != nil {
			return again, fmt.Errorf("without PUBREL for %d: %w", len(recorded), err)
		}
		switch p := p.(type) {
		case *packet.Publish:
			if recorded[p.ID] {
				again = append(again, p.ID)
			}
			err = ack(nc, packet.TypePubrec, p.ID)
		case *packet.Pubrel:
			delete(recorded, p.ID)
			err = ack(nc, packet.TypePubcomp, p.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return again, nil
}
