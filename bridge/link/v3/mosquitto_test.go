package v3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"gateway/bridge/link"
	"gateway/bridge/upstreams"
)

// TestMosquitto speaks to a real one, with the bridge bit.
func TestMosquitto(t *testing.T) {
	u, err := upstreams.Start(t.Context(), upstreams.Mosquitto, upstreams.Options{Forget: true})
	var missing *upstreams.Missing
	if errors.As(err, &missing) && os.Getenv("GATEWAY_TEST_ALL") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var conn net.Conn // the last one
	dial := func(ctx context.Context) (net.Conn, error) {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", u.Address())
		return conn, err
	}
	connect := func(h link.Hello, s link.Session) link.Link {
		t.Helper()
		conn, err := dial(ctx)
		if err != nil {
			t.Fatal(err)
		}
		h.Dial = dial
		l, err := Upstream{}.Connect(ctx, conn, h, s)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	taken := func(r *link.Receipt) {
		t.Helper()
		select {
		case <-r.Done():
		case <-ctx.Done():
			t.Fatal("no receipt")
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
	}
	next := func(came chan link.Message) link.Message {
		t.Helper()
		select {
		case m := <-came:
			return m
		case <-ctx.Done():
			t.Fatal("no message")
		}
		return link.Message{}
	}

	came := make(chan link.Message, 100)
	watching := &script{received: func(m link.Message) (func(context.Context) error, error) { came <- m; return nil, nil }}
	watcher := connect(link.Hello{ClientID: "watcher", KeepAlive: keepAlive, CleanStart: true}, watching)
	defer watcher.Close()
	if codes, err := watcher.Subscribe(ctx, []link.Subscription{{Filter: "up/#", QoS: 2}}); err != nil || codes[0] != 2 {
		t.Fatal(codes, err)
	}

	h := hello()
	h.Bridge, h.CleanStart = true, true
	recorded := make(chan uint16, 1)
	l := connect(h, &script{released: func(ctx context.Context, id uint16) error {
		recorded <- id
		<-ctx.Done()
		return ctx.Err()
	}})
	if _, err := l.Subscribe(ctx, []link.Subscription{{Filter: "up/#", QoS: 2}}); err != nil {
		t.Fatal(err)
	}
	for qos := range byte(2) {
		taken(l.Publish(link.Message{Topic: "up/a", Payload: fmt.Append(nil, qos), QoS: qos, ID: 77}))
		if m := next(came); string(m.Payload) != fmt.Sprint(qos) {
			t.Fatalf("came %+v", m)
		}
	}
	l.Publish(link.Message{Topic: "up/once", QoS: 2, ID: 4242})
	select {
	case id := <-recorded:
		if id != 4242 {
			t.Fatalf("Released(%d)", id)
		}
	case <-ctx.Done():
		t.Fatal("no PUBREC")
	}
	conn.Close() // between PUBREC and PUBREL
	select {
	case <-l.Lost():
	case <-ctx.Done():
		t.Fatal("the end of the connection is not noticed")
	}

	h.CleanStart = false
	echo := make(chan link.Message, 100)
	l = connect(h, &script{received: func(m link.Message) (func(context.Context) error, error) { echo <- m; return nil, nil }})
	defer l.Close()
	if !l.Present() {
		t.Fatal("the session is gone")
	}
	taken(l.Publish(link.Message{Topic: "up/once", QoS: 2, ID: 4242, Dup: true}))
	taken(l.Publish(link.Message{Topic: "up/last", QoS: 2, ID: 4243}))
	for _, want := range []string{"up/once", "up/last"} {
		if m := next(came); m.Topic != want {
			t.Fatalf("came %q, want %q", m.Topic, want)
		}
	}
	taken(watcher.Publish(link.Message{Topic: "up/other", QoS: 1, ID: 1}))
	if m := next(echo); m.Topic != "up/other" {
		t.Errorf("%q came back to the bridge that has published it", m.Topic)
	}
}
