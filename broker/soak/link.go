//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"gateway/broker/packet"
)

// patience is how long a broker may take to answer, or to take what it is sent.
const patience = 10 * time.Second

// link is a connection to a broker.
type link struct {
	nc      net.Conn
	version packet.Version
	reader  *packet.Reader

	mu  sync.Mutex // held while a packet is written
	buf []byte
}

// dial connects, sends CONNECT and waits for CONNACK.
func dial(ctx context.Context, address string, connect *packet.Connect) (*link, *packet.Connack, error) {
	var dialer net.Dialer
	nc, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	l := &link{nc: nc, version: connect.Version, reader: packet.NewReader(nc, 0)}
	connack, err := l.shakeHands(ctx, connect)
	if err != nil {
		l.close()
		return nil, nil, err
	}
	return l, connack, nil
}

func (l *link) shakeHands(ctx context.Context, connect *packet.Connect) (*packet.Connack, error) {
	defer context.AfterFunc(ctx, l.close)()
	if err := l.send(connect); err != nil {
		return nil, err
	}
	_ = l.nc.SetReadDeadline(time.Now().Add(patience))
	p, err := l.next()
	if err != nil {
		return nil, err
	}
	connack, ok := p.(*packet.Connack)
	if !ok {
		return nil, fmt.Errorf("CONNECT is answered with %v", p.Type())
	}
	if connack.Code != packet.Success {
		return nil, fmt.Errorf("CONNECT is refused: %v", connack.Code)
	}
	return connack, l.nc.SetReadDeadline(time.Time{})
}

// next waits for a packet.
func (l *link) next() (packet.Packet, error) {
	first, body, err := l.reader.Next()
	if err != nil {
		return nil, err
	}
	return packet.Decode(first, body, l.version)
}

// send writes a packet. It may be called concurrently.
func (l *link) send(p packet.Packet) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, err := p.Append(l.buf[:0], l.version)
	if err != nil {
		return err
	}
	l.buf = b
	return l.write(b)
}

// ack writes PUBACK, PUBREC, PUBREL or PUBCOMP.
func (l *link) ack(t packet.Type, id uint16) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = packet.AppendAck(l.buf[:0], t, id, packet.Success, l.version)
	return l.write(l.buf)
}

func (l *link) write(b []byte) error {
	_ = l.nc.SetWriteDeadline(time.Now().Add(patience))
	_, err := l.nc.Write(b)
	return err
}

// close ends the connection without DISCONNECT. It may be called again.
func (l *link) close() { _ = l.nc.Close() }

// client is one whose session lasts, unless clean is set.
type client struct {
	id      string
	version packet.Version
	clean   bool
	will    *packet.Will

	known  bool        // a CONNACK has said that there is a session
	online atomic.Bool // until all that the connection brought is noted
}

// connect connects once. present is what CONNACK says; a session that should be
// there and is not goes into the journal.
func (c *client) connect(ctx context.Context, address string, j *journal) (l *link, present bool, err error) {
	connect := &packet.Connect{Version: c.version, CleanStart: c.clean, ClientID: c.id, Will: c.will}
	if c.version == packet.V5 && !c.clean {
		connect.Properties = &packet.Properties{SessionExpiry: packet.Some[uint32](3600), ReceiveMaximum: packet.Some[uint16](50)}
	}
	l, connack, err := dial(ctx, address, connect)
	if err != nil {
		return nil, false, err
	}
	c.online.Store(true)
	if !c.clean {
		if c.known && !connack.SessionPresent {
			j.sessionLost(c.id)
		}
		c.known = true
	}
	return l, connack.SessionPresent, nil
}

// persist connects again and again until it succeeds; the error is that of ctx.
func (c *client) persist(ctx context.Context, address string, j *journal) (*link, bool, error) {
	for {
		l, present, err := c.connect(ctx, address, j)
		if err == nil {
			return l, present, nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return nil, false, err
		}
	}
}

// pause waits for d, or until ctx ends, whose error it returns then.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
