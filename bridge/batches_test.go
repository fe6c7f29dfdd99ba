package bridge

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/batch"
	"gateway/broker"
	"gateway/broker/packet"
)

func batchConfig() Config {
	cfg := testConfig()
	cfg.Batch = batch.Default()
	cfg.Batch.Topic, cfg.Batch.MaxMessages = "pi1/batch", 3
	return cfg
}

// Readings travel together; what is no JSON goes by itself, after them.
func TestBatches(t *testing.T) {
	f := &far{}
	inBubble(t, batchConfig(), f, func(r *rig) {
		for i := range 4 {
			r.publish("home/x", fmt.Sprintf(`{"temperature":%d}`, i))
		}
		synctest.Wait()
		want := `pi1/batch=[{"topic":"pi1/home/x","payload":{"temperature":0}},{"topic":"pi1/home/x","payload":{"temperature":1}},{"topic":"pi1/home/x","payload":{"temperature":2}}]`
		if got := f.text(); got != want {
			t.Errorf("upstream got %s", got)
		}
		if s := r.bridge.State(); s.Forwarded != 3 || s.Queue.Waiting+s.Queue.Unacked != 1 {
			t.Errorf("state %+v", s)
		}
		f.take()
		r.sleep(11 * time.Second) // max_delay
		if got := f.text(); got != `pi1/batch=[{"topic":"pi1/home/x","payload":{"temperature":3}}]` {
			t.Errorf("after max_delay upstream got %s", got)
		}
		f.take()
		r.publish("home/x", `{"temperature":4}`)
		r.publish("home/x", "plain words")
		synctest.Wait()
		if got := f.text(); got != `pi1/batch=[{"topic":"pi1/home/x","payload":{"temperature":4}}] pi1/home/x=plain words` {
			t.Errorf("upstream got %s", got)
		}
		f.take()
		r.publish("home/x", `{"temperature":5}`)
		r.send(&broker.Message{Topic: "home/x", Payload: []byte("6"), Properties: &broker.Properties{User: []packet.UserProperty{{Name: "unit", Value: "°C"}}}})
		synctest.Wait()
		if got := f.text(); got != `pi1/batch=[{"topic":"pi1/home/x","payload":{"temperature":5}}] pi1/home/x=6` {
			t.Errorf("with properties upstream got %s", got)
		}
		if s := r.bridge.State(); s.Forwarded != 8 || s.Queue.Waiting+s.Queue.Unacked != 0 {
			t.Errorf("state %+v", s)
		}
	})
}

// What a batch had in it when the line broke is sent again.
func TestBatchIsNotLost(t *testing.T) {
	f := &far{holdAcks: true}
	inBubble(t, batchConfig(), f, func(r *rig) {
		for i := range 5 {
			r.publish("home/x", i)
		}
		synctest.Wait()
		f.cut(errCut)
		f.take()
		f.hold(false)
		f.repair()
		r.sleep(2 * time.Minute)
		got := f.text()
		for i := range 5 {
			if n := strings.Count(got, fmt.Sprintf(`"payload":%d}`, i)); n != 1 {
				t.Errorf("%d came %d times: %s", i, n, got)
			}
		}
		if s := r.bridge.State(); s.Queue.Waiting+s.Queue.Unacked != 0 {
			t.Errorf("state %+v", s)
		}
	})
}

// A stop waits for no max_delay.
func TestStopSendsTheBatch(t *testing.T) {
	f := &far{}
	cfg := batchConfig()
	cfg.Batch.MaxDelay = time.Hour
	inBubble(t, cfg, f, func(r *rig) {
		r.publish("home/x", 1)
		synctest.Wait()
		began := time.Now()
		r.stop()
		if d := time.Since(began); d > time.Second || !strings.Contains(f.text(), `"payload":1}`) {
			t.Errorf("it stopped after %v, and upstream got %s", d, f.text())
		}
	})
}
