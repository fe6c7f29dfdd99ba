package bridge

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"gateway/bridge/link"
)

// Paho is an upstream of MQTT 3.1 and 3.1.1, until bridge/link/v3 takes its
// place: its QoS 2 is at least once.
type Paho struct{}

// Connect implements link.Upstream.
func (Paho) Connect(ctx context.Context, conn net.Conn, h link.Hello, s link.Session) (link.Link, error) {
	l := &pahoLink{session: s, lost: make(chan struct{})}
	o := mqtt.NewClientOptions().AddBroker("tcp://upstream").
		SetClientID(h.ClientID).SetUsername(h.Username).SetPassword(h.Password).
		SetProtocolVersion(4).SetCleanSession(h.CleanStart).SetAutoReconnect(false).SetConnectRetry(false).
		SetKeepAlive(h.KeepAlive).SetWriteTimeout(30 * time.Second).SetOrderMatters(true).SetAutoAckDisabled(true).
		SetDefaultPublishHandler(l.received).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { l.end(err) }).
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return conn, nil })
	if h.Bridge {
		o.SetProtocolVersion(0x84)
	}
	if h.Will != nil {
		o.SetBinaryWill(h.Will.Topic, h.Will.Payload, h.Will.QoS, h.Will.Retain)
	}
	l.client = mqtt.NewClient(o)
	token := l.client.Connect().(*mqtt.ConnectToken)
	select {
	case <-token.Done():
	case <-ctx.Done():
		conn.Close()
		return nil, ctx.Err()
	}
	if err := token.Error(); err != nil {
		conn.Close()
		return nil, err
	}
	l.present = token.SessionPresent()
	return l, nil
}

type pahoLink struct {
	client  mqtt.Client
	session link.Session
	present bool
	once    sync.Once
	lost    chan struct{}
	cause   error
}

func (l *pahoLink) received(_ mqtt.Client, m mqtt.Message) {
	stable, err := l.session.Received(link.Message{Topic: m.Topic(), Payload: m.Payload(), QoS: m.Qos(), Retain: m.Retained(), Dup: m.Duplicate()})
	if err == nil && stable != nil {
		err = stable(context.Background())
	}
	if err == nil {
		m.Ack()
	}
}

func (l *pahoLink) end(err error) {
	l.once.Do(func() {
		l.cause = err
		close(l.lost)
	})
}

func (l *pahoLink) Present() bool { return l.present }
func (l *pahoLink) Limits() link.Limits {
	return link.Limits{MaxQoS: 2, ReceiveMaximum: 65535}
}

func (l *pahoLink) Publish(m link.Message) *link.Receipt {
	r := link.NewReceipt()
	token := l.client.Publish(m.Topic, m.QoS, m.Retain, m.Payload)
	go func() {
		select {
		case <-token.Done():
			r.Settle(token.Error())
		case <-l.lost:
			r.Settle(l.cause)
		}
	}()
	return r
}

func (l *pahoLink) Release(uint16) *link.Receipt {
	r := link.NewReceipt()
	r.Settle(nil)
	return r
}

func (l *pahoLink) Subscribe(ctx context.Context, subs []link.Subscription) ([]byte, error) {
	codes := make([]byte, len(subs))
	for i, s := range subs {
		token := l.client.Subscribe(s.Filter, s.QoS, nil).(*mqtt.SubscribeToken)
		select {
		case <-token.Done():
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if err := token.Error(); err != nil && token.Result()[s.Filter] < 0x80 {
			return nil, err
		}
		codes[i] = token.Result()[s.Filter]
	}
	return codes, nil
}

func (l *pahoLink) Unsubscribe(_ context.Context, filters []string) error {
	token := l.client.Unsubscribe(filters...)
	<-token.Done()
	return token.Error()
}

func (l *pahoLink) LastHeard() time.Time  { return time.Now() }
func (l *pahoLink) Lost() <-chan struct{} { return l.lost }
func (l *pahoLink) Cause() error          { return l.cause }
func (l *pahoLink) Close() {
	l.client.Disconnect(100)
	l.end(errors.New("closed"))
}
