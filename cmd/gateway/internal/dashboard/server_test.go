package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/broker"
)

func TestSensorsAPI(t *testing.T) {
	d := testDashboard(Default())
	var s Snapshot
	w := request(d, "/api/v1/sensors")
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || s.Sensors == nil || s.Gateway.WebSocket == nil || s.Gateway.Host != "pi" {
		t.Errorf("%s: %v", w.Body, err)
	}
	d.model.take(msg("a/b/<script>", `{"temperature":1}`), time.Now())
	w = request(d, "/api/v1/sensors")
	if strings.Contains(w.Body.String(), "<script>") {
		t.Error("markup in JSON is not escaped")
	}
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || s.Sensors[0].Sensor != "<script>" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s: %v", w.Body, err)
	}
}

// TestRunStops: with a stream open, Run returns at once when it is to stop.
func TestRunStops(t *testing.T) {
	d := testDashboard(Config{Address: "127.0.0.1:0"})
	if err := d.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()
	resp, err := http.Get("http://" + d.Addr().String() + "/api/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := resp.Body.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestFollowsTheTree(t *testing.T) {
	d := testDashboard(Config{Address: "127.0.0.1:0"})
	if err := d.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = d.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	if err := d.b.Publish(&broker.Message{Topic: "home/kitchen/climate", Payload: []byte(`{"temperature":21.5}`), Retain: true}); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + d.Addr().String() + "/api/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if strings.Contains(lines.Text(), `"home/kitchen/climate"`) {
			return
		}
	}
	t.Error("the reading does not come")
}

func TestListenErrors(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	d := testDashboard(Config{Address: ln.Addr().String()})
	if err := d.Listen(); err == nil || !strings.Contains(err.Error(), "dashboard.address: cannot listen on "+ln.Addr().String()) || d.Addr() != nil {
		t.Errorf("%v, %v", err, d.Addr())
	}
	none := testDashboard(Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := none.Listen(); err != nil || none.Addr() != nil || none.Run(ctx) != nil {
		t.Errorf("without a page: %v, %v", err, none.Addr())
	}
}
