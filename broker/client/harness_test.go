package client

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

// The tests play the server at the other end of a pipe, packet by packet,
// inside synctest bubbles: time passes at once, and a goroutine that is left
// over fails the test.

var versions = []packet.Version{packet.V31, packet.V311, packet.V5}

// eachVersion runs test in a bubble for each version.
func eachVersion(t *testing.T, test func(t *testing.T, v packet.Version)) {
	t.Helper()
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, v) })
		})
	}
}

// peer is a server that does only what the test says.
type peer struct {
	t       *testing.T
	conn    net.Conn
	v       packet.Version
	connect *packet.Connect
	in      chan packet.Packet // what came; closed when the connection has ended
}

// pipe returns the client's end of a connection, and the server there. The
// server reads what comes as it comes, unless it is deaf.
func pipe(t *testing.T, v packet.Version, deaf bool) (net.Conn, *peer) {
	t.Helper()
	here, there := net.Pipe()
	p := &peer{t: t, conn: there, v: v, in: make(chan packet.Packet, 100_000)}
	t.Cleanup(func() { there.Close() })
	if !deaf {
		go p.pump()
	}
	return here, p
}

func (p *peer) pump() {
	defer close(p.in)
	r := packet.NewReader(p.conn, 0)
	for {
		first, body, err := r.Next()
		if err != nil {
			return
		}
		got, err := packet.Decode(first, body, p.v)
		if err != nil {
			p.t.Errorf("the client sent what is no packet: %v", err)
			return
		}
		p.in <- got
		if got.Type() == packet.TypeDisconnect { // as a server does
			p.conn.Close()
			return
		}
	}
}

// dial connects a client to a server that accepts it with ack, nil for the
// plainest.
func dial(t *testing.T, o Options, ack *packet.Connack) (*Client, *peer) {
	t.Helper()
	if o.Version == 0 {
		o.Version = packet.V311
	}
	conn, p := pipe(t, o.Version, false)
	if ack == nil {
		ack = new(packet.Connack)
	}
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		p.connect, _ = (<-p.in).(*packet.Connect)
		p.send(ack)
	}()
	c, err := Connect(t.Context(), conn, o)
	if err != nil {
		t.Fatal(err)
	}
	<-accepted
	t.Cleanup(func() { c.Close() })
	return c, p
}

// send sends packets in one write each, and may be called from any goroutine.
func (p *peer) send(packets ...packet.Packet) {
	p.t.Helper()
	for _, q := range packets {
		b, err := q.Append(nil, p.v)
		if err != nil {
			p.t.Errorf("the test's %v: %v", q.Type(), err)
			return
		}
		if _, err := p.conn.Write(b); err != nil {
			p.t.Errorf("write %v: %v", q.Type(), err)
		}
	}
}

// expect wants the next packet to be a P, within a day, which takes no time.
func expect[P packet.Packet](p *peer) P {
	p.t.Helper()
	var want P
	select {
	case got, ok := <-p.in:
		if !ok {
			p.t.Fatalf("the connection ended, want a %T", want)
		}
		q, ok := got.(P)
		if !ok {
			p.t.Fatalf("got %v %+v, want a %T", got.Type(), got, want)
		}
		return q
	case <-time.After(24 * time.Hour):
		p.t.Fatalf("nothing came, want a %T", want)
	}
	return want
}

// quiet wants that nothing has come.
func (p *peer) quiet() {
	p.t.Helper()
	synctest.Wait()
	select {
	case got, ok := <-p.in:
		if ok {
			p.t.Errorf("got %v %+v, want nothing", got.Type(), got)
		} else {
			p.t.Error("the connection ended")
		}
	default:
	}
}

// closed wants the connection to end without another packet.
func (p *peer) closed() {
	p.t.Helper()
	select {
	case got, ok := <-p.in:
		if ok {
			p.t.Errorf("got %v %+v, want the end", got.Type(), got)
		}
	case <-time.After(24 * time.Hour):
		p.t.Error("the connection did not end")
	}
}

// next wants a message.
func next(t *testing.T, c *Client, payload string) *packet.Publish {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	m, err := c.Next(ctx)
	if err != nil {
		t.Fatalf("Next: %v, want %q", err, payload)
	}
	if string(m.Payload) != payload {
		t.Fatalf("Next returned %q, want %q", m.Payload, payload)
	}
	return m
}

// ended wants the connection to end, and for a reason that holds the words.
func ended(t *testing.T, c *Client, words string) error {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(24 * time.Hour):
		t.Fatal("the connection does not end")
	}
	wantError(t, c.Err(), words)
	return c.Err()
}

func wantError(t *testing.T, err error, words string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("error %v, want one with %q", err, words)
	}
}

// faultOf returns the reason code of a fault in err, 0 if there is none.
func faultOf(err error) packet.ReasonCode {
	var fault *packet.Error
	if errors.As(err, &fault) {
		return fault.Code
	}
	return 0
}

// result is what a Publish in another goroutine returned.
type result struct {
	code packet.ReasonCode
	err  error
}

// publish publishes in another goroutine.
func publish(c *Client, ctx context.Context, p *packet.Publish) <-chan result {
	r := make(chan result, 1)
	go func() {
		code, err := c.Publish(ctx, p)
		r <- result{code, err}
	}()
	return r
}

func message(topic, payload string, qos packet.QoS, id uint16) *packet.Publish {
	return &packet.Publish{Topic: topic, Payload: []byte(payload), QoS: qos, ID: id}
}

// big returns a payload of n bytes.
func big(n int) []byte { return bytes.Repeat([]byte{'x'}, n) }
