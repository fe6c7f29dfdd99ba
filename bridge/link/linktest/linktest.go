package linktest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"gateway/bridge/link"
	"gateway/broker"
	"gateway/broker/auth"
)

// TestUpstream runs all tests.
func TestUpstream(t *testing.T, up link.Upstream) {
	tests := map[string]func(h *house){
		"every QoS arrives":                        everyQoS,
		"a QoS 2 message that comes again is one":  sameIDAgain,
		"what was released arrives with Release":   releaseLater,
		"messages arrive in order":                 inOrder,
		"many filters are granted in their order":  manyFilters,
		"what is unsubscribed comes no more":       unsubscribed,
		"messages come in order, of every QoS":     receive,
		"what is not stable comes again":           notStable,
		"receipts are settled when a line is lost": receiptsOnLoss,
		"a session is kept, and a clean start":     keptSession,
		"the will":                                 will,
		"large messages, both ways at once":        large,
		"the end of the upstream":                  lastHeard,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(newHouse(t, up)) })
	}
	t.Run("a refusal says why", func(t *testing.T) { refused(t, up) })
}

func everyQoS(h *house) {
	next := h.watch("up/#")
	s := newSession()
	c := h.connect(hello(), s)
	for qos := range byte(3) {
		r := c.Publish(link.Message{Topic: "up/q", Payload: fmt.Append(nil, qos), QoS: qos, ID: uint16(qos) * 500})
		taken(h.T, fmt.Sprintf("QoS %d", qos), r)
		if got, want := next(), fmt.Sprintf("up/q=%d", qos); got != want {
			h.Fatalf("came %q, want %q", got, want)
		}
	}
	if id := wait(h.T, "Released", s.released); id != 1000 {
		h.Errorf("Released(%d), want the identifier that the message has", id)
	}
	c.Publish(link.Message{Topic: "up/kept", Payload: []byte("x"), QoS: 1, ID: 7, Retain: true})
	next()
	if m := h.broker.Retained("up/kept"); m == nil || string(m.Payload) != "x" {
		h.Errorf("retained: %v", m)
	}
}

func sameIDAgain(h *house) {
	next := h.watch("up/#")
	s := &blind{session: newSession()}
	c := h.connect(hello(), s)
	c.Publish(link.Message{Topic: "up/a", Payload: []byte("once"), QoS: 2, ID: 4242})
	wait(h.T, "PUBREC", s.released)
	wait(h.T, "the end of a connection whose session fails", c.Lost())

	c = h.connect(hello(), newSession())
	if !c.Present() {
		h.Fatal("the upstream has not kept the session")
	}
	taken(h.T, "the message, again", c.Publish(link.Message{Topic: "up/a", Payload: []byte("once"), QoS: 2, ID: 4242, Dup: true}))
	taken(h.T, "the next", c.Publish(link.Message{Topic: "up/b", QoS: 2, ID: 4243}))
	for _, want := range []string{"up/a=once", "up/b="} {
		if got := next(); got != want {
			h.Fatalf("came %q, want %q", got, want)
		}
	}
}

// blind cannot note that PUBREC came.
type blind struct{ *session }

func (b *blind) Released(ctx context.Context, id uint16) error {
	if err := b.session.Released(ctx, id); err != nil {
		return err
	}
	return errors.New("the disk is full")
}

func releaseLater(h *house) {
	next := h.watch("up/#")
	s := &blind{session: newSession()}
	c := h.connect(hello(), s)
	r := c.Publish(link.Message{Topic: "up/a", Payload: []byte("once"), QoS: 2, ID: 9})
	wait(h.T, "PUBREC", s.released)
	wait(h.T, "the end of a connection whose session fails", c.Lost())
	wait(h.T, "the receipt", r.Done())
	if r.Err() == nil {
		h.Error("the receipt says that the upstream has the message, and PUBREL was never sent")
	}

	c = h.connect(hello(), newSession())
	taken(h.T, "PUBREL", c.Release(9))
	taken(h.T, "PUBREL of what the upstream does not know", c.Release(10))
	taken(h.T, "another message of that identifier", c.Publish(link.Message{Topic: "up/b", QoS: 2, ID: 9}))
	for _, want := range []string{"up/a=once", "up/b="} {
		if got := next(); got != want {
			h.Fatalf("came %q, want %q", got, want)
		}
	}
}

func inOrder(h *house) {
	const n = 300
	next := h.watch("up/#")
	c := h.connect(hello(), newSession())
	const window = 20 // what every upstream takes at once
	var receipts []*link.Receipt
	for i := range n {
		if i >= window {
			taken(h.T, "a message", receipts[i-window])
		}
		receipts = append(receipts, c.Publish(link.Message{Topic: "up/n", Payload: fmt.Append(nil, i), QoS: byte(1 + i%2), ID: uint16(1 + i)}))
	}
	last := [2]int{-1, -1} // of QoS 1 and 2: the broker publishes QoS 2 with PUBREL or PUBLISH
	for range n {
		var i int
		if _, err := fmt.Sscanf(next(), "up/n=%d", &i); err != nil {
			h.Fatal(err)
		}
		if i <= last[i%2] {
			h.Fatalf("%d came after %d", i, last[i%2])
		}
		last[i%2] = i
	}
}

func manyFilters(h *house) {
	c := h.connect(hello(), newSession())
	var subs []link.Subscription
	var want []byte
	for i := range 50 {
		subs = append(subs, link.Subscription{Filter: fmt.Sprintf("down/%d/#", i), QoS: byte(i % 3)})
		want = append(want, byte(i%3))
	}
	c.subscribe(fmt.Sprint(want), subs...)
}

func unsubscribed(h *house) {
	s := newSession()
	c := h.connect(hello(), s)
	c.subscribe("[1 1]", link.Subscription{Filter: "down/a", QoS: 1}, link.Subscription{Filter: "down/b", QoS: 1})
	ctx, cancel := context.WithTimeout(h.Context(), patience)
	defer cancel()
	if err := c.Unsubscribe(ctx, []string{"down/a", "down/never"}); err != nil {
		h.Fatal(err)
	}
	h.publish("down/a", "x", 1)
	h.publish("down/b", "x", 1)
	if m := wait(h.T, "a message", s.came); m.Topic != "down/b" {
		h.Errorf("came %q, which was unsubscribed", m.Topic)
	}
}

func (h *house) publish(topic, payload string, qos byte) {
	h.Helper()
	if err := h.broker.Publish(&broker.Message{Topic: topic, Payload: []byte(payload), QoS: broker.QoS(qos)}); err != nil {
		h.Fatal(err)
	}
}

func receive(h *house) {
	s := newSession()
	c := h.connect(hello(), s)
	c.subscribe("[2]", link.Subscription{Filter: "down/#", QoS: 2})
	const n = 200
	for qos := range byte(3) {
		for i := range n {
			h.publish("down/n", fmt.Sprint(i), qos)
		}
		for i := range n {
			m := wait(h.T, "a message", s.came)
			if string(m.Payload) != fmt.Sprint(i) || m.Topic != "down/n" || m.QoS != qos || m.Dup || (m.ID == 0) != (qos == 0) {
				h.Fatalf("came %q of %q, QoS %d, DUP %v, identifier %d; want %d of QoS %d", m.Payload, m.Topic, m.QoS, m.Dup, m.ID, i, qos)
			}
		}
	}
	for range n {
		wait(h.T, "Forgotten", s.forgotten)
	}
}

func notStable(h *house) {
	s := newSession()
	s.stable = func(ctx context.Context) error { // the disk is slow for ever
		<-ctx.Done()
		return ctx.Err()
	}
	c := h.connect(hello(), s)
	c.subscribe("[2]", link.Subscription{Filter: "down/#", QoS: 2})
	h.publish("down/1", "", 1)
	h.publish("down/2", "", 2)
	first, second := wait(h.T, "a message", s.came), wait(h.T, "a message", s.came)
	c.cut()
	if late := s.end(); late != "" {
		h.Errorf("%s was called after the end", late)
	}

	s = newSession()
	h.connect(hello(), s)
	for _, want := range []link.Message{first, second} {
		m := wait(h.T, "the message again", s.came)
		if m.Topic != want.Topic || m.ID != want.ID || !m.Dup {
			h.Errorf("came %q, identifier %d, DUP %v; want %q, %d and DUP", m.Topic, m.ID, m.Dup, want.Topic, want.ID)
		}
	}
	wait(h.T, "Forgotten", s.forgotten)
}

func receiptsOnLoss(h *house) {
	s := newSession()
	c := h.connect(hello(), s)
	var receipts []*link.Receipt
	for i := range 20 {
		receipts = append(receipts, c.Publish(link.Message{Topic: "up/n", QoS: byte(i % 3), ID: uint16(1 + i)}))
	}
	c.cut()
	if late := s.end(); late != "" {
		h.Errorf("%s was called after the end", late)
	}
	for i, r := range receipts {
		select {
		case <-r.Done():
		default:
			h.Errorf("receipt %d is not settled, and Lost is closed", i)
		}
	}
	r := c.Publish(link.Message{Topic: "up/n", QoS: 1, ID: 99})
	wait(h.T, "the receipt of a message after the end", r.Done())
	if r.Err() == nil {
		h.Error("a message after the end was taken")
	}
	ctx, cancel := context.WithTimeout(h.Context(), patience)
	defer cancel()
	if _, err := c.Subscribe(ctx, []link.Subscription{{Filter: "down/#"}}); err == nil {
		h.Error("subscribed after the end")
	}
	c.Close()
}

func keptSession(h *house) {
	s := newSession()
	c := h.connect(hello(), s)
	if c.Present() {
		h.Error("there is a session before the first connection")
	}
	c.subscribe("[1]", link.Subscription{Filter: "down/#", QoS: 1})
	c.Close()
	h.publish("down/a", "while away", 1)
	c = h.connect(hello(), s)
	if !c.Present() {
		h.Error("the session is gone")
	}
	if m := wait(h.T, "what came while we were away", s.came); string(m.Payload) != "while away" {
		h.Errorf("came %q", m.Payload)
	}
	c.Close()

	hi := hello()
	hi.CleanStart = true
	c = h.connect(hi, s)
	if c.Present() {
		h.Error("the session outlives a clean start")
	}
	c.subscribe("[1]", link.Subscription{Filter: "down/#", QoS: 1})
	c.Close()
	if c = h.connect(hello(), s); !c.Present() {
		h.Error("the session of a clean start is not kept")
	}
	c.Close()

	hi = hello()
	hi.SessionExpiry = 0
	hi.CleanStart = true
	h.connect(hi, s).Close()
	if c = h.connect(hello(), s); c.Present() {
		h.Error("a session that was to end with its connection is kept")
	}
}

func will(h *house) {
	next := h.watch("up/#")
	hi := hello()
	hi.Will = &link.Message{Topic: "up/state", Payload: []byte("offline"), QoS: 1, Retain: true}
	h.connect(hi, newSession()).Close()
	c := h.connect(hi, newSession())
	taken(h.T, "a message", c.Publish(link.Message{Topic: "up/a", QoS: 1, ID: 1}))
	if got := next(); got != "up/a=" {
		h.Fatalf("came %q: Close does not take the will back", got)
	}
	c.cut()
	if got := next(); got != "up/state=offline" {
		h.Fatalf("came %q, want the will", got)
	}
}

func large(h *house) {
	const size, n = 2 << 20, 3
	s := newSession()
	c := h.connect(hello(), s)
	c.subscribe("[1]", link.Subscription{Filter: "down/#", QoS: 1})
	payload := make([]byte, size)
	go func() {
		for range n {
			h.broker.Publish(&broker.Message{Topic: "down/large", Payload: payload, QoS: 1})
		}
	}()
	var receipts []*link.Receipt
	for i := range n {
		receipts = append(receipts, c.Publish(link.Message{Topic: "up/large", Payload: payload, QoS: 1, ID: uint16(i + 1)}))
	}
	for _, r := range receipts {
		taken(h.T, "a large message", r)
	}
	for range n {
		if m := wait(h.T, "a large message", s.came); len(m.Payload) != size {
			h.Errorf("came %d bytes, want %d", len(m.Payload), size)
		}
	}
}

func lastHeard(h *house) {
	before := time.Now()
	c := h.connect(hello(), newSession())
	if at := c.LastHeard(); at.Before(before) || at.After(time.Now()) {
		h.Errorf("last heard %v ago", time.Since(at))
	}
	if l := c.Limits(); l.MaxQoS != 2 || l.ReceiveMaximum == 0 || l.NoRetain || l.NoWildcard || l.ClientID != "gateway-cloud" {
		h.Errorf("limits %+v", l)
	}
	select {
	case <-c.Lost():
		h.Errorf("lost: %v", c.Cause())
	default:
	}
	c.Close()
	c.Close() // it may be called again
	wait(h.T, "Lost", c.Lost())
}

func refused(t *testing.T, up link.Upstream) {
	h := newHouse(t, up, auth.User{Name: loginName, Password: auth.HashPassword([]byte(loginPassword))})
	hi := hello()
	hi.Username, hi.Password = loginName, loginPassword
	h.connect(hi, newSession()).Close()

	hi.Password = "wrong"
	ctx, cancel := context.WithTimeout(h.Context(), patience)
	defer cancel()
	conn, err := h.dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = up.Connect(ctx, conn, hi, newSession())
	var no *link.Refused
	if !errors.As(err, &no) || no.Packet != "CONNACK" || no.Code != link.BadUserNameOrPassword && no.Code != link.NotAuthorized {
		t.Errorf("a wrong password: %v", err)
	}
}
