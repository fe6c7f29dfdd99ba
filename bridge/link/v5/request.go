package v5

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/eclipse/paho.golang/packets"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// maxFilters is how many topic filters go into one packet: AWS IoT takes no
// more.
const maxFilters = 8

// Subscribe implements [link.Link].
func (c *conn) Subscribe(ctx context.Context, subs []link.Subscription) (codes []byte, err error) {
	codes = make([]byte, len(subs))
	var some []int // of subs, to go in one packet
	size := 0
	flush := func() error {
		if len(some) == 0 {
			return nil
		}
		err := c.subscribe(ctx, subs, some, codes)
		some, size = some[:0], 0
		return err
	}
	for i, s := range subs {
		if codes[i] = c.unfitFilter(s.Filter); codes[i] != 0 {
			continue
		}
		if len(some) == maxFilters || len(some) > 0 && c.tooLarge(size+filterSize(s.Filter)) {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		some = append(some, i)
		size += filterSize(s.Filter)
	}
	if err := flush(); err != nil {
		return nil, err
	}
	return codes, nil
}

// filterSize is what a filter adds to a packet, its length and options included.
func filterSize(filter string) int { return len(filter) + 3 }

// tooLarge tells whether the upstream would not take a request with filters of
// that size.
func (c *conn) tooLarge(filters int) bool {
	const head = 1 + 4 + 2 + 1 // first byte, longest length, packet identifier, no properties
	return c.limits.MaxPacketSize > 0 && int64(head+filters) > int64(c.limits.MaxPacketSize)
}

// unfitFilter is the code that the upstream would end the connection with, 0 for
// none.
func (c *conn) unfitFilter(filter string) byte {
	switch {
	case filter == "", len(filter) > math.MaxUint16:
		return link.TopicFilterInvalid
	case c.limits.NoWildcard && strings.ContainsAny(filter, "+#"): // section 3.2.2.3.11
		return link.WildcardsNotSupported
	case c.tooLarge(filterSize(filter)):
		return link.PacketTooLarge
	}
	return 0
}

// subscribe asks for those of subs and notes the answers in codes.
func (c *conn) subscribe(ctx context.Context, subs []link.Subscription, some []int, codes []byte) error {
	p := new(packets.Subscribe)
	for _, i := range some {
		s := subs[i]
		o := packets.SubOptions{Topic: s.Filter, QoS: s.QoS, NoLocal: s.NoLocal, RetainAsPublished: s.RetainAsPublished}
		if s.SkipRetained {
			o.RetainHandling = packets.RetainSendOnSubscribeIfNew
		}
		p.Subscriptions = append(p.Subscriptions, o)
	}
	answer, err := c.request(ctx, packets.SUBSCRIBE<<4|0b0010, p)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	a, ok := answer.(*packets.Suback)
	if !ok || len(a.Reasons) != len(some) { // [MQTT-3.8.4-6]
		return c.mismatch("SUBSCRIBE", len(some))
	}
	for j, i := range some {
		codes[i] = a.Reasons[j]
	}
	return nil
}

// Unsubscribe implements [link.Link].
func (c *conn) Unsubscribe(ctx context.Context, filters []string) error {
	var refused error
	for len(filters) > 0 {
		n, size := 0, 0
		for n < min(maxFilters, len(filters)) && (n == 0 || !c.tooLarge(size+filterSize(filters[n]))) {
			size += filterSize(filters[n])
			n++
		}
		if c.tooLarge(size) {
			refused = errors.Join(refused, &link.Refused{Packet: "CONNACK", Code: link.PacketTooLarge, Reason: fmt.Sprintf("filter %.80q", filters[0])})
			filters = filters[1:]
			continue
		}
		err := c.unsubscribe(ctx, filters[:n])
		filters = filters[n:]
		var r *link.Refused
		if err != nil && !errors.As(err, &r) {
			return err
		}
		refused = errors.Join(refused, err)
	}
	return refused
}

func (c *conn) unsubscribe(ctx context.Context, filters []string) error {
	answer, err := c.request(ctx, packets.UNSUBSCRIBE<<4|0b0010, &packets.Unsubscribe{Topics: filters})
	if err != nil {
		return fmt.Errorf("unsubscribe: %w", err)
	}
	a, ok := answer.(*packets.Unsuback)
	if !ok || len(a.Reasons) != len(filters) { // [MQTT-3.11.3-1]
		return c.mismatch("UNSUBSCRIBE", len(filters))
	}
	for i, code := range a.Reasons {
		if code >= 0x80 {
			return fmt.Errorf("unsubscribe from %q: %w", filters[i], refusedBy("UNSUBACK", code, a.Properties))
		}
	}
	return nil
}

// mismatch ends the connection because of an answer that does not belong to the
// request.
func (c *conn) mismatch(what string, n int) error {
	err := broken(packet.ProtocolError, "", "the answer to %s does not have the %d codes that it should", what, n)
	c.fail(err)
	return err
}

// numbered is SUBSCRIBE or UNSUBSCRIBE.
type numbered interface {
	packets.Packet
	SetIdentifier(id uint16)
}

// request sends p with a free packet identifier and returns the answer. When ctx
// ends first, the identifier is not free until the answer has come.
func (c *conn) request(ctx context.Context, first byte, p numbered) (packets.Packet, error) {
	reply := make(chan packets.Packet, 1)
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return nil, &lostError{c.err}
	}
	id := c.freeIDLocked()
	if id == 0 {
		c.mu.Unlock()
		return nil, errors.New("all packet identifiers are under way")
	}
	c.under[id] = flight{state: wantReply, reply: reply}
	p.SetIdentifier(id)
	c.appendLocked(first, p.Buffers())
	c.mu.Unlock()
	select {
	case p := <-reply:
		return p, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-c.quit:
		return nil, &lostError{c.err}
	}
}

// freeIDLocked returns an identifier that is not under way, 0 if there is none.
// They go down from 65535: messages mostly have the low ones.
func (c *conn) freeIDLocked() uint16 {
	for range math.MaxUint16 {
		c.lastID--
		if c.lastID == 0 {
			c.lastID--
		}
		if _, ok := c.under[c.lastID]; !ok {
			return c.lastID
		}
	}
	return 0
}

// replied handles SUBACK and UNSUBACK.
func (c *conn) replied(id uint16, p packets.Packet) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.under[id]
	if !ok {
		return nil
	}
	if f.state != wantReply {
		return unexpected("SUBACK or UNSUBACK", id)
	}
	delete(c.under, id)
	f.reply <- p
	c.room.Broadcast()
	return nil
}
