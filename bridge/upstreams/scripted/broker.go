package scripted

import (
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"sync"

	"gateway/broker/packet"
	"gateway/broker/topic"
)

// Broker is a broker on loopback that keeps to Rules. It is made by [Listen]. Its
// methods may be called concurrently.
type Broker struct {
	rules    Rules
	ln       net.Listener
	accepted sync.WaitGroup // the goroutine that accepts, and those of connections

	mu       sync.Mutex
	closed   bool
	conns    map[*conn]bool
	sessions map[string]*session
	taken    []packet.Publish
	offences []string
	count    int // connections that were accepted with CONNACK
	passed   int // messages that were over the rate
}

// session is what it knows of a client beyond a connection.
type session struct {
	subs    []packet.Subscription
	halfway map[uint16]bool // QoS 2 messages that were recorded and not released
}

// Listen starts a broker on a free port of 127.0.0.1.
func Listen(r Rules) (*Broker, error) { return listen(r, nil) }

// ListenTLS starts one that is reached by TLS.
func ListenTLS(r Rules, cfg *tls.Config) (*Broker, error) { return listen(r, cfg) }

func listen(r Rules, cfg *tls.Config) (*Broker, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a scripted broker: %w", err)
	}
	b := &Broker{rules: r, ln: ln, conns: map[*conn]bool{}, sessions: map[string]*session{}}
	if cfg != nil {
		cfg = cfg.Clone()
		if r.ALPN != "" {
			cfg.NextProtos = []string{r.ALPN}
		}
		b.ln = tls.NewListener(ln, cfg)
	}
	b.accepted.Go(b.accept)
	return b, nil
}

func (b *Broker) accept() {
	for {
		nc, err := b.ln.Accept()
		if err != nil {
			return
		}
		c := &conn{b: b, nc: nc}
		b.mu.Lock()
		if b.closed {
			nc.Close()
		} else {
			b.conns[c] = true
			b.accepted.Go(c.serve)
		}
		b.mu.Unlock()
	}
}

// Address returns host:port where it listens.
func (b *Broker) Address() string { return b.ln.Addr().String() }

// Close closes all connections, and returns when all goroutines have ended.
func (b *Broker) Close() {
	b.ln.Close()
	b.mu.Lock()
	b.closed = true
	for c := range b.conns {
		c.nc.Close()
	}
	b.mu.Unlock()
	b.accepted.Wait()
}

// Taken returns the messages that it has taken, in their order. One of QoS 2 is
// there once.
func (b *Broker) Taken() []packet.Publish {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.taken)
}

// Offences returns what it has closed connections for.
func (b *Broker) Offences() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.offences)
}

// Connections returns how often it has accepted a client.
func (b *Broker) Connections() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

// PassedOver returns how many messages were over MaxRate.
func (b *Broker) PassedOver() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.passed
}

// Disconnect sends DISCONNECT to all clients of MQTT 5 and closes all
// connections. A server reference is left out if it is "".
func (b *Broker) Disconnect(code packet.ReasonCode, reference string) {
	p := &packet.Disconnect{Code: code}
	if reference != "" {
		p.Properties = &packet.Properties{ServerReference: packet.Some(reference)}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.conns {
		c.goodbyeLocked(p)
	}
}

// Publish gives a message to who has subscribed, as if another client had
// published it.
func (b *Broker) Publish(m *packet.Publish) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deliverLocked(nil, m)
}

// takeLocked keeps a message and gives it to who has subscribed.
func (b *Broker) takeLocked(from *conn, m *packet.Publish) {
	b.taken = append(b.taken, *m)
	b.deliverLocked(from, m)
}

func (b *Broker) deliverLocked(from *conn, m *packet.Publish) {
	for c := range b.conns {
		if c.session == nil {
			continue
		}
		i := slices.IndexFunc(c.session.subs, func(s packet.Subscription) bool { return topic.Match(s.Filter, m.Topic) })
		if i < 0 {
			continue
		}
		sub := c.session.subs[i]
		own := from == c
		if own && (sub.NoLocal || c.bridge && b.rules.BridgeBit == BitAsMosquitto) {
			continue
		}
		keeps := sub.RetainAsPublished || c.bridge && b.rules.BridgeBit >= BitKeepsRetain
		c.sendLocked(&packet.Publish{Topic: m.Topic, Payload: m.Payload, Properties: forOthers(m.Properties), Retain: m.Retain && keeps})
	}
}

// forOthers are the properties that go with the message.
func forOthers(p *packet.Properties) *packet.Properties {
	if p == nil {
		return nil
	}
	q := *p
	q.TopicAlias = packet.Opt[uint16]{}
	return &q
}
