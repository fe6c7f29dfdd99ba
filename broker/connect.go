package broker

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"gateway/broker/auth"
	"gateway/broker/packet"
	"gateway/broker/store"
	"gateway/broker/topic"
)

// refused is a CONNECT that is not accepted; the client has been told.
type refused struct {
	code  packet.ReasonCode
	why   string
	cause Cause
	user  string // that the client claims to be
}

func (r refused) Error() string { return "CONNECT refused: " + r.code.String() + ": " + r.why }

// handleConnect answers CONNECT and joins the client with its session.
func (c *conn) handleConnect(first byte, body []byte) error {
	p, err := packet.Decode(first, body, 0)
	if err != nil {
		var perr *packet.Error
		if errors.As(err, &perr) && perr.Code == packet.UnsupportedProtocolVersion {
			c.version = packet.V5 // who speaks something newer can read this [MQTT-3.1.2-2]
			if saysOld(body) {
				c.version = packet.V311 // return code 1 [MQTT-3.1.2-2 v3]
			}
			return c.refuse(perr.Code, perr.Text)
		}
		if perr != nil && saysV5(body) { // [MQTT-3.1.4-1] [MQTT-3.1.4-2]
			c.version = packet.V5
			return c.refuse(perr.Code, perr.Text)
		}
		return err
	}
	p5, ok := p.(*packet.Connect)
	if !ok {
		return errFirstPacket
	}
	return c.connect(p5)
}

// The protocol names of MQTT, with their length, before the level.
const (
	nameMQTT   = "\x00\x04MQTT"
	nameMQIsdp = "\x00\x06MQIsdp"
)

// bridgeBit is added to the level by Mosquitto's bridges.
const bridgeBit = 0x80

// saysV5 tells whether a CONNECT that cannot be read is one of MQTT 5, whose
// sender can be told why.
func saysV5(body []byte) bool {
	level, ok := bytes.CutPrefix(body, []byte(nameMQTT))
	return ok && len(level) > 0 && level[0]&^bridgeBit == 5
}

// saysOld tells whether a CONNECT of an unknown level is of the time before
// MQTT 5.
func saysOld(body []byte) bool {
	level, ok := bytes.CutPrefix(body, []byte(nameMQTT))
	return bytes.HasPrefix(body, []byte(nameMQIsdp)) || ok && len(level) > 0 && level[0]&^bridgeBit < 5
}

func (c *conn) connect(p *packet.Connect) error {
	c.version = p.Version
	c.bridge = p.Bridge
	props := p.Properties
	if props == nil {
		props = new(packet.Properties)
	}
	c.id = p.ClientID
	c.maxPacket = int(min(props.MaximumPacketSize.V, math.MaxInt32))                           // which a refusal has to keep, too
	if v := c.terms.listener.Versions; len(v) > 0 && !slices.Contains(v, c.version.String()) { // [MQTT-3.1.2-2]
		return c.refuse(packet.UnsupportedProtocolVersion, "MQTT "+c.version.String()+" is not spoken here")
	}
	if c.id == "" { // any other text is a client id [MQTT-3.1.3-5]
		if !c.b.cfg().AssignClientIDs || c.version < packet.V5 && !p.CleanStart { // [MQTT-3.1.3-8] [MQTT-3.1.3-8 v3]
			return c.refuse(packet.ClientIdentifierNotValid, "a client id is needed")
		}
		c.id = c.b.cfg().ClientIDPrefix + rand.Text() // [MQTT-3.1.3-6]
	}
	login := c.login(p)
	c.password = login.Certificate == "" && (login.HasUsername || props.AuthMethod.OK)
	if props.AuthMethod.OK {
		return c.beginExchange(p)
	}
	id, err := c.terms.guard.Login(login)
	if err != nil {
		return c.refuseLogin(login, err)
	}
	return c.admit(p, id, nil)
}

// admit lets a client in that has proven to be id. last is the last word of
// its authentication.
func (c *conn) admit(p *packet.Connect, id auth.Identity, last []byte) error {
	props := p.Properties
	if props == nil {
		props = new(packet.Properties)
	}
	c.identity = id
	c.b.admitted(c)
	if c.terms.listener.UsernameAsClientID {
		if id.User == "" {
			return c.refuse(packet.NotAuthorized, "a user name is needed, which is the client id here")
		}
		c.id = id.User
	}
	var answer packet.Properties
	if p.ClientID == "" {
		answer.AssignedClientID = packet.Some(c.id) // [MQTT-3.1.3-7] [MQTT-3.2.2-16]
	}
	if c.proof != nil { // section 4.12
		answer.AuthMethod, answer.AuthData = packet.Some(c.proof.method), last
	}
	if err := c.takeWill(p.Will); err != nil {
		return c.refuse(err.Code, err.Text)
	}
	c.limits(p, props, &answer)
	expiry := c.b.expiry(p, props)
	if props.SessionExpiry.OK && expiry < secondsOf(props.SessionExpiry.V) {
		answer.SessionExpiry = packet.Some(uint32(expiry / time.Second))
	}
	if why := c.b.join(c, p.CleanStart, expiry, &answer); why != "" {
		return c.refuse(packet.ServerUnavailable, why)
	}
	if !c.stillKnown() { // a Reload came in between, and did not see this client
		return &packet.Error{Code: packet.NotAuthorized, Text: "the user is gone"}
	}
	c.log().Debug("client connected", "version", c.version, "clean_start", p.CleanStart, "keep_alive", c.keepAlive)
	if c.keepAlive == 0 {
		return c.readBy(time.Time{})
	}
	return c.readBy(time.Now().Add(c.keepAlive))
}

// limits sets what the client asked for, and tells it in answer what it gets.
func (c *conn) limits(p *packet.Connect, props, answer *packet.Properties) {
	cfg, t := c.b.cfg(), c.terms
	keepAlive := time.Duration(p.KeepAlive) * time.Second
	if limit := t.keepAlive; limit > 0 && c.version == packet.V5 && (keepAlive == 0 || keepAlive > limit) {
		keepAlive = limit                                                                    // older clients could not be told
		answer.ServerKeepAlive = packet.Some(uint16(min(limit/time.Second, math.MaxUint16))) // [MQTT-3.2.2-21]
	}
	c.keepAlive = keepAlive + keepAlive/2 // the client's own, where it is told no other [MQTT-3.2.2-22]
	c.window = cfg.MaxInflight
	if props.ReceiveMaximum.OK {
		c.window = min(c.window, int(props.ReceiveMaximum.V)) // [MQTT-3.3.4-9]
	}
	c.maxAlias = min(props.TopicAliasMaximum.V, t.maxAlias) // [MQTT-3.3.2-11]
	c.problems = props.RequestProblemInfo.Or(1) == 1
	if t.maxAlias > 0 {
		answer.TopicAliasMaximum = packet.Some(t.maxAlias)
	}
	answer.MaximumPacketSize = packet.Some(uint32(t.maxPacket))
	answer.ReceiveMaximum = packet.Some(uint16(cfg.ReceiveMaximum))
	if t.maxQoS < 2 { // [MQTT-3.2.2-9]
		answer.MaximumQoS = packet.Some(byte(t.maxQoS))
	}
	if !cfg.RetainAvailable {
		answer.RetainAvailable = packet.Some(byte(0))
	}
	if info := cfg.ResponseInformation; info != "" && props.RequestResponseInfo.Or(0) == 1 { // [MQTT-3.1.2-28]
		answer.ResponseInfo = packet.Some(strings.NewReplacer("%c", c.id, "%u", c.identity.User).Replace(info))
	}
}

// takeWill keeps the will for the end of the connection.
func (c *conn) takeWill(w *packet.Will) *packet.Error {
	switch {
	case w == nil:
		return nil
	case w.QoS > c.terms.maxQoS: // [MQTT-3.2.2-12]
		return &packet.Error{Code: packet.QoSNotSupported, Clause: "MQTT-3.2.2-12", Text: fmt.Sprintf("will QoS %d, the maximum is %d", w.QoS, c.terms.maxQoS)}
	case w.Retain && !c.b.cfg().RetainAvailable: // [MQTT-3.2.2-13]
		return &packet.Error{Code: packet.RetainNotSupported, Clause: "MQTT-3.2.2-13", Text: "a will to be retained, and nothing is retained here"}
	}
	if err := c.b.checkTopic(w.Topic); err != nil {
		return err
	}
	c.will = &will{m: Message{
		Topic: c.terms.mount(w.Topic), Payload: w.Payload, QoS: w.QoS, Retain: w.Retain, // [MQTT-3.1.2-14] [MQTT-3.1.2-15]
		Properties: passedOn(w.Properties), publisher: c.id,
	}}
	c.willTopic = &c.will.m.Topic
	c.will.m.extra = sizeOf(c.will.m.Properties)
	if w.Properties != nil {
		c.will.delay = secondsOf(w.Properties.WillDelay.V)
		c.will.expiry = w.Properties.MessageExpiry
	}
	return nil
}

// will is what is published when a client is lost.
type will struct {
	m      Message
	delay  time.Duration
	expiry packet.Opt[uint32] // s
	rights *auth.Rights       // of the client, when it left
}

// message returns the will as it is published now.
func (w *will) message() *Message {
	m := w.m
	if w.expiry.OK {
		m.Expires = time.Now().Add(secondsOf(w.expiry.V))
	}
	return &m
}

// checkTopic tells whether a client may use a topic name at all.
func (b *Broker) checkTopic(name string) *packet.Error {
	err := topic.CheckName(name)
	if limit := b.cfg().MaxTopicLevels; err == nil && topic.Levels(name) > limit {
		err = fmt.Errorf("topic of %d levels: at most %d are allowed", topic.Levels(name), limit)
	}
	if err != nil {
		return &packet.Error{Code: packet.TopicNameInvalid, Clause: "MQTT-4.7.3-1", Text: err.Error()}
	}
	return nil
}

// passedOn returns the properties that a message keeps, nil if there are
// none [MQTT-3.3.2-15 to -20]. A will keeps the same ones, its user properties in
// their order [MQTT-3.1.3-10].
func passedOn(p *packet.Properties) *Properties {
	if p == nil {
		return nil
	}
	kept := Properties{
		PayloadFormat:   p.PayloadFormat,
		ContentType:     p.ContentType,
		ResponseTopic:   p.ResponseTopic,
		CorrelationData: p.CorrelationData,
		User:            p.User,
	}
	if !kept.PayloadFormat.OK && !kept.ContentType.OK && !kept.ResponseTopic.OK && kept.CorrelationData == nil && kept.User == nil {
		return nil
	}
	return &kept
}

// expiry is how long the client's session outlives its connection.
func (b *Broker) expiry(p *packet.Connect, props *packet.Properties) time.Duration {
	limit := b.cfg().SessionExpiry
	if limit == 0 {
		limit = noExpiry
	}
	switch {
	case p.Version == packet.V5:
		return min(limit, secondsOf(props.SessionExpiry.V))
	case p.CleanStart:
		return 0
	}
	return limit
}

// secondsOf turns an interval of MQTT 5 into a duration; the largest one
// means for ever.
func secondsOf(s uint32) time.Duration {
	if s == math.MaxUint32 {
		return noExpiry
	}
	return time.Duration(s) * time.Second
}

// changeExpiry handles the session expiry of a DISCONNECT.
func (c *conn) changeExpiry(seconds uint32) error {
	c.b.sessionsMu.Lock()
	defer c.b.sessionsMu.Unlock()
	if c.session.expiry == 0 && seconds != 0 {
		return &packet.Error{Code: packet.ProtocolError, Clause: "MQTT-3.14.2", Text: "DISCONNECT gives an expiry to a session that had none"}
	}
	limit := c.b.cfg().SessionExpiry
	if limit == 0 {
		limit = noExpiry
	}
	c.session.expiry = min(limit, secondsOf(seconds))
	return nil
}

// refuse answers CONNECT with an error, which why says in words; the error that
// it returns ends the connection [MQTT-3.2.2-7].
func (c *conn) refuse(code packet.ReasonCode, why string) error {
	p := &packet.Connack{Code: code}
	if c.version == packet.V5 {
		p.Properties = c.explain(why)
	}
	_ = c.send(p) // [MQTT-3.2.2-6]
	return refused{code: code, why: why, cause: cmp.Or(refusalCauses[code], BadPacket)}
}

// join gives c its session, new or found as clean start asks for
// [MQTT-3.1.4-4], and answers CONNECT [MQTT-3.1.4-5]. Only then the session may
// send: CONNACK comes first [MQTT-3.2.0-1]. It returns why there is none, "" if
// there is.
func (b *Broker) join(c *conn, clean bool, expiry time.Duration, answer *packet.Properties) (why string) {
	s, ok := b.claim(c, clean)
	if !ok {
		return "the server is stopping"
	}
	defer b.sessionsMu.Unlock()
	var after aftermath
	if s != nil && s.identity != c.identity {
		clean = true // one user's messages are not another's
	}
	present := s != nil && !clean // [MQTT-3.1.2-4] [MQTT-3.1.2-5]
	prevented := false            // a will that was due
	switch {
	case s == nil: // [MQTT-3.1.2-6]
		s = newSession(b, c.id)
	case clean:
		after = b.endLocked(s)
		s = newSession(b, c.id)
	default: // a reconnect in time prevents the end and the will [MQTT-3.1.3-9]
		prevented = s.will != nil
		b.timers.cancel(s.ending)
		b.timers.cancel(s.willDue)
		s.ending, s.willDue, s.will = nil, nil, nil
	}
	b.sessions[c.id] = s
	s.expiry = expiry
	s.identity, s.guard = c.identity, c.terms.guard
	s.refreshRights()
	c.session, c.resumed = s, present
	s.owner = c
	delete(b.lastEnds, s)
	c.since = b.passed()
	c.terms.flow.clients.Add(1)
	if mark := b.keepSession(s, c.will, &after, present, prevented); mark > 0 {
		// A crash must not bring back what CONNACK says is gone.
		b.sessionsMu.Unlock()
		stable := c.awaitStable(mark)
		b.sessionsMu.Lock()
		if !stable && !present {
			b.withdrawLocked(c, s)
			return "the session cannot be stored now"
		}
	}
	c.durable = s.num != 0 && s.expiry > 0
	_ = c.send(&packet.Connack{SessionPresent: present, Properties: answer}) // [MQTT-3.2.2-2] [MQTT-3.2.2-3]
	s.attach(c)
	b.counters.accepted.Add(1)
	b.follow(after)
	return ""
}

// withdrawLocked ends a new session that could not be stored. Broker.sessionsMu
// is held.
func (b *Broker) withdrawLocked(c *conn, s *session) {
	s.owner, c.session, c.will = nil, nil, nil
	c.terms.flow.clients.Add(-1)
	b.follow(b.endLocked(s))
	if c.left != nil {
		close(c.left)
		c.left = nil
	}
}

// keepSession stores a session that has got a connection, if it is to be kept,
// and the end of the one before it. It returns the mark that CONNACK has to wait
// for, 0 for none: that of a session that was resumed only if that prevented a
// will. Broker.sessionsMu is held.
func (b *Broker) keepSession(s *session, w *will, after *aftermath, resumed, prevented bool) store.Mark {
	if b.store == nil {
		return 0
	}
	b.rehome(after)
	var mark store.Mark
	if s.num == 0 && (s.expiry > 0 || w != nil) {
		s.num = b.store.NewSession()
	}
	switch {
	case s.num == 0:
		for _, num := range after.ended {
			mark = b.promise(store.Change{Op: store.EndSession, Session: num})
		}
	case resumed && prevented:
		mark = b.promise(s.put(w, time.Time{}))
	case resumed:
		b.note(s.put(w, time.Time{}))
	default:
		changes := []store.Change{s.put(w, time.Time{})}
		for _, num := range after.ended {
			changes = append(changes, store.Change{Op: store.EndSession, Session: num})
		}
		mark = b.promise(changes...)
		if s.expiry == 0 {
			mark = 0 // nothing of it is promised
		}
	}
	after.ended = nil
	return mark
}

// claim returns the session that c's client id names [MQTT-3.1.3-2], which has no
// connection any more, nil if there is none. A connection that has it is ended
// first. It returns with sessionsMu held, unless ok is false.
func (b *Broker) claim(c *conn, clean bool) (s *session, ok bool) {
	for {
		b.sessionsMu.Lock()
		if b.stopping {
			b.sessionsMu.Unlock()
			return nil, false
		}
		s = b.sessions[c.id]
		if s == nil || s.owner == nil {
			return s, true
		}
		old := s.owner
		old.taken, old.takenClean = true, clean
		old.disconnect(packet.SessionTakenOver, ending{cause: TakenOver, by: c.address()})
		if old.left == nil {
			old.left = make(chan struct{})
		}
		left := old.left
		b.sessionsMu.Unlock()
		<-left
	}
}

// leave ends the client's part of the connection, as e says: the will is published or
// planned, and kept with the session until then [MQTT-3.1.2-7]; the session ends
// or waits until its time is over [MQTT-3.1.2-23]. While there is a connection,
// nothing ends its session [MQTT-4.1.0-1].
func (b *Broker) leave(c *conn, e *End) {
	b.sessionsMu.Lock()
	if c.left != nil {
		defer close(c.left)
	}
	s := c.session
	s.detach()
	if s.expiry > 0 {
		b.lastEnds[s] = e
	}
	c.terms.flow.clients.Add(-1)
	if c.will != nil {
		c.will.rights = s.rights.Load()
	}
	after := aftermath{orphans: b.orphansLocked(s, false)}
	switch {
	case c.will == nil: // [MQTT-3.1.2-12 v3]
	case c.taken && !c.takenClean && s.expiry > 0: // the client goes on, see the package comment
	case min(c.will.delay, s.expiry) == 0:
		after.wills = append(after.wills, c.will)
	default:
		s.will = c.will
		if c.will.delay < s.expiry { // or the end of the session publishes it
			s.willDue = b.timers.at(time.Now().Add(c.will.delay), func() { b.willDue(s) })
		}
	}
	if s.expiry > 0 && s.num != 0 {
		b.follow(after) // before the store forgets the will
		after = aftermath{}
		b.note(s.put(s.will, time.Now()))
	}
	switch s.expiry {
	case 0:
		after.add(b.endLocked(s))
	case noExpiry:
	default:
		s.ending = b.timers.at(time.Now().Add(s.expiry), func() { b.expire(s) })
	}
	b.sessionsMu.Unlock()
	b.follow(after)
}

// willDue publishes the will of a client that did not come back in time
// [MQTT-3.1.2-8], and forgets it [MQTT-3.1.2-10].
func (b *Broker) willDue(s *session) {
	b.sessionsMu.Lock()
	w := s.will
	s.will = nil
	b.sessionsMu.Unlock()
	if w != nil {
		b.publishWill(w)
	}
	b.sessionsMu.Lock()
	defer b.sessionsMu.Unlock()
	if s.num != 0 && s.owner == nil && b.sessions[s.id] == s {
		b.note(s.put(nil, time.Now()))
	}
}

// expire ends a session whose client did not come back in time [MQTT-4.1.0-2].
func (b *Broker) expire(s *session) {
	b.sessionsMu.Lock()
	var after aftermath
	if s.ending != nil && b.sessions[s.id] == s {
		b.counters.expiredSessions.Add(1)
		after = b.endLocked(s)
	}
	b.sessionsMu.Unlock()
	b.follow(after)
}

// aftermath is what is to be published when a client or its session has gone.
type aftermath struct {
	wills   []*will
	orphans []orphan
	ended   []store.SessionID // sessions to be taken out of the store
}

func (a *aftermath) add(more aftermath) {
	a.wills = append(a.wills, more.wills...)
	a.orphans = append(a.orphans, more.orphans...)
	a.ended = append(a.ended, more.ended...)
}

// rehome gives what a client left behind in shared subscriptions to others.
func (b *Broker) rehome(a *aftermath) {
	b.reroute(a.orphans)
	a.orphans = nil
}

// follow publishes what a client left behind. Broker.sessionsMu may be held,
// no other lock.
func (b *Broker) follow(a aftermath) {
	b.rehome(&a)
	for _, w := range a.wills {
		b.publishWill(w)
	}
	for _, num := range a.ended { // not before: a crash would lose the rest
		b.note(store.Change{Op: store.EndSession, Session: num})
	}
}

// publishWill publishes a will, if the client had the right to.
func (b *Broker) publishWill(w *will) {
	if !w.rights.Publish(w.m.Topic) {
		b.counters.refused.Add(1)
		return
	}
	if _, _, err := b.publish(w.message()); err != nil {
		b.log.Error("a will is in memory only", "topic", w.m.Topic, "error", err)
	}
}

// endLocked ends a session that has no connection, and returns what is to be
// published for that. What its client has retained stays [MQTT-3.1.2-7 v3].
// Broker.sessionsMu is held.
func (b *Broker) endLocked(s *session) (after aftermath) {
	delete(b.sessions, s.id)
	delete(b.lastEnds, s)
	b.timers.cancel(s.ending)
	b.timers.cancel(s.willDue)
	s.ending, s.willDue = nil, nil
	if s.will != nil {
		after.wills = append(after.wills, s.will)
		s.will = nil
	}
	after.orphans = b.orphansLocked(s, true)
	subs := make([]*subscription, 0, len(s.subs))
	for _, sub := range s.subs {
		subs = append(subs, sub)
	}
	b.unsubscribe(subs...)
	s.mu.Lock()
	s.subs = nil
	s.atMost.clear()
	s.atLeast.clear()
	s.ended = true
	s.mu.Unlock()
	if s.num != 0 {
		after.ended = append(after.ended, s.num)
	}
	return after
}
