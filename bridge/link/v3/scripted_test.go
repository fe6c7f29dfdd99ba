package v3

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

func TestIdentifiersAndDUPAreTheCallers(t *testing.T) { scripted(t, &script{}, identifiers) }
func TestTheSameByteWise(t *testing.T)                { scripted(t, &script{}, identifiers) }

func identifiers(t *testing.T, l link.Link, f *far) {
	one := l.Publish(link.Message{Topic: "a", Payload: []byte("x"), QoS: 1, ID: 40000, Retain: true})
	f.want(&packet.Publish{Topic: "a", Payload: []byte("x"), QoS: 1, ID: 40000, Retain: true})
	two := l.Publish(link.Message{Topic: "b", QoS: 2, ID: 7, Dup: true})
	f.want(&packet.Publish{Topic: "b", QoS: 2, ID: 7, Dup: true, Payload: []byte{}})
	zero := l.Publish(link.Message{Topic: "c", Payload: []byte("z"), Dup: true})
	f.want(&packet.Publish{Topic: "c", Payload: []byte("z")})
	wantTaken(t, zero)
	wantOpen(t, one)
	wantOpen(t, two)
	f.send(&packet.Puback{ID: 7777}, &packet.Pubcomp{ID: 7}, &packet.Pubrec{ID: 40000}) // of nothing, and of the wrong kind
	wantOpen(t, one)
	wantOpen(t, two)
	f.send(&packet.Puback{ID: 40000}, &packet.Pubrec{ID: 7})
	wantTaken(t, one)
	f.want(&packet.Pubrel{ID: 7})
	wantOpen(t, two)
	f.send(&packet.Pubcomp{ID: 7})
	wantTaken(t, two)
	three := l.Release(9)
	f.want(&packet.Pubrel{ID: 9})
	wantOpen(t, three)
	f.send(&packet.Pubcomp{ID: 9})
	wantTaken(t, three)
}

func TestAPUBACKForQoS2SettlesIt(t *testing.T) { // as RabbitMQ answers
	scripted(t, &script{}, func(t *testing.T, l link.Link, f *far) {
		r := l.Publish(link.Message{Topic: "a", QoS: 2, ID: 1})
		f.read()
		f.send(&packet.Puback{ID: 1})
		wantTaken(t, r)
	})
}

func TestPUBRELWaitsForReleasedInOrder(t *testing.T) {
	noted := map[uint16]chan struct{}{1: make(chan struct{}), 2: make(chan struct{})}
	s := &script{}
	scripted(t, s, func(t *testing.T, l link.Link, f *far) {
		for id := range noted {
			noted[id] = make(chan struct{})
		}
		s.released = func(_ context.Context, id uint16) error { <-noted[id]; return nil }
		for id := range uint16(2) {
			l.Publish(link.Message{Topic: "a", QoS: 2, ID: id + 1})
			f.read()
		}
		f.send(&packet.Pubrec{ID: 1}, &packet.Pubrec{ID: 2})
		f.quiet()
		r := l.Publish(link.Message{Topic: "b", QoS: 1, ID: 3}) // others go on
		f.read()
		f.send(&packet.Puback{ID: 3})
		wantTaken(t, r)
		close(noted[2]) // [MQTT-4.6.0-4 v3]
		f.quiet()
		close(noted[1])
		f.want(&packet.Pubrel{ID: 1}, &packet.Pubrel{ID: 2})
	})
}

func TestPUBCOMPWaitsForForgotten(t *testing.T) {
	s := &script{}
	scripted(t, s, func(t *testing.T, l link.Link, f *far) {
		noted := make(chan struct{})
		s.forgotten = func(context.Context, uint16) error { <-noted; return nil }
		f.send(&packet.Publish{Topic: "a", QoS: 2, ID: 5})
		f.want(&packet.Pubrec{ID: 5})
		f.send(&packet.Pubrel{ID: 5})
		f.quiet()
		close(noted)
		f.want(&packet.Pubcomp{ID: 5})
	})
}

func TestAcknowledgementsWaitForStableInOrder(t *testing.T) {
	s := &script{}
	scripted(t, s, func(t *testing.T, l link.Link, f *far) {
		stable := make([]chan struct{}, 3)
		for i := range stable {
			stable[i] = make(chan struct{})
		}
		s.received = func(m link.Message) (func(context.Context) error, error) {
			c := stable[m.ID-1]
			return func(context.Context) error { <-c; return nil }, nil
		}
		f.send(&packet.Publish{Topic: "a", QoS: 1, ID: 1, Dup: true}, &packet.Publish{Topic: "b", QoS: 2, ID: 2}, &packet.Publish{Topic: "c", QoS: 1, ID: 3, Retain: true})
		f.quiet()
		close(stable[2]) // [MQTT-4.6.0-2 v3]
		close(stable[1])
		f.quiet()
		close(stable[0])
		f.want(&packet.Puback{ID: 1}, &packet.Pubrec{ID: 2}, &packet.Puback{ID: 3})
		var got []string
		for _, m := range s.came {
			got = append(got, fmt.Sprintf("%s %d %d %v %v", m.Topic, m.QoS, m.ID, m.Dup, m.Retain))
		}
		if want := []string{"a 1 1 true false", "b 2 2 false false", "c 1 3 false true"}; !slices.Equal(got, want) {
			t.Errorf("came %q, want %q", got, want)
		}
	})
}

func TestAnErrorOfTheSessionEndsTheConnection(t *testing.T) {
	full := errors.New("the disk is full")
	fail := func(context.Context, uint16) error { return full }
	tests := map[string]struct {
		script *script
		sent   packet.Packet
	}{
		"Released":  {&script{released: fail}, &packet.Pubrec{ID: 1}},
		"Forgotten": {&script{forgotten: fail}, &packet.Pubrel{ID: 1}},
		"Received": {&script{received: func(link.Message) (func(context.Context) error, error) { return nil, full }},
			&packet.Publish{Topic: "a"}},
		"stable": {&script{received: func(link.Message) (func(context.Context) error, error) {
			return func(context.Context) error { return full }, nil
		}}, &packet.Publish{Topic: "a", QoS: 1, ID: 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			scripted(t, test.script, func(t *testing.T, l link.Link, f *far) {
				r := l.Publish(link.Message{Topic: "a", QoS: 2, ID: 1})
				f.read()
				f.send(test.sent)
				<-l.Lost()
				if !errors.Is(l.Cause(), full) || !errors.Is(r.Err(), full) {
					t.Errorf("cause %v, receipt %v", l.Cause(), r.Err())
				}
			})
		})
	}
}

func TestReceiptsAreSettledWhenTheLineIsLostInAnyState(t *testing.T) {
	s := &script{released: func(ctx context.Context, id uint16) error {
		if id == 3 {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}}
	scripted(t, s, func(t *testing.T, l link.Link, f *far) {
		sent := map[string]*link.Receipt{}
		for i, state := range []string{"published, QoS 1", "published, QoS 2", "noting", "released"} {
			m := link.Message{Topic: "a", QoS: 2, ID: uint16(i + 1)}
			if i == 0 {
				m.QoS = 1
			}
			sent[state] = l.Publish(m)
			f.read()
		}
		f.send(&packet.Pubrec{ID: 4})
		f.want(&packet.Pubrel{ID: 4})
		f.send(&packet.Pubrec{ID: 3})
		sent["released before"] = l.Release(5)
		f.want(&packet.Pubrel{ID: 5})
		sent["being written"] = l.Publish(link.Message{Topic: "a", Payload: make([]byte, 1<<20)})
		blocked := make(chan *link.Receipt)
		go func() {
			l.Publish(link.Message{Topic: "a", Payload: make([]byte, 1<<20)})
			blocked <- l.Publish(link.Message{Topic: "a", QoS: 1, ID: 6}) // waits for room
		}()
		synctest.Wait()
		f.conn.Close()
		before := time.Now()
		<-l.Lost()
		sent["waiting for room"] = <-blocked
		if d := time.Since(before); d > handOver {
			t.Errorf("that took %v", d)
		}
		for state, r := range sent {
			if !settled(r) || r.Err() == nil {
				t.Errorf("%s: settled %v, %v", state, settled(r), r.Err())
			}
		}
		if err := l.Cause(); !strings.Contains(err.Error(), "closed") {
			t.Errorf("cause: %v", err)
		}
	})
}

func TestWhatIsAskedHasAnIdentifierOfItsOwn(t *testing.T) {
	scripted(t, &script{}, func(t *testing.T, l link.Link, f *far) {
		l.Publish(link.Message{Topic: "a", QoS: 1, ID: 65535})
		f.read()
		var subs []link.Subscription
		for i := range 17 {
			subs = append(subs, link.Subscription{Filter: fmt.Sprintf("f/%d", i), QoS: byte(i % 3)})
		}
		var codes []byte
		var err error
		done := make(chan struct{})
		go func() {
			codes, err = l.Subscribe(t.Context(), subs)
			close(done)
		}()
		asked := 0
		for asked < len(subs) {
			p := f.read().(*packet.Subscribe)
			if p.ID == 65535 || len(p.Filters) > 8 { // [MQTT-2.3.1-2 v3]
				t.Errorf("SUBSCRIBE %d with %d filters", p.ID, len(p.Filters))
			}
			answer := &packet.Suback{ID: p.ID}
			for _, s := range p.Filters {
				code := packet.ReasonCode(s.QoS)
				if s.Filter == "f/9" {
					code = packet.UnspecifiedError
				}
				answer.Codes = append(answer.Codes, code)
			}
			asked += len(p.Filters)
			f.send(answer)
		}
		<-done
		if err != nil || len(codes) != len(subs) {
			t.Fatalf("%v, %v", codes, err)
		}
		for i, c := range codes {
			if want := byte(i % 3); c != want && (i != 9 || c != 0x80) {
				t.Errorf("filter %d: granted %d", i, c)
			}
		}
		ended := make(chan error, 1)
		go func() { ended <- l.Unsubscribe(t.Context(), []string{"f/1"}) }()
		p := f.read().(*packet.Unsubscribe)
		waiting := make(chan *link.Receipt)
		go func() { waiting <- l.Publish(link.Message{Topic: "b", QoS: 1, ID: p.ID}) }()
		f.quiet() // the identifier is not free
		f.send(&packet.Unsuback{ID: p.ID})
		f.want(&packet.Publish{Topic: "b", QoS: 1, ID: p.ID, Payload: []byte{}})
		<-waiting
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestWhatIsNotAllowedEndsTheConnection(t *testing.T) {
	tests := map[string][]byte{
		"a type that does not exist":    {0x00, 0},
		"CONNACK again":                 {0x20, 2, 0, 0},
		"SUBSCRIBE":                     {0x82, 6, 0, 1, 0, 1, 'a', 0},
		"DISCONNECT":                    {0xe0, 0},
		"a length of five bytes":        {0x30, 0xff, 0xff, 0xff, 0xff, 1},
		"QoS 3":                         {0x36, 5, 0, 1, 'a', 0, 1},
		"a topic that is cut off":       {0x30, 3, 0, 9, 'a'},
		"no topic":                      {0x30, 1, 0},
		"identifier 0":                  {0x32, 5, 0, 1, 'a', 0, 0},
		"an identifier that is cut off": {0x32, 4, 0, 1, 'a', 0},
		"a PUBACK of one byte":          {0x40, 1, 1},
		"a PUBACK with flags":           {0x41, 2, 0, 1},
		"a PUBACK of 0":                 {0x40, 2, 0, 0},
		"a PUBREL without its flags":    {0x60, 2, 0, 1},
		"a SUBACK for nothing":          {0x90, 3, 0, 1, 0},
		"a SUBACK of one byte":          {0x90, 1, 0},
		"a PINGRESP with a body":        {0xd0, 1, 0},
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			scripted(t, &script{}, func(t *testing.T, l link.Link, f *far) {
				f.raw(b)
				<-l.Lost()
				if err := l.Cause(); !strings.Contains(err.Error(), "not allowed") {
					t.Errorf("cause: %v", err)
				}
			})
		})
	}
}

func TestASUBACKWithTooManyCodesDoesNotPanic(t *testing.T) { // Paho would
	for name, codes := range map[string]string{"too many": "\x00\x01", "none": "", "an unknown one": "\x03"} {
		t.Run(name, func(t *testing.T) {
			scripted(t, &script{}, func(t *testing.T, l link.Link, f *far) {
				var err error
				done := make(chan struct{})
				go func() {
					_, err = l.Subscribe(t.Context(), []link.Subscription{{Filter: "a"}})
					close(done)
				}()
				id := f.read().(*packet.Subscribe).ID
				f.raw(append([]byte{0x90, byte(2 + len(codes)), byte(id >> 8), byte(id)}, codes...))
				<-done
				<-l.Lost()
				if err == nil {
					t.Error("subscribed")
				}
			})
		})
	}
}

func TestTwoMessagesOfOneIdentifierAreNotSent(t *testing.T) {
	scripted(t, &script{}, func(t *testing.T, l link.Link, f *far) {
		l.Publish(link.Message{Topic: "a", QoS: 1, ID: 1})
		f.read()
		var no *link.Refused
		if r := l.Publish(link.Message{Topic: "b", QoS: 1, ID: 1}); !settled(r) || !errors.As(r.Err(), &no) {
			t.Errorf("settled %v, %v", settled(r), r.Err())
		}
		f.quiet()
	})
}

func TestCloseSaysDISCONNECT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, f := connected(t, hello(), &script{}, false)
		go l.Close()
		f.want(&packet.Disconnect{})
		<-l.Lost()
		if l.Cause() != errClosed {
			t.Errorf("cause: %v", l.Cause())
		}
		if _, _, err := f.reader.Next(); err == nil {
			t.Error("something came after DISCONNECT")
		}
	})
}

func TestCloseDoesNotWaitForAnUpstreamThatReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := connected(t, hello(), &script{}, false)
		l.Publish(link.Message{Topic: "a", Payload: make([]byte, 1<<20)})
		before := time.Now()
		l.Close()
		if d := time.Since(before); d > 2*goodbye {
			t.Errorf("Close took %v", d)
		}
	})
}
