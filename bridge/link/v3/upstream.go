package v3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"gateway/bridge/link"
)

// Upstream speaks MQTT 3.1.1, and MQTT 3.1 if Hello asks for it.
type Upstream struct{}

// handOver is how long Paho tries to hand a packet to its own goroutines. They
// never block while there is a connection, so this ends what was handed over
// just when it was lost.
const handOver = time.Second

// Connect implements [link.Upstream].
func (Upstream) Connect(ctx context.Context, conn net.Conn, h link.Hello, s link.Session) (link.Link, error) {
	if err := checkHello(h); err != nil {
		conn.Close()
		return nil, err
	}
	clean := h.SessionExpiry == 0
	if !clean && h.CleanStart {
		second, err := startClean(ctx, conn, h)
		if err != nil {
			return nil, err
		}
		conn = second
	}
	return connect(ctx, conn, h, clean, s)
}

// checkHello says what of h there is no way to say in MQTT 3.
func checkHello(h link.Hello) error {
	switch {
	case h.Username == "" && h.Password != "":
		return errors.New("a password without a user name cannot be sent before MQTT 5")
	case h.CleanStart && h.SessionExpiry != 0 && h.Dial == nil:
		return errors.New("a clean start of a session that is to be kept takes two connections before MQTT 5: Hello.Dial is missing")
	case h.KeepAlive < 0 || h.KeepAlive > 65535*time.Second:
		return fmt.Errorf("keep-alive of %v: at most 18h12m15s", h.KeepAlive)
	}
	return nil
}

// startClean ends what the upstream has of an earlier session, on conn, and
// returns another connection.
func startClean(ctx context.Context, conn net.Conn, h link.Hello) (net.Conn, error) {
	h.Will = nil
	l, err := connect(ctx, conn, h, true, nobody{})
	if err != nil {
		return nil, fmt.Errorf("end the earlier session: %w", err)
	}
	l.Close()
	if conn, err = h.Dial(ctx); err != nil {
		return nil, fmt.Errorf("connect again after the earlier session was ended: %w", err)
	}
	return conn, nil
}

// nobody is the session of a connection that has none.
type nobody struct{}

func (nobody) Released(context.Context, uint16) error  { return nil }
func (nobody) Forgotten(context.Context, uint16) error { return nil }
func (nobody) Received(link.Message) (func(context.Context) error, error) {
	return nil, nil
}

// connect makes one connection. It closes conn if that fails.
func connect(ctx context.Context, conn net.Conn, h link.Hello, clean bool, s link.Session) (link.Link, error) {
	l := newConnection(conn, h, s)
	o := mqtt.NewClientOptions().AddBroker("tcp://upstream").
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return l.wire, nil }).
		SetProtocolVersion(level(h)).SetClientID(h.ClientID).SetUsername(h.Username).SetPassword(h.Password).
		SetCleanSession(clean).SetStore(noStore{}).
		SetAutoReconnect(false).SetConnectRetry(false).
		SetKeepAlive(0). // the wire's, see pulse
		SetWriteTimeout(handOver).
		SetOrderMatters(true).SetAutoAckDisabled(true).SetDefaultPublishHandler(l.came).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { l.finish(err) })
	if h.Will != nil {
		o.SetBinaryWill(h.Will.Topic, h.Will.Payload, h.Will.QoS, h.Will.Retain)
	}
	l.client = mqtt.NewClient(o)
	l.start()
	token := l.client.Connect()
	select {
	case <-token.Done():
	case <-ctx.Done():
		l.wire.fail(fmt.Errorf("the upstream does not answer CONNECT: %w", context.Cause(ctx)))
		<-token.Done()
		if token.Error() == nil { // it has, at the last moment
			<-l.lost
			return nil, l.Cause()
		}
	}
	if err := token.Error(); err != nil {
		l.finish(err)
		return nil, l.Cause()
	}
	return l, nil
}

// level returns the protocol level, as Paho wants it.
func level(h link.Hello) uint {
	l := uint(4)
	if h.V31 {
		l = 3
	}
	if h.Bridge {
		l |= 0x80
	}
	return l
}
