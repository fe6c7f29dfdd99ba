//go:build linux

package main

import (
	"bytes"
	"encoding/hex"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPackets(t *testing.T) {
	publish, idAt, payloadAt := publishPacket("a/b", 1, true, []byte("xyz"))
	for _, tt := range []struct {
		name string
		got  []byte
		want string
	}{
		{"CONNECT", connectPacket("me"), "100e00044d5154540402000000026d65"},
		{"SUBSCRIBE", subscribePacket(2, "a", "b/#"), "820c0001000161020003622f2302"},
		{"PUBLISH", publish, "330a0003612f620000" + hex.EncodeToString([]byte("xyz"))},
	} {
		if got := hex.EncodeToString(tt.got); got != tt.want {
			t.Errorf("%s is %s, want %s", tt.name, got, tt.want)
		}
	}
	if idAt != 7 || payloadAt != 9 {
		t.Errorf("packet identifier at %d, payload at %d", idAt, payloadAt)
	}
	long, _, at := publishPacket("t", 0, false, make([]byte, 1000))
	if header, size, err := frame(long); header != 3 || size != len(long) || err != nil || at != header+3 {
		t.Errorf("frame: %d, %d, %v", header, size, err)
	}
}

func TestFrame(t *testing.T) {
	for _, tt := range []struct {
		in           string
		header, size int
		wrong        bool
	}{
		{"", 0, 0, false}, {"d0", 0, 0, false}, {"d000", 2, 2, false}, {"d00030", 2, 2, false}, {"3003", 2, 0, false},
		{"308001", 3, 0, false}, {"30ffffffff7f", 0, 0, true},
	} {
		in, _ := hex.DecodeString(tt.in)
		header, size, err := frame(in)
		if header != tt.header || size != tt.size || (err != nil) != tt.wrong {
			t.Errorf("%s: %d, %d, %v", tt.in, header, size, err)
		}
	}
}

// TestReader cuts what a broker sends anywhere.
func TestReader(t *testing.T) {
	var in []byte
	for qos := range byte(3) {
		p, idAt, _ := publishPacket("t", qos, false, make([]byte, 200))
		if qos > 0 {
			p[idAt+1] = qos
		}
		in = append(in, p...)
	}
	in = append(in, 0x50, 2, 0, 7, 0x62, 2, 0, 8)
	for cut := 1; cut < len(in); cut += 37 {
		here, there := net.Pipe()
		go func() {
			for rest := in; len(rest) > 0; rest = rest[min(cut, len(rest)):] {
				if _, err := there.Write(rest[:min(cut, len(rest))]); err != nil {
					return
				}
			}
			there.Close()
		}()
		var out bytes.Buffer
		r := newReader(recorder{here, &out})
		var types []byte
		for r.next(func(p []byte, _ int) { types = append(types, p[0]>>4) }) == nil {
		}
		if want := []byte{3, 3, 3, 5, 6}; !bytes.Equal(types, want) {
			t.Errorf("cut %d: packets %v, want %v", cut, types, want)
		}
		if got, want := hex.EncodeToString(out.Bytes()), "40020001"+"50020002"+"62020007"+"70020008"; got != want {
			t.Errorf("cut %d: answers %s, want %s", cut, got, want)
		}
	}
}

// recorder reads from a connection and keeps what is written.
type recorder struct {
	net.Conn
	out *bytes.Buffer
}

func (r recorder) Write(b []byte) (int, error) { return r.out.Write(b) }

func TestStatistics(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	if m := median(values); m != 3 || !slices.Equal(values, []float64{5, 1, 4, 2, 3}) {
		t.Errorf("median %v, values now %v", m, values)
	}
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(99 - i)
	}
	if p := percentile(hundred, 0.99); p != 99 {
		t.Errorf("99th percentile %v", p)
	}
	if p := percentile(nil, 0.5); p != 0 {
		t.Errorf("of nothing %v", p)
	}
}

func TestReport(t *testing.T) {
	r := result{
		scenario: scenario{name: "x", what: "something", unit: "µs", group: "CPU", target: 0.25, ratio: true},
		values:   map[string][]float64{"mosquitto": {10, 12, 11}, "gateway": {2, 4, 3}},
		lost:     map[string]int64{"gateway": 5},
	}
	if r.missed() == false {
		t.Error("a ratio of 0.27 does not miss a target of 0.25")
	}
	text := report(options{rounds: 3}, []result{r})
	if want := "| something | µs | 11.0 | 3.00 (5 lost) | 0.273 | ratio ≤ 0.250 **missed** |"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
	more := result{scenario: scenario{target: 90, more: true}, values: map[string][]float64{"gateway": {95}}}
	if more.missed() {
		t.Error("95 misses a target of at least 90")
	}
}

// TestSmoke runs a scenario of each kind for a moment, with both brokers where
// they are installed.
func TestSmoke(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	o := options{rounds: 1, seconds: 0.05, gateway: filepath.Join(dir, "gateway"), brokers: []string{"gateway"}}
	if out, err := exec.Command("go", "build", "-o", o.gateway, "../../cmd/gateway").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	switch _, err := exec.LookPath("mosquitto"); {
	case err == nil:
		o.brokers = append(o.brokers, "mosquitto")
	case os.Getenv("GATEWAY_TEST_ALL") != "":
		t.Fatal(err)
	}
	for _, s := range scenarios() {
		if !wanted(s.name, []string{"fan-in q0 64", "fan-out q1 64", "pairs q2 64", "tree q1 64", "latency q1", "idle rss"}) {
			continue
		}
		r, err := measure(t.Context(), o, dir, s)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		for _, b := range o.brokers {
			if v, ok := r.value(b); !ok || v <= 0 {
				t.Errorf("%s: %s has %v", s.name, b, v)
			}
		}
	}
}

// TestSoakSection keeps what broker/soak has written.
func TestSoakSection(t *testing.T) {
	file := filepath.Join(t.TempDir(), "BENCH.md")
	if got := soakSection(file); got != "" {
		t.Errorf("of no file: %q", got)
	}
	for text, want := range map[string]string{
		"# Bench\n": "", "a\n<!-- soak -->\nb\n": "",
		"a\n<!-- soak -->\nb\n<!-- /soak -->\nc\n": "\n<!-- soak -->\nb\n<!-- /soak -->\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := soakSection(file); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
