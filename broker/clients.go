package broker

import (
	"cmp"
	"net"
	"slices"
	"time"

	"gateway/broker/packet"
)

// Client is what the broker knows of a client: one that is connected, or one
// that is away and whose session is kept.
type Client struct {
	ID, User string
	// Connected tells whether it is. What follows is of its connection; of a
	// client that is away the zero value, but for what is said of Last.
	Connected bool
	Address   string // host:port
	Listener  string // where it came in: "tls 0.0.0.0:8883"
	Transport string // tcp, tls, ws, wss or unix
	Version   string // of MQTT: 3.1, 3.1.1 or 5.0
	Bridge    bool   // it says that it is another broker's bridge
	Clean     bool   // it began without what an earlier session had left
	KeepAlive time.Duration
	Since     time.Time // of the connection; for a client that is away, since when it is
	Will      string    // the topic of its will, also while that waits; "" without one
	Flow      Flow      // of this connection

	// Of the session, connected or not.
	Expiry        time.Duration // how long it outlives the connection: 0 not at all, negative for ever
	Ends          time.Time     // of a client that is away: when the session ends; zero for never
	Subscriptions int
	Waiting       int   // messages that wait for it
	WaitingBytes  int64 // of what waits, and of what is encoded to be sent
	InFlight      int   // messages of QoS 1 and 2 that were sent and not acknowledged
	Dropped       int64 // messages that it did not get, since the session began or the gateway started

	// Last is how its last connection ended, for a client that is away; its Cause is
	// empty if that was before the gateway started.
	Last *End

	conn *conn // while this is put together
}

// Clients returns the clients that the broker knows of now, by client id.
func (b *Broker) Clients() []Client {
	b.sessionsMu.Lock()
	all := make([]Client, 0, len(b.sessions))
	sessions := make([]*session, 0, len(b.sessions))
	for _, s := range b.sessions {
		all = append(all, s.clientLocked())
		sessions = append(sessions, s)
	}
	b.sessionsMu.Unlock()
	for i := range all { // what needs other locks, and texts
		sessions[i].describe(&all[i])
	}
	slices.SortFunc(all, func(x, y Client) int { return cmp.Compare(x.ID, y.ID) })
	return all
}

// Client returns what the broker knows of one client.
func (b *Broker) Client(id string) (c Client, ok bool) {
	b.sessionsMu.Lock()
	s := b.sessions[id]
	if s != nil {
		c = s.clientLocked()
	}
	b.sessionsMu.Unlock()
	if s == nil {
		return Client{}, false
	}
	s.describe(&c)
	return c, true
}

// clientLocked returns what Broker.sessionsMu guards, which is held.
func (s *session) clientLocked() Client {
	c := Client{ID: s.id, User: s.identity.User, Expiry: s.expiry, Connected: s.owner != nil}
	if s.expiry == noExpiry {
		c.Expiry = -1
	}
	switch {
	case s.owner != nil:
		c.Since = time.Now().Add(s.owner.since - s.b.passed())
	case s.ending != nil:
		c.Ends = s.ending.at
	}
	if e := s.b.lastEnds[s]; e != nil {
		c.Since, c.Last = e.Time, e
	}
	if s.will != nil {
		c.Will = s.will.m.Topic
	}
	c.conn = s.owner
	return c
}

// describe adds the rest.
func (s *session) describe(c *Client) {
	s.mu.Lock()
	c.Subscriptions = len(s.subs)
	c.Waiting = s.atMost.len + s.atLeast.len
	c.WaitingBytes = s.atMost.bytes + s.atLeast.bytes
	c.InFlight = s.flight.open
	c.Dropped = int64(s.dropped)
	s.mu.Unlock()
	if o := c.conn; o != nil {
		o.describe(c)
		c.conn = nil
	}
}

// describe adds what is of the connection, which may have ended meanwhile.
func (c *conn) describe(to *Client) {
	t := &c.traffic
	c.mu.Lock()
	to.Flow.SentMessages, to.Flow.SentBytes = t.sentMessages, t.sentBytes
	to.Dropped += int64(t.dropped)
	if c.out != nil {
		to.WaitingBytes += int64(c.out.size)
	}
	c.mu.Unlock()
	to.Flow.Messages, to.Flow.Bytes = t.messages.Load(), t.bytes.Load()
	to.Address, to.Listener, to.Transport = c.address(), c.terms.name(), c.terms.listener.Protocol
	to.Version, to.Bridge, to.Clean = c.version.String(), c.bridge, !c.resumed
	to.KeepAlive = c.keepAlive * 2 / 3
	if c.willTopic != nil {
		to.Will = *c.willTopic
	}
}

// Subscribed is a subscription of a client.
type Subscribed struct {
	Filter            string // as the client has it, with $share/ and without a mount point
	QoS               QoS
	NoLocal           bool
	RetainAsPublished bool
	ID                uint32 // subscription identifier; 0 for none
}

// Subscriptions returns the subscriptions of a client by filter, at most so many;
// nil if there is no such client.
func (b *Broker) Subscriptions(id string, most int) []Subscribed {
	b.sessionsMu.Lock()
	s := b.sessions[id]
	b.sessionsMu.Unlock()
	if s == nil {
		return nil
	}
	s.mu.Lock()
	all := make([]Subscribed, 0, len(s.subs))
	for filter, sub := range s.subs {
		all = append(all, Subscribed{filter, sub.qos, sub.noLocal, sub.asPublished, sub.id})
	}
	s.mu.Unlock()
	slices.SortFunc(all, func(x, y Subscribed) int { return cmp.Compare(x.Filter, y.Filter) })
	return all[:min(len(all), most)]
}

// Disconnect ends the connection of a client, which is told why if it speaks MQTT
// 5, and reports whether there was one. The client may connect again, and finds
// its session. Its will is published. It does not wait for the end.
func (b *Broker) Disconnect(id, why string) bool {
	b.sessionsMu.Lock()
	defer b.sessionsMu.Unlock()
	s := b.sessions[id]
	if s == nil || s.owner == nil {
		return false
	}
	s.owner.disconnect(packet.AdministrativeAction, ending{cause: Kicked, detail: why})
	return true
}

// Forget is Disconnect, and ends the session: its subscriptions, and what waits
// for the client, are dropped. It reports whether there was such a client,
// connected or not.
func (b *Broker) Forget(id, why string) bool {
	b.sessionsMu.Lock()
	s := b.sessions[id]
	var after aftermath
	switch {
	case s == nil:
	case s.owner != nil:
		s.expiry = 0 // the session ends with its connection
		s.owner.disconnect(packet.AdministrativeAction, ending{cause: Kicked, detail: why})
	default:
		after = b.endLocked(s)
	}
	b.sessionsMu.Unlock()
	b.follow(after)
	return s != nil
}

// Door is a listener.
type Door struct {
	Protocol, Address string
	Addr              net.Addr // Address, as the system has it
	Listener          Listener // its configuration
	Clients           int      // that came in here and are connected
	Open              int      // connections, with those not let in yet
	Accepted          uint64   // connections since the start
	Refused           uint64   // before MQTT: over a limit, TLS and PROXY headers that failed
	Anonymous         bool     // who gives no name is let in
	Rates             Rates
	// CertificateExpires is the last moment that the certificate is valid; zero
	// without TLS.
	CertificateExpires time.Time
}

// Doors returns the listeners in the order of the configuration.
func (b *Broker) Doors() []Door {
	open, rates := b.ratesOfDoors()
	all := make([]Door, 0, len(open))
	for i, l := range open {
		st, t := l.door.Stats(), l.now()
		all = append(all, Door{
			Protocol: t.listener.Protocol, Address: l.addr().String(), Addr: l.addr(), Listener: t.listener, Clients: int(t.flow.clients.Load()),
			Open: st.Open, Accepted: st.Accepted, Refused: st.Refused.Total(), Anonymous: t.anonymous,
			Rates: rates[1+i], CertificateExpires: st.CertificateExpires,
		})
	}
	return all
}
