package dashboard

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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

// TestChangeTriesAgain: a page that has closed for another, and could be opened
// neither there nor where it was, is opened by the next change, back to what it was.
func TestChangeTriesAgain(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	was := Config{Address: free.Addr().String()}
	free.Close()
	d := testDashboard(was)
	if err := d.Listen(); err != nil {
		t.Fatal(err)
	}
	d.ln.Close() // somebody else has its port in the moment of the change
	taken, err := net.Listen("tcp", was.Address)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(was.Address)
	if err := d.Change(Config{Address: ":" + port}); err == nil || !strings.Contains(err.Error(), "cannot listen on :"+port) {
		t.Errorf("%v", err)
	}
	if err := d.Change(was); err == nil {
		t.Error("a port that somebody else has was opened")
	}
	taken.Close()
	if err := d.Change(was); err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", was.Address)
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	d.ln.Close()
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
	if err := d.Listen(); err == nil || !strings.Contains(err.Error(), "dashboard.address: cannot listen on "+ln.Addr().String()+": another program has this port already (sudo ss -ltnp") || d.Addr() != nil {
		t.Errorf("%v, %v", err, d.Addr())
	}
	none := testDashboard(Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := none.Listen(); err != nil || none.Addr() != nil || none.Run(ctx) != nil {
		t.Errorf("without a page: %v, %v", err, none.Addr())
	}
}

// TestSlowRequest: a connection that says nothing, or not all of it, ends.
func TestSlowRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Default())
		l, stop := runInMemory(t, d)
		defer stop()
		for _, begin := range []string{"", "GET / HTTP/1.1\r\nHost: loc"} {
			c := l.dial(t, begin)
			began := time.Now()
			_, _ = io.Copy(io.Discard, c)
			if took := time.Since(began); took > requestTimeout+time.Second {
				t.Errorf("after %q it ends in %v", begin, took)
			}
			c.Close()
		}
	})
}

// TestSlowAnswer: neither does an answer nobody takes wait for ever, nor the
// end of the page for it.
func TestSlowAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stop := runInMemory(t, testDashboard(Default()))
		c := l.dial(t, "GET /static/vendor/preact.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
		time.Sleep(answerTimeout + time.Second)
		if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		c.Close()
		c = l.dial(t, "GET /static/vendor/preact.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
		defer c.Close()
		synctest.Wait()
		if took := stop(); took > stopTimeout+100*time.Millisecond {
			t.Errorf("it took %v to stop", took)
		}
	})
}

// TestListenerFails: Run does not go on without its socket.
func TestListenerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Default())
		d.ln = newMemoryListener()
		d.ln.Close()
		if err := d.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "dashboard.address: 127.0.0.1:8080: ") {
			t.Errorf("Run: %v", err)
		}
	})
}

// TestFullIsSaidOnce: what finds no room is counted, and logged once.
func TestFullIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := testDashboard(Default())
		d.log = slog.New(slog.NewTextHandler(&log, nil))
		_, stop := runInMemory(t, d)
		synctest.Wait()
		for i := range maxSensors + 3 {
			if err := d.b.Publish(&broker.Message{Topic: fmt.Sprintf("a/b/%d", i), Payload: []byte("1")}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		text := request(d, "/healthz").Body.String()
		stop()
		for _, want := range []string{"ok\n", "sensors 2000 of at most 2000", "live     2000", "for want of room 3\n", "too fast 0\n", "open pages 0 of"} {
			if !strings.Contains(text, want) {
				t.Errorf("want %q in\n%s", want, text)
			}
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "sensors=2000") {
			t.Errorf("%d warnings:\n%s", n, &log)
		}
	})
}

func TestHealthWithoutRun(t *testing.T) {
	w := request(testDashboard(Default()), "/healthz")
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "ok\n") || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d %v\n%s", w.Code, w.Header(), w.Body)
	}
}
