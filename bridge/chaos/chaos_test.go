//go:build linux

package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/bridge/badline/ledger"
	"gateway/bridge/upstreams"
)

// TestChaos is the short form of make soak: half of the faults of either upstream.
func TestChaos(t *testing.T) {
	againstBoth(t, func(o *options, upstream string) {
		o.rounds = len(faults()) / 2
		if upstream == "mosquitto" {
			o.only = ofTheLine()
		}
	})
}

// Certificates of either end and their authority are replaced, and are wrong for a
// while, without a restart of the gateway: the bridge says what is wrong, and
// nothing is lost.
func TestCertificates(t *testing.T) {
	againstBoth(t, func(o *options, _ string) {
		o.tls, o.only, o.rounds = true, []string{"certificate"}, len(certificateFaults())
	})
}

// againstBoth does a run against each upstream, at once, with the options that
// change makes.
func againstBoth(t *testing.T, change func(o *options, upstream string)) {
	if testing.Short() {
		t.Skip("breaks lines for 20 s")
	}
	dir, err := os.MkdirTemp("", "gateway-chaos-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("kept:", dir)
			return
		}
		os.RemoveAll(dir)
	})
	o := options{seed: rand.Uint64()}
	t.Logf("seed %d", o.seed)
	if o.gateway, err = build(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	t.Run("group", func(t *testing.T) {
		for upstream, protocol := range map[string]string{"gateway": "5", "mosquitto": "3.1.1"} {
			t.Run(upstream, func(t *testing.T) {
				t.Parallel()
				o := o
				change(&o, upstream)
				v, err := one(t.Context(), o, upstream, protocol, filepath.Join(dir, upstream))
				if errors.As(err, new(*upstreams.Missing)) && os.Getenv("GATEWAY_TEST_ALL") == "" {
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("MQTT %s: %s", protocol, v)
				if v.failed() {
					t.Error("a promise was broken")
				}
			})
		}
	})
}

// ofTheLine are the faults but those of the upstream itself: Mosquitto that is
// restarted has now and then sent once more what it had on its way at QoS 2. The long
// form looks at that.
func ofTheLine() (names []string) {
	for _, f := range faults() {
		if !strings.HasPrefix(f.name, "upstream") {
			names = append(names, f.name)
		}
	}
	return names
}

// A verdict fails for what is lost, and says what.
func TestVerdict(t *testing.T) {
	good, bad := ledger.New(ledger.AtLeastOnce), ledger.New(ledger.ExactlyOnce)
	for _, b := range []*ledger.Ledger{good, bad} {
		b.Published("t", 1)
		b.Acknowledged("t", 1)
		b.Arrived("t", 1)
		b.Arrived("t", 1)
	}
	v := &verdict{rounds: 3, took: time.Second, flows: []string{"out/q1"}, reports: []ledger.Report{good.Report()}}
	if v.failed() {
		t.Errorf("twice at QoS 1 is no failure: %s", v)
	}
	v.flows, v.reports = append(v.flows, "out/q2"), append(v.reports, bad.Report())
	if !v.failed() || !strings.Contains(v.String(), `"t": 1 duplicated: [1]`) {
		t.Errorf("twice at QoS 2: %s", v)
	}
	v.reports, v.faults = v.reports[:1], []string{"a session is gone"}
	if !v.failed() || !strings.Contains(v.String(), "a session is gone") {
		t.Errorf("a session that is gone: %s", v)
	}
}

// What is out of order is forgiven, and nothing else.
func TestForgive(t *testing.T) {
	books := ledger.New(ledger.ExactlyOnce)
	for n := range uint64(2) {
		books.Published("t", n)
		books.Acknowledged("t", n)
	}
	books.Arrived("t", 1)
	books.Arrived("t", 0)
	r := books.Report()
	if notes := forgive(r); len(notes) != 1 || r.Err() != nil {
		t.Errorf("notes %q, then %v", notes, r.Err())
	}
	books.Arrived("t", 0)
	if r := books.Report(); len(forgive(r)) != 1 || r.Err() == nil {
		t.Error("twice is forgiven")
	}
}

// What is published says its number, whatever its size.
func TestNumber(t *testing.T) {
	for _, payload := range []string{"7", "7...."} {
		if n, err := number([]byte(payload)); n != 7 || err != nil {
			t.Errorf("%q: %d, %v", payload, n, err)
		}
	}
	if _, err := number([]byte("online")); err == nil {
		t.Error("no number is none")
	}
}
