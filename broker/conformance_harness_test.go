package broker

import (
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

// wire returns the bytes of s: hexadecimal digits and 'text', with spaces
// wherever they help. "82: …" is a first byte and a body whose length is
// written between them.
func wire(t *testing.T, s string) []byte {
	t.Helper()
	if head, body, ok := strings.Cut(s, ": "); ok {
		b := wire(t, body)
		out := wire(t, head)
		n := len(b)
		for n > 127 {
			out = append(out, byte(n)|0x80)
			n >>= 7
		}
		return append(append(out, byte(n)), b...)
	}
	var out []byte
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(part, " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		out = append(out, b...)
	}
	return out
}

// rawClient is a connection of which every byte is looked at.
type rawClient struct {
	t    *testing.T
	conn net.Conn
	in   chan byte // closed with the connection
}

// raw makes a connection on which nothing was said.
func (b *testBroker) raw(v packet.Version) *rawClient {
	b.t.Helper()
	r := &rawClient{t: b.t, conn: b.dialDeaf(v).conn, in: make(chan byte, 1<<20)}
	go func() {
		defer close(r.in)
		buf := make([]byte, 4096)
		for {
			n, err := r.conn.Read(buf)
			for _, x := range buf[:n] {
				r.in <- x
			}
			if err != nil {
				return
			}
		}
	}()
	return r
}

// rawConnected is raw after a CONNECT of version v that was accepted.
func (b *testBroker) rawConnected(v packet.Version) *rawClient {
	b.t.Helper()
	r := b.raw(v)
	connect := "10: 0004 'MQTT' 05 02 0000 00 0001 'c'"
	if v < packet.V5 {
		connect = "10: 0004 'MQTT' 04 02 0000 0001 'c'"
	}
	r.write(wire(b.t, connect))
	r.accepted()
	return r
}

// accepted wants everything that came to be a CONNACK of success.
func (r *rawClient) accepted() {
	r.t.Helper()
	got, open := r.sofar()
	if len(got) < 4 || got[0] != 0x20 || len(got) != 2+int(got[1]) || got[2] > 1 || got[3] != 0 || !open {
		r.t.Fatalf("got % x, open: %v; want a CONNACK of success", got, open)
	}
}

// write writes b from a goroutine of its own, since the broker may close
// before it has read everything.
func (r *rawClient) write(b []byte) {
	go func() { _, _ = r.conn.Write(b) }()
}

// sofar returns what has come, once the broker has nothing more to do at this
// moment, and whether the connection is open.
func (r *rawClient) sofar() (got []byte, open bool) {
	synctest.Wait()
	for {
		select {
		case x, ok := <-r.in:
			if !ok {
				return got, false
			}
			got = append(got, x)
		default:
			return got, true
		}
	}
}

// untilClosed returns what comes before the connection is closed, which takes
// no longer than a minute, if it is.
func (r *rawClient) untilClosed() (got []byte, closed bool) {
	deadline := time.After(time.Minute)
	for {
		select {
		case x, ok := <-r.in:
			if !ok {
				return got, true
			}
			got = append(got, x)
		case <-deadline:
			return got, false
		}
	}
}

// lasting lets a session outlive its connection by an hour, whatever the
// version.
func lasting(v packet.Version) func(*packet.Connect) {
	return func(p *packet.Connect) {
		p.CleanStart = false
		if v == packet.V5 {
			expires(3600)(p)
		}
	}
}

// withWill gives a CONNECT a will.
func withWill(topic, payload string, with ...func(*packet.Will)) func(*packet.Connect) {
	return func(p *packet.Connect) {
		p.Will = &packet.Will{Topic: topic, Payload: []byte(payload)}
		for _, f := range with {
			f(p.Will)
		}
	}
}

// leave says DISCONNECT and waits for the end.
func (c *testClient) leave() {
	c.t.Helper()
	c.send(&packet.Disconnect{})
	c.gone()
}

// lose ends the connection without a word, and lets the broker see it.
func (c *testClient) lose() {
	c.t.Helper()
	c.conn.Close()
	synctest.Wait()
}

// refused sends CONNECT and wants it refused with code, and the connection
// closed behind that.
func (b *testBroker) refused(p *packet.Connect, code packet.ReasonCode) *packet.Connack {
	b.t.Helper()
	c := b.dial(p.Version)
	c.send(p)
	ack := expect[*packet.Connack](c)
	if ack.Code != code || ack.SessionPresent {
		b.t.Errorf("CONNACK %+v, want %v", ack, code)
	}
	c.gone()
	return ack
}

// next returns what the broker sends next, or nil if it has nothing to say.
func (c *testClient) next() packet.Packet {
	c.t.Helper()
	synctest.Wait()
	if len(c.held) > 0 {
		return c.recv()
	}
	select {
	case r := <-c.in:
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			c.t.Fatalf("read: %v", r.err)
		}
		return r.packet
	default:
		return nil
	}
}
