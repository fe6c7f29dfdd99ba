package v5

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"gateway/bridge/link"
	"gateway/bridge/upstreams"
)

// A session that was begun clean, and is to be kept, outlives a restart of
// Mosquitto.
func TestMosquittoKeepsSession(t *testing.T) {
	u, err := upstreams.Start(t.Context(), upstreams.Mosquitto, upstreams.Options{})
	if errors.As(err, new(*upstreams.Missing)) && os.Getenv("GATEWAY_TEST_ALL") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	dial := func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", u.Address())
	}
	connect := func(clean bool) link.Link {
		conn, err := dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		l, err := Upstream{}.Connect(t.Context(), conn, link.Hello{ClientID: "gw", CleanStart: clean, SessionExpiry: time.Hour, Dial: dial}, newSession())
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := connect(true)
	if l.Present() {
		t.Error("there is a session after a clean start")
	}
	u.Stop()
	<-l.Lost()
	if err := u.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	l = connect(false)
	defer l.Close()
	if !l.Present() {
		t.Error("the session is gone after a restart of Mosquitto")
	}
}
