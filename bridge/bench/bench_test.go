//go:build linux

package main

import (
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gateway/broker/bench/machine"
)

// What the upstream answers, byte for byte.
func TestAnswer(t *testing.T) {
	for _, test := range []struct{ name, packet, want string }{
		{"CONNECT", "10" + "00044d5154540400003c0000", "20020000"},
		{"PUBLISH of QoS 1", "32" + "0001740007" + "78", "40020007"},
		{"PINGREQ", "c0", "d000"},
		{"UNSUBSCRIBE", "a2" + "0005000174", "b0020005"},
		{"DISCONNECT", "e0", ""},
	} {
		b, err := hex.DecodeString(test.packet)
		if err != nil {
			t.Fatal(err)
		}
		got, err := answer(nil, b[0], b[1:])
		if hex.EncodeToString(got) != test.want || err != nil {
			t.Errorf("%s is answered with %x, %v, want %s", test.name, got, err, test.want)
		}
	}
	if _, err := answer(nil, 0xf0, nil); err == nil {
		t.Error("AUTH is of no use here")
	}
}

func TestRow(t *testing.T) {
	r := row{
		figure: figure{what: "x", unit: "messages/s", target: 5000},
		values: map[string][]float64{"mosquitto": {1000, 3000, 2000}, "gateway": {4000}},
	}
	if got, want := strings.Join(r.cells(), " | "), "x | messages/s | 2000 | 4000 | 2.00 | ≥ 5000 **missed**"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if text := report(options{rounds: 3, note: "Busy."}, []row{r}); !strings.Contains(text, "\nBusy.\n") || !strings.HasSuffix(text, "**missed** |\n") {
		t.Error(text)
	}
}

// TestSmoke runs each scenario with few messages, with both brokers.
func TestSmoke(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	if _, err := machine.Mosquitto(); err != nil && os.Getenv("GATEWAY_TEST_ALL") == "" {
		t.Skip(err)
	}
	dir := t.TempDir()
	o := options{rounds: 1, scale: 0.001, gateway: filepath.Join(dir, "gateway")}
	if out, err := exec.Command("go", "build", "-o", o.gateway, "gateway/cmd/gateway").CombinedOutput(); err != nil {
		t.Fatal(errors.Join(err, errors.New(string(out))))
	}
	for _, s := range scenarios() {
		if !wanted(s.name, []string{"drain 500", "memory 100000"}) {
			continue
		}
		rows, err := measure(t.Context(), o, dir, s)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		for _, r := range rows {
			for _, b := range brokers {
				if v, ok := r.value(b); !ok || v < 0 { // CPU time may be less than can be seen
					t.Errorf("%s: %s of %s is %v", s.name, r.what, b, v)
				}
			}
		}
	}
}
