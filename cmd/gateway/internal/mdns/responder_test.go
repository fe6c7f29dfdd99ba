package mdns

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

var (
	http     = domain("_http._tcp.local")
	instance = newName("gateway on pi", "_http", "_tcp", "local")
	host     = domain("pi-gateway.local")
)

func has(all []record, n name, typ uint16) bool {
	return slices.ContainsFunc(all, func(r record) bool { return r.name == n && r.typ == typ })
}

// RFC 6762, section 8.1: three probes, 250 ms apart, for any record of each name, with
// what is wanted behind; section 8.3: then at least two announcements, a second apart.
func TestProbesAndAnnounces(t *testing.T) {
	on(t, func(t *testing.T, l *lan) {
		g := l.gateway(t, "pi", "10.0.0.1", page)
		settle()
		all := l.since(0)
		if len(all) != 5 {
			t.Fatalf("%d messages, want 3 probes and 2 announcements", len(all))
		}
		for i, s := range all[:3] {
			if s.m.isAnswer() || len(s.m.questions) != 2 || s.m.questions[0].typ != typeANY || s.m.questions[0].unicast || !has(s.m.authority, instance, typeSRV) || !has(s.m.authority, host, typeA) {
				t.Errorf("probe %d: %+v", i, s.m)
			}
			if i > 0 && s.at-all[i-1].at != probeEvery {
				t.Errorf("probe %d %v after the one before", i, s.at-all[i-1].at)
			}
		}
		if all[0].at > probeEvery {
			t.Errorf("the first probe after %v", all[0].at)
		}
		for i, s := range all[3:] {
			if !s.m.isAnswer() || len(s.m.questions) != 0 || !has(s.m.answers, http, typePTR) || !has(s.m.answers, instance, typeSRV) || !has(s.m.answers, instance, typeTXT) || !has(s.m.answers, host, typeA) || !has(s.m.answers, allTypes, typePTR) {
				t.Errorf("announcement %d: %+v", i, s.m)
			}
			for _, r := range s.m.answers {
				if r.unique == (r.typ == typePTR) {
					t.Errorf("the bit that flushes caches of %v %d is %v", r.name, r.typ, r.unique)
				}
			}
		}
		if all[3].at-all[2].at != probeEvery || all[4].at-all[3].at != announceEvery {
			t.Errorf("announced at %v and %v, the last probe at %v", all[3].at, all[4].at, all[2].at)
		}
		if g.Host() != "pi-gateway.local" {
			t.Errorf("Host %q", g.Host())
		}
		// Section 10.1: and says that all of it is gone.
		at := l.now()
		g.stop()
		last := l.since(at)
		if len(last) != 1 || len(last[0].m.answers) != 5 {
			t.Fatalf("goodbye: %+v", last)
		}
		for _, r := range last[0].m.answers {
			if r.ttl != 0 {
				t.Errorf("%v goes with a time to live of %d s", r.name, r.ttl)
			}
		}
	})
}

func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		name       string
		q          question
		answer     uint16
		of         name
		additional []uint16
	}{
		{"what kinds there are", question{allTypes, typePTR, false}, typePTR, allTypes, nil},
		{"who is of a kind", question{http, typePTR, false}, typePTR, http, []uint16{typeSRV, typeTXT, typeA}},
		{"in large letters", question{newName("_HTTP", "_tcp", "Local"), typePTR, false}, typePTR, http, []uint16{typeSRV, typeTXT, typeA}},
		{"where it is", question{instance, typeSRV, false}, typeSRV, instance, []uint16{typeA}},
		{"what it says", question{instance, typeTXT, false}, typeTXT, instance, nil},
		{"the address", question{host, typeA, false}, typeA, host, nil},
		{"an address that there is not", question{host, typeAAAA, false}, typeNSEC, host, nil},
		{"a record that there is not", question{instance, typeA, false}, typeNSEC, instance, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			withPi(t, func(t *testing.T, l *lan) {
				at := l.now()
				got := l.ask(t, "10.0.0.2", 5353, &message{questions: []question{tt.q}})
				if len(got) != 1 || got[0].to.IsValid() {
					t.Fatalf("%+v", got)
				}
				m := got[0].m
				if m.id != 0 || !m.isAnswer() || len(m.questions) != 0 || len(m.answers) != 1 || m.answers[0].typ != tt.answer || m.answers[0].name != tt.of {
					t.Errorf("%+v", m)
				}
				var types []uint16
				for _, r := range m.additional {
					types = append(types, r.typ)
				}
				if !slices.Equal(types, tt.additional) {
					t.Errorf("beside it %v, want %v", types, tt.additional)
				}
				delay := got[0].at - at
				if shared := tt.answer == typePTR; shared != (delay >= 20*time.Millisecond) || delay > 120*time.Millisecond {
					t.Errorf("after %v", delay)
				}
			})
		})
	}
}

// What is not ours, or comes from elsewhere, or is known, is not answered.
func TestSilence(t *testing.T) {
	ask := message{questions: []question{{http, typePTR, false}}}
	known := ask
	known.answers = []record{{http, typePTR, false, otherTTL / 2, string(instance) + "\x00"}}
	opcode := ask
	opcode.flags = 1 << 11
	for name, tt := range map[string]struct {
		from string
		m    message
	}{
		"another kind":           {"10.0.0.2", message{questions: []question{{domain("_ipp._tcp.local"), typePTR, false}}}},
		"from another network":   {"10.9.0.2", ask},
		"known":                  {"10.0.0.2", known},
		"another operation":      {"10.0.0.2", opcode},
		"another type of record": {"10.0.0.2", message{questions: []question{{http, typeSRV, false}}}},
	} {
		t.Run(name, func(t *testing.T) {
			withPi(t, func(t *testing.T, l *lan) {
				if got := l.ask(t, tt.from, 5353, &tt.m); len(got) != 0 {
					t.Errorf("%+v", got[0].m)
				}
			})
		})
	}
}

// Section 7.2: what is known may come in packets that follow.
func TestKnownAnswersThatFollow(t *testing.T) {
	withPi(t, func(t *testing.T, l *lan) {
		p := l.plug("10.0.0.2")
		defer p.close()
		more := &message{answers: []record{{http, typePTR, false, otherTTL, string(instance) + "\x00"}}}
		time.AfterFunc(300*time.Millisecond, func() { _ = p.send(7, false, netip.AddrPort{}, more.pack()) })
		if got := l.ask(t, "10.0.0.2", 5353, &message{flags: flagTrunc, questions: []question{{http, typePTR, false}}}); len(got) != 0 {
			t.Errorf("%+v", got[0].m)
		}
	})
}

// Section 6: a record is not multicast twice within a second.
func TestNotTwiceInASecond(t *testing.T) {
	withPi(t, func(t *testing.T, l *lan) {
		p := l.plug("10.0.0.2")
		defer p.close()
		at := l.now()
		for range 20 {
			_ = p.send(7, false, netip.AddrPort{}, (&message{questions: []question{{host, typeA, false}}}).pack())
			time.Sleep(100 * time.Millisecond)
		}
		answers := slices.DeleteFunc(l.since(at), func(s said) bool { return !s.m.isAnswer() })
		if len(answers) != 2 {
			t.Errorf("%d answers in two seconds", len(answers))
		}
	})
}

// Section 5.4: an answer by unicast is given if it is wanted, unless nobody has heard
// the record for long.
func TestUnicast(t *testing.T) {
	withPi(t, func(t *testing.T, l *lan) {
		ask := &message{questions: []question{{host, typeA, true}}}
		if got := l.ask(t, "10.0.0.2", 5353, ask); len(got) != 1 || got[0].to.String() != "10.0.0.2:5353" {
			t.Errorf("%+v", got)
		}
		time.Sleep(hostTTL * time.Second / 4)
		if got := l.ask(t, "10.0.0.2", 5353, ask); len(got) != 1 || got[0].to.IsValid() {
			t.Errorf("%+v", got)
		}
	})
}

// Section 6.7: who asks from another port gets an answer of ordinary DNS.
func TestOldResolvers(t *testing.T) {
	withPi(t, func(t *testing.T, l *lan) {
		got := l.ask(t, "10.0.0.2", 40000, &message{id: 99, questions: []question{{http, typePTR, true}}})
		if len(got) != 1 || got[0].to.String() != "10.0.0.2:40000" {
			t.Fatalf("%+v", got)
		}
		m := got[0].m
		if m.id != 99 || len(m.questions) != 1 || m.questions[0].unicast || len(m.answers) != 1 || len(m.additional) != 3 {
			t.Errorf("%+v", m)
		}
		for _, r := range append(m.answers, m.additional...) {
			if r.unique || r.ttl > oldTTL {
				t.Errorf("%v %d: unique %v, %d s", r.name, r.typ, r.unique, r.ttl)
			}
		}
	})
}

// Section 8.1: two machines that are called the same have different names in the end,
// whoever came first.
func TestTwoOfOneName(t *testing.T) {
	for name, between := range map[string]time.Duration{"later": 10 * time.Second, "at once": 0, "while the first one asks": 300 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, l *lan) {
				first := l.gateway(t, "pi", "10.0.0.1", page)
				defer first.stop()
				time.Sleep(between)
				second := l.gateway(t, "pi", "10.0.0.2", page)
				defer second.stop()
				time.Sleep(20 * time.Second)
				hosts := []string{first.Host(), second.Host()}
				slices.Sort(hosts)
				if !slices.Equal(hosts, []string{"pi-gateway-2.local", "pi-gateway.local"}) || between > time.Second && first.Host() != "pi-gateway.local" {
					t.Errorf("%s and %s", first.Host(), second.Host())
				}
				got := l.ask(t, "10.0.0.3", 5353, &message{questions: []question{{http, typePTR, false}}})
				if len(got) != 2 || got[0].m.answers[0].data == got[1].m.answers[0].data {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// Section 9: two networks that become one.
func TestNetworksThatMeet(t *testing.T) {
	on(t, func(t *testing.T, l *lan) {
		other := &lan{begun: l.begun}
		first := l.gateway(t, "pi", "10.0.0.1", page)
		defer first.stop()
		second := other.gateway(t, "pi", "10.0.0.2", page)
		defer second.stop()
		settle()
		for _, p := range other.ports {
			p.lan = l
			l.ports = append(l.ports, p)
		}
		l.ask(t, "10.0.0.3", 5353, &message{questions: []question{{host, typeA, false}}})
		time.Sleep(20 * time.Second)
		if first.Host() == second.Host() {
			t.Errorf("both are %s", first.Host())
		}
	})
}

// What changes is announced, and what is gone says goodbye.
func TestChanges(t *testing.T) {
	on(t, func(t *testing.T, l *lan) {
		g := l.gateway(t, "pi", "10.0.0.1", page)
		defer g.stop()
		settle()
		at := l.now()
		g.mu.Lock()
		g.prefixes = []netip.Prefix{netip.MustParsePrefix("10.0.0.9/24")}
		g.mu.Unlock()
		time.Sleep(10 * time.Second)
		all := l.since(at)
		if len(all) != 3 || !has(all[0].m.answers, host, typeA) || all[0].m.answers[0].ttl != 0 || all[0].m.answers[0].data != "\x0a\x00\x00\x01" || !has(all[1].m.answers, host, typeA) {
			t.Errorf("a new address: %+v", all)
		}
		at = l.now()
		g.mu.Lock()
		g.services = []Service{{Type: "_mqtt._tcp", Port: 1883}}
		g.mu.Unlock()
		time.Sleep(10 * time.Second)
		all = l.since(at)
		if len(all) != 6 || !has(all[0].m.answers, http, typePTR) || all[0].m.answers[0].ttl != 0 || all[1].m.isAnswer() || !has(all[5].m.answers, domain("_mqtt._tcp.local"), typePTR) {
			t.Errorf("another service: %d messages, %+v", len(all), all)
		}
		at = l.now()
		if err := g.Change(Config{Enabled: true, Name: "Werkstatt"}); err != nil {
			t.Fatal(err)
		}
		settle()
		if all = l.since(at); len(all) != 6 || all[0].m.answers[0].ttl != 0 || !has(all[5].m.answers, newName("Werkstatt", "_mqtt", "_tcp", "local"), typeSRV) {
			t.Errorf("another name: %d messages", len(all))
		}
		at = l.now()
		if err := g.Change(Config{}); err != nil {
			t.Fatal(err)
		}
		settle()
		if all = l.since(at); len(all) != 1 || g.Host() != "" {
			t.Errorf("switched off: %d messages, host %q", len(all), g.Host())
		}
	})
}

// Without anything to say no port is opened.
func TestNothingToSay(t *testing.T) {
	on(t, func(t *testing.T, l *lan) {
		g := l.gateway(t, "pi", "10.0.0.1")
		defer g.stop()
		settle()
		if len(l.ports) != 0 || len(l.said) != 0 {
			t.Error("there is a port")
		}
		g.mu.Lock()
		g.services = []Service{page}
		g.mu.Unlock()
		time.Sleep(10 * time.Second)
		if g.Host() == "" {
			t.Error("nothing is announced")
		}
	})
}
