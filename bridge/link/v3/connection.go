package v3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"gateway/bridge/link"
)

// filtersAtOnce is how many topic filters are in one SUBSCRIBE or UNSUBSCRIBE:
// what AWS IoT takes, the least of those we know.
const filtersAtOnce = 8

var errClosed = errors.New("closed by us")

// connection is a [link.Link].
type connection struct {
	hello   link.Hello
	session link.Session
	client  mqtt.Client
	wire    *wire

	publishing sync.Mutex
	in         chan arrived // from Paho to Session.Received
	stables    chan arrived // from there to stable

	lost chan struct{}
}

func newConnection(conn net.Conn, h link.Hello, s link.Session) *connection {
	return &connection{
		hello: h, session: s, wire: newWire(conn, h, s),
		in: make(chan arrived, arrivals), stables: make(chan arrived, arrivals),
		lost: make(chan struct{}),
	}
}

func (c *connection) start() {
	c.wire.tasks.Go(c.wire.flush)
	c.wire.tasks.Go(c.wire.pulse)
	c.wire.tasks.Go(c.receive)
	c.wire.tasks.Go(c.acknowledge)
}

// finish is called once, when Paho has ended all its goroutines of this
// connection, or has failed to connect.
func (c *connection) finish(err error) {
	c.wire.fail(err)
	close(c.in)
	c.wire.tasks.Wait()
	c.wire.settle()
	close(c.lost)
}

func (c *connection) Present() bool         { return c.wire.present() }
func (c *connection) LastHeard() time.Time  { return c.wire.lastHeard() }
func (c *connection) Lost() <-chan struct{} { return c.lost }
func (c *connection) Cause() error          { return c.wire.why() }

func (c *connection) Limits() link.Limits {
	return link.Limits{
		MaxQoS: 2, ReceiveMaximum: 65535, KeepAlive: c.hello.KeepAlive,
		ClientID: c.hello.ClientID, SessionExpiry: c.hello.SessionExpiry,
	}
}

// Publish implements [link.Link]. Paho is given every message as one of QoS 0,
// and the wire makes of it what it is.
func (c *connection) Publish(m link.Message) *link.Receipt {
	r := link.NewReceipt()
	if err := unfit(m); err != nil {
		r.Settle(err)
		return r
	}
	c.publishing.Lock()
	defer c.publishing.Unlock()
	if !c.wire.announce(m, r) {
		return r
	}
	for c.wire.ctx.Err() == nil {
		token := c.client.Publish(m.Topic, 0, m.Retain, m.Payload)
		select {
		case <-token.Done():
		case <-c.wire.ctx.Done():
			return r
		}
		switch err := token.Error(); {
		case err == nil:
			return r
		case errors.Is(err, mqtt.ErrNotConnected):
			c.wire.fail(fmt.Errorf("publish: %w", err))
		} // else its goroutines were busy, and it was not sent
	}
	return r
}

// unfit says what no packet of MQTT 3 can hold; Paho would send something else.
func unfit(m link.Message) error {
	refuse := func(code byte, reason string) error {
		return &link.Refused{Packet: "PUBLISH", Code: code, Reason: reason}
	}
	switch {
	case m.QoS > 2:
		return refuse(link.QoSNotSupported, fmt.Sprintf("QoS %d", m.QoS))
	case m.QoS > 0 && m.ID == 0:
		return refuse(link.ProtocolError, "no packet identifier")
	case m.Topic == "" || len(m.Topic) > 65535:
		return refuse(link.TopicNameInvalid, fmt.Sprintf("a topic of %d bytes", len(m.Topic)))
	case len(m.Topic)+len(m.Payload)+4 > maxBody:
		return refuse(link.PacketTooLarge, fmt.Sprintf("a payload of %d bytes", len(m.Payload)))
	}
	return nil
}

func (c *connection) Release(id uint16) *link.Receipt {
	r := link.NewReceipt()
	c.wire.release(id, r)
	return r
}

func (c *connection) Subscribe(ctx context.Context, subs []link.Subscription) ([]byte, error) {
	codes := make([]byte, 0, len(subs))
	for len(subs) > 0 {
		some := subs[:min(filtersAtOnce, len(subs))]
		subs = subs[len(some):]
		filters := make(map[string]byte, len(some))
		for _, s := range some {
			filters[s.Filter] = s.QoS
		}
		token := c.client.SubscribeMultiple(filters, nil).(*mqtt.SubscribeToken)
		if err := c.answered(ctx, token); err != nil {
			return nil, fmt.Errorf("subscribe: %w", err)
		}
		granted := token.Result()
		for _, s := range some {
			codes = append(codes, granted[s.Filter])
		}
	}
	return codes, nil
}

func (c *connection) Unsubscribe(ctx context.Context, filters []string) error {
	for len(filters) > 0 {
		some := filters[:min(filtersAtOnce, len(filters))]
		filters = filters[len(some):]
		if err := c.answered(ctx, c.client.Unsubscribe(some...)); err != nil {
			return fmt.Errorf("unsubscribe: %w", err)
		}
	}
	return nil
}

// answered waits for a token of a SUBSCRIBE or UNSUBSCRIBE.
func (c *connection) answered(ctx context.Context, token mqtt.Token) error {
	select {
	case <-token.Done():
	case <-ctx.Done():
		return ctx.Err()
	case <-c.wire.ctx.Done():
		return c.wire.why()
	}
	if err := token.Error(); err != nil {
		if c.wire.ctx.Err() != nil {
			return c.wire.why()
		}
		return err
	}
	return nil
}

// goodbye is how long DISCONNECT may take to be written.
const goodbye = time.Second

func (c *connection) Close() {
	t := time.NewTimer(goodbye)
	defer t.Stop()
	select {
	case <-c.wire.disconnect():
	case <-c.wire.ctx.Done():
	case <-t.C:
	}
	c.wire.fail(errClosed)
	<-c.lost
}
