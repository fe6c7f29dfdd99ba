package broker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/broker/packet"
	"gateway/broker/store"
	"gateway/broker/topic"
)

// handlePublish takes a message from the client and acknowledges it.
func (c *conn) handlePublish(first byte, body []byte) error {
	w := c.in.work()
	p := &w.publish
	r := c.knownTopic(body)
	if r != nil {
		p.Topic = r.name // which saves the decoder to make it
	}
	if err := p.Decode(first, body, c.version); err != nil {
		return err
	}
	switch {
	case p.Properties != nil && len(p.Properties.SubscriptionIDs) > 0: // [MQTT-3.3.4-6]
		return &packet.Error{Code: packet.ProtocolError, Clause: "MQTT-3.3.4-6", Text: "a subscription identifier in a PUBLISH to the server"}
	case p.QoS > c.terms.maxQoS: // [MQTT-3.2.2-11]
		return &packet.Error{Code: packet.QoSNotSupported, Clause: "MQTT-3.2.2-11", Text: fmt.Sprintf("QoS %d, the maximum is %d", p.QoS, c.terms.maxQoS)}
	case p.Retain && !c.b.cfg().RetainAvailable: // [MQTT-3.2.2-14]
		return &packet.Error{Code: packet.RetainNotSupported, Clause: "MQTT-3.2.2-14", Text: "nothing is retained here"}
	}
	name, err := c.resolveAlias(p)
	if err != nil {
		return err
	}
	if r == nil || r.name != name {
		if r = c.topics[name]; r == nil {
			if err := c.b.checkTopic(name); err != nil {
				return err
			}
			r = c.topics.add(name, c.terms.mount(name))
		}
	}
	c.b.counters.publishReceived.Add(1)
	c.traffic.fresh.messages++
	c.b.counters.payloadReceived.Add(int64(len(p.Payload)))
	if c.pace != nil {
		c.pace.pause = c.pace.take(c.b.cfg().MaxPublishRate, time.Now())
	}
	if p.QoS == 2 {
		fresh, err := c.session.receive(p.ID, c.b.receiveLimit(c.version))
		if err != nil {
			return err
		}
		if !fresh {
			return c.answer(packet.TypePubrec, p.ID, packet.Success, c.session.noted)
		}
	}
	code := packet.Success
	var mark store.Mark // when what is promised is stable
	switch {
	case name[0] == '$' || !r.allows(c.session.rights.Load()): // [MQTT-3.3.5-2 v3]
		code = packet.NotAuthorized
		c.denied("publish", name)
	case c.b.cfg().MaxMessageSize > 0 && len(p.Payload) > c.b.cfg().MaxMessageSize:
		code = packet.ImplementationSpecificError
		c.b.counters.refusedTooLarge.Add(1)
	default:
		w.pub.begin(c.message(r.full, p))
		k := &w.pub.keeping
		k.urgent = p.QoS > 0
		if p.QoS == 2 && c.durable {
			k.session, k.id = c.session.num, p.ID
		}
		if c.b.route(&w.pub, r) == 0 && c.version == packet.V5 {
			code = packet.NoMatchingSubscribers
		}
		if mark = k.mark; k.session != 0 {
			c.session.noted = max(c.session.noted, mark)
		}
		if (k.err != nil || k.refused) && p.QoS > 0 { // it is not acknowledged, and stays with the client
			if c.version < packet.V5 {
				return fmt.Errorf("a message was not taken: %w", errors.Join(errNotTaken, k.err))
			}
			code = packet.QuotaExceeded
		}
	}
	if p.QoS == 2 && code >= packet.UnspecifiedError { // the exchange ends here [MQTT-4.3.3-9]
		c.session.release(p.ID)
	}
	switch p.QoS { // [MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.3-8]
	case 1: // nothing of it is remembered: the identifier is free again [MQTT-4.3.2-5]
		return c.refer(packet.TypePuback, p.ID, code, mark)
	case 2:
		return c.refer(packet.TypePubrec, p.ID, code, mark)
	}
	return nil
}

// errNotTaken is why a client before MQTT 5, which cannot be told, is
// disconnected.
var errNotTaken = errors.New("there is no room for it")

// refusals are in words why a message is refused.
var refusals = map[packet.ReasonCode]string{
	packet.NotAuthorized:               "not allowed to publish there",
	packet.ImplementationSpecificError: "the payload is larger than messages may be here",
	packet.QuotaExceeded:               "there is no room for the message",
}

// refer acknowledges a message that was accepted or refused.
func (c *conn) refer(typ packet.Type, id uint16, code packet.ReasonCode, mark store.Mark) error {
	if code < packet.UnspecifiedError {
		return c.answer(typ, id, code, mark)
	}
	if c.version < packet.V5 { // older clients cannot be told [MQTT-3.3.5-2 v3]
		return c.answer(typ, id, packet.Success, 0)
	}
	var ack packet.Packet = &packet.Puback{ID: id, Code: code, Properties: c.explainAck(refusals[code])}
	if typ == packet.TypePubrec {
		ack = &packet.Pubrec{ID: id, Code: code, Properties: c.explainAck(refusals[code])}
	}
	b, err := ack.Append(nil, c.version)
	if err != nil {
		return err
	}
	c.answerAfter(0, b)
	return nil
}

// explainAck is explain for a packet other than CONNACK and DISCONNECT, which
// says nothing in words if the client does not want it to [MQTT-3.1.2-29], or if
// the packet grew too large for it [MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.9.2-1].
func (c *conn) explainAck(why string) *packet.Properties {
	if !c.problems {
		return nil
	}
	return c.explain(why)
}

// knownTopic returns the route of the topic of a PUBLISH, nil if this
// connection has not used it lately.
func (c *conn) knownTopic(body []byte) *route {
	if len(body) < 2 {
		return nil
	}
	n := int(body[0])<<8 | int(body[1])
	if len(body) < 2+n {
		return nil
	}
	return c.topics.find(body[2 : 2+n])
}

// message makes the message of a PUBLISH. Its payload is in the connection's
// read buffer.
func (c *conn) message(name string, p *packet.Publish) Message {
	m := Message{
		Topic:      name,
		Payload:    p.Payload,
		QoS:        p.QoS,
		Retain:     p.Retain,
		Properties: passedOn(p.Properties),
		publisher:  c.id,
	}
	m.extra = sizeOf(m.Properties)
	if p.Properties != nil && p.Properties.MessageExpiry.OK {
		m.Expires = time.Now().Add(secondsOf(p.Properties.MessageExpiry.V))
	}
	return m
}

// receiveLimit is how many QoS 2 messages a client may have in flight. The
// older versions know no limit but their packet identifiers.
func (b *Broker) receiveLimit(v packet.Version) int {
	if v == packet.V5 {
		return b.cfg().ReceiveMaximum
	}
	return 65535
}

// resolveAlias returns the topic of p, by its alias if it has one.
func (c *conn) resolveAlias(p *packet.Publish) (string, error) {
	if p.Properties == nil || !p.Properties.TopicAlias.OK {
		return p.Topic, nil
	}
	alias := int(p.Properties.TopicAlias.V)
	if alias == 0 || alias > int(c.terms.maxAlias) { // [MQTT-3.3.2-8] [MQTT-3.3.2-9]
		return "", &packet.Error{Code: packet.TopicAliasInvalid, Clause: "MQTT-3.3.2-9", Text: fmt.Sprintf("topic alias %d, the maximum is %d", alias, c.terms.maxAlias)}
	}
	for len(c.aliases) < alias {
		c.aliases = append(c.aliases, "")
	}
	if p.Topic != "" {
		c.aliases[alias-1] = p.Topic // [MQTT-3.3.2-12]
		return p.Topic, nil
	}
	if c.aliases[alias-1] == "" {
		return "", &packet.Error{Code: packet.ProtocolError, Clause: "MQTT-3.3.2-7", Text: fmt.Sprintf("topic alias %d was not set on this connection", alias)}
	}
	return c.aliases[alias-1], nil
}

// handleSubscribe adds subscriptions, each as if it had come alone, and gives one
// answer [MQTT-3.8.4-5], with a code for each in their order [MQTT-3.8.4-6]
// [MQTT-3.9.3-1], under the identifier of the request [MQTT-2.2.1-6]. What is
// retained goes out behind the answer.
func (c *conn) handleSubscribe(p *packet.Subscribe) error {
	var id uint32
	if p.Properties != nil && len(p.Properties.SubscriptionIDs) > 0 {
		id = p.Properties.SubscriptionIDs[0]
	}
	codes := make([]packet.ReasonCode, len(p.Filters))
	granted := make([]*subscription, len(p.Filters))
	fresh := 0
	for i, f := range p.Filters {
		if strings.HasPrefix(f.Filter, topic.SharePrefix) && f.NoLocal { // [MQTT-3.8.3-4]
			return &packet.Error{Code: packet.ProtocolError, Clause: "MQTT-3.8.3-4", Text: fmt.Sprintf("No Local on the shared subscription %q", f.Filter)}
		}
		sub, code := c.grant(f, id, fresh)
		if code == packet.TopicFilterInvalid && c.version < packet.V5 { // [MQTT-4.7.1-2 v3]
			return &packet.Error{Code: code, Clause: "MQTT-4.7.1-2 v3", Text: fmt.Sprintf("invalid filter %q", f.Filter)}
		}
		if sub != nil && c.session.subs[f.Filter] == nil {
			fresh++
		}
		granted[i], codes[i] = sub, code
	}
	suback := &packet.Suback{ID: p.ID, Codes: codes}
	if i := slices.IndexFunc(codes, func(code packet.ReasonCode) bool { return code >= packet.UnspecifiedError }); i >= 0 {
		suback.Properties = c.explainAck(fmt.Sprintf("%.100q: %v", p.Filters[i].Filter, codes[i]))
	}
	ack, err := suback.Append(nil, c.version) // [MQTT-3.8.4-1] [MQTT-3.8.4-2]
	if err != nil {
		return err
	}
	changes := make([]change, 0, len(granted))
	var kept []store.Change
	for i, sub := range granted {
		if sub == nil {
			continue
		}
		key := p.Filters[i].Filter
		old := c.session.subs[key] // [MQTT-3.8.4-3]
		c.session.note(key, sub)
		handling := p.Filters[i].RetainHandling
		replay := handling == 0 || handling == 1 && old == nil // [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
		changes = append(changes, change{sub, old, replay})
		if c.durable && (old == nil || !old.same(sub)) {
			kept = append(kept, sub.put(c.session.num, key))
		}
	}
	if !c.promised(kept) {
		// It may get there yet; the client has to ask again.
		return &packet.Error{Code: packet.ServerBusy, Text: "the subscription cannot be stored"}
	}
	c.makeWay()
	c.b.subscribe(changes, func() { c.sendNow(ack) })
	return nil
}

// promised stores changes of the session, and reports whether they, and those
// before, are stable.
func (c *conn) promised(changes []store.Change) bool {
	s := c.session
	if len(changes) > 0 {
		s.noted = max(s.noted, c.b.promise(changes...))
	}
	return !c.durable || c.awaitStable(s.noted)
}

// grant decides on one subscription of a SUBSCRIBE, of which fresh new ones
// were granted before.
func (c *conn) grant(f packet.Subscription, id uint32, fresh int) (*subscription, packet.ReasonCode) {
	if topic.CheckFilter(f.Filter) != nil || topic.Levels(f.Filter) > c.b.cfg().MaxTopicLevels {
		return nil, packet.TopicFilterInvalid
	}
	share, filter := topic.SplitShare(f.Filter)
	full := c.terms.mount(filter)
	if c.terms.mountPoint != "" && topic.CheckFilter(full) != nil { // the mount point runs into a wildcard
		return nil, packet.UnspecifiedError
	}
	if !c.session.rights.Load().Subscribe(full) {
		c.denied("subscribe", f.Filter)
		if c.b.cfg().SubscribeRefusal == "unspecified" {
			return nil, packet.UnspecifiedError
		}
		return nil, packet.NotAuthorized
	}
	limit := c.b.cfg().MaxSubscriptions
	if _, known := c.session.subs[f.Filter]; !known && limit > 0 && len(c.session.subs)+fresh >= limit {
		return nil, packet.QuotaExceeded
	}
	qos := min(f.QoS, c.terms.maxQoS) // [MQTT-3.2.2-10] [MQTT-3.8.4-7]
	return &subscription{
		to:          c.session,
		filter:      full,
		share:       share,
		qos:         qos,
		noLocal:     f.NoLocal || c.bridge,
		asPublished: f.RetainAsPublished || c.bridge,
		id:          id,
	}, packet.ReasonCode(qos)
}

// handleUnsubscribe removes subscriptions, each as if it had come alone, and gives
// one answer [MQTT-3.10.4-6], with a code for each in their order
// [MQTT-3.11.3-1], also where nothing was removed [MQTT-3.10.4-5].
func (c *conn) handleUnsubscribe(p *packet.Unsubscribe) error {
	codes := make([]packet.ReasonCode, len(p.Filters))
	var kept []store.Change
	for i, f := range p.Filters {
		if err := topic.CheckFilter(f); err != nil {
			if c.version < packet.V5 {
				return &packet.Error{Code: packet.TopicFilterInvalid, Clause: "MQTT-4.7.1-2 v3", Text: err.Error()}
			}
			codes[i] = packet.TopicFilterInvalid
			continue
		}
		sub := c.session.subs[f]
		if sub == nil {
			codes[i] = packet.NoSubscriptionExisted
			continue
		}
		c.session.note(f, nil)
		c.b.unsubscribe(sub) // [MQTT-3.10.4-1] [MQTT-3.10.4-2]
		if c.durable {
			kept = append(kept, store.Change{Op: store.Unsubscribe, Session: c.session.num, Name: f})
		}
	}
	if !c.promised(kept) {
		return &packet.Error{Code: packet.ServerBusy, Text: "the end of the subscription cannot be stored"}
	}
	return c.send(&packet.Unsuback{ID: p.ID, Codes: codes}) // [MQTT-3.10.4-4]
}
