package health

import (
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/bridge"
	"gateway/broker"
)

func scrape(t *testing.T, all ...bridge.State) string {
	t.Helper()
	w := httptest.NewRecorder()
	Metrics(Build("v1", ""), Bridges(func() []bridge.State { return all })).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestBridgeMetrics(t *testing.T) {
	acked := time.Unix(1_790_000_000, 500_000_000)
	got := scrape(t,
		bridge.State{Name: "cloud", Connected: true, LastAck: acked, Forwarded: 12, Drain: 90 * time.Second,
			Queue: broker.SubscriptionStats{Waiting: 3, Unacked: 2, Bytes: 500, Dropped: 7, Oldest: time.Now().Add(-time.Minute)}},
		bridge.State{Name: "office", Drain: -1, Aside: 4})
	for _, want := range []string{
		`gateway_build_info{version="v1",goversion="` + runtime.Version() + `",goos="` + runtime.GOOS + `",goarch="` + runtime.GOARCH + `"} 1`,
		`gateway_bridge_connected{bridge="cloud"} 1`,
		`gateway_bridge_connected{bridge="office"} 0`,
		`gateway_bridge_queue_messages{bridge="cloud"} 5`,
		`gateway_bridge_queue_bytes{bridge="cloud"} 500`,
		`gateway_bridge_drain_seconds{bridge="cloud"} 90`,
		`gateway_bridge_last_ack_timestamp_seconds{bridge="cloud"} 1.7900000005e+09`,
		`gateway_bridge_forwarded_messages_total{bridge="cloud"} 12`,
		`gateway_bridge_dropped_messages_total{bridge="cloud",reason="full"} 7`,
		`gateway_bridge_set_aside_messages{bridge="office"} 4`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no line %s in\n%s", want, got)
		}
	}
	// What is not known is left out.
	for _, none := range []string{`drain_seconds{bridge="office"}`, `last_ack_timestamp_seconds{bridge="office"}`} {
		if strings.Contains(got, none) {
			t.Errorf("there is %s in\n%s", none, got)
		}
	}
}

// Every line is as Prometheus' text format has it, and every name has HELP and
// TYPE before it, once.
func TestFormat(t *testing.T) {
	line := regexp.MustCompile(`^([a-z_]+)(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [-+0-9.e]+$`)
	declared := map[string]bool{}
	for l := range strings.Lines(scrape(t, bridge.State{Name: "a"}, bridge.State{Name: "b"})) {
		l = strings.TrimSuffix(l, "\n")
		if rest, ok := strings.CutPrefix(l, "# TYPE "); ok {
			name, typ, _ := strings.Cut(rest, " ")
			if declared[name] || typ != "gauge" && typ != "counter" || typ == "counter" != strings.HasSuffix(name, "_total") {
				t.Errorf("%s", l)
			}
			declared[name] = true
			continue
		}
		if strings.HasPrefix(l, "# HELP ") {
			continue
		}
		m := line.FindStringSubmatch(l)
		if m == nil || !declared[m[1]] {
			t.Errorf("not a sample of a declared metric: %s", l)
		}
	}
}

func TestNoBridges(t *testing.T) {
	if got := scrape(t); strings.Contains(got, "gateway_bridge") {
		t.Errorf("without bridges there is\n%s", got)
	}
}

// The guide has each metric of a bridge, and no other.
func TestTheGuideNamesEveryMetric(t *testing.T) {
	guide, err := os.ReadFile("../../../../bridge/GUIDE.md")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	names := regexp.MustCompile(`gateway_bridge_[a-z_]+`)
	var there []string
	for _, f := range bridgeFigures([]bridge.State{{Name: "cloud", LastAck: now, ErrorTime: now}}, now) {
		there = append(there, f.Name)
	}
	told := names.FindAllString(string(guide), -1)
	for _, n := range there {
		if !slices.Contains(told, n) {
			t.Errorf("the guide does not have %s", n)
		}
	}
	for _, n := range told {
		if !slices.Contains(there, n) {
			t.Errorf("the guide has %s, which there is not", n)
		}
	}
}
