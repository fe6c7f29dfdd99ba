package mdns

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestMessage(t *testing.T) {
	z := newZone(namesFor(Default(), "pi", 1), []Service{
		{Type: "_mqtt._tcp", Port: 1883, Text: []string{"txtvers=1", "ws=9001"}},
		{Type: "_mqtt._tcp", Port: 1884},
		{Type: "_http._tcp", Port: 8080, Address: "10.0.0.9"}, // not of this interface
	}, []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")})
	m := &message{id: 7, flags: flagAnswer | flagAuth, questions: []question{{allTypes, typePTR, true}}, answers: z.records, additional: z.nothing}
	b := m.pack()
	got, err := parse(b)
	if err != nil || !reflect.DeepEqual(got, &message{7, m.flags, m.questions, m.answers, nil, m.additional}) {
		t.Errorf("%v, got\n%+v\nwant\n%+v", err, got, m)
	}
	if len(z.records) != 1+3+3+2 || len(b) > 500 {
		t.Errorf("%d records, %d bytes", len(z.records), len(b))
	}
	for i := range b { // what is cut off is read as far as it goes
		if m, err := parse(b[:i]); err == nil && len(m.answers) > len(z.records) {
			t.Error(i)
		}
	}
}

// Names of other devices have dots within labels, and bytes that are no text.
func TestOddNames(t *testing.T) {
	n := newName("Printer v1.2 \xff", "_ipp", "_tcp", "local")
	m := &message{questions: []question{{n, typeSRV, false}, {http, typePTR, false}}}
	if got, err := parse(m.pack()); err != nil || len(got.questions) != 2 || got.questions[0].name != n {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("ä", 70)
	for _, tt := range []struct {
		cfg            Config
		machine        string
		turn           int
		instance, host string
	}{
		{Config{}, "raspberrypi", 1, "gateway on raspberrypi", "raspberrypi-gateway"},
		{Config{}, "pi.home.example", 2, "gateway on pi (2)", "pi-gateway-2"},
		{Config{Name: "Keller 1.OG"}, "pi_4", 1, "Keller 1.OG", "pi-4-gateway"},
		{Config{}, "", 1, "gateway", "gateway"},
		{Config{}, long, 3, "gateway (3)", "gateway-3"},
	} {
		if got := namesFor(tt.cfg, tt.machine, tt.turn); got != (names{tt.instance, tt.host}) {
			t.Errorf("%q: %+v", tt.machine, got)
		}
	}
	if n := namesFor(Config{}, strings.Repeat("a", 300), 99); len(n.instance) > 63 || len(n.host) > 63 {
		t.Errorf("%+v", n)
	}
}

// An address that means nothing without its interface is given only if there is no
// other: Avahi would hand it to who asks for IPv4.
func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"fe80::1/64 10.0.0.1/24":            "10.0.0.1",
		"fe80::1/64":                        "fe80::1",
		"10.0.0.1/24 fd00::1/64 fe80::1/64": "10.0.0.1 fd00::1",
	} {
		var p place
		for _, s := range strings.Fields(in) {
			p.prefixes = append(p.prefixes, netip.MustParsePrefix(s))
		}
		var got []string
		for _, a := range p.addresses() {
			got = append(got, a.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", in, got, want)
		}
	}
}

func TestPieces(t *testing.T) {
	var m message
	for range 100 {
		m.answers = append(m.answers, record{http, typeTXT, true, 1, string(make([]byte, 90))})
	}
	n := 0
	for _, b := range pieces(&m) {
		got, err := parse(b)
		if err != nil || len(b) > roomy {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		n += len(got.answers)
	}
	if n != 100 {
		t.Errorf("%d records of 100", n)
	}
}

func TestValidate(t *testing.T) {
	for want, c := range map[string]Config{
		"":               {Enabled: true, Name: "Küche", Interfaces: []string{"eth0"}},
		"name: has":      {Name: strings.Repeat("x", 57)},
		"name: is":       {Name: "a\nb"},
		"interfaces[1]:": {Interfaces: []string{"eth0", "my net"}},
	} {
		if err := c.Validate(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// No bytes are too odd, and what is read and written again is the same.
func FuzzParse(f *testing.F) {
	z := newZone(namesFor(Default(), "pi", 1), []Service{page}, []netip.Addr{netip.MustParseAddr("10.0.0.1")})
	f.Add((&message{questions: []question{{http, typePTR, false}}, answers: z.records, authority: z.nothing}).pack())
	f.Add([]byte("\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(b)
		if err != nil {
			return
		}
		for _, q := range m.questions {
			z.answer(q)
			_ = q.name.String()
		}
		again, err := parse(m.pack())
		if err != nil || len(again.questions) != len(m.questions) || len(again.answers) != len(m.answers) {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
		for _, r := range m.answers {
			_ = r.identity()
		}
	})
}
