package bustest

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
)

func TestFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed()
		slot := bus.Slot{Subscribe: f.Subscribe}
		feed, err := slot.Subscribe("tele/+/SENSOR")
		if err != nil || !slices.Equal(f.Filters(), []string{"tele/+/SENSOR"}) {
			t.Fatalf("%v, filters %v", err, f.Filters())
		}
		old := time.Now().Add(-time.Hour)
		f.Send(bus.FeedMessage{Topic: "a", Time: old, Retained: true})
		time.AfterFunc(time.Second, func() { f.SendText("b", "21.5") })
		start := time.Now()
		if m, err := feed.Next(t.Context()); err != nil || m.Topic != "a" || m.Time != old || !m.Retained {
			t.Errorf("first: %+v, %v", m, err)
		}
		if m, err := feed.Next(t.Context()); err != nil || m.Topic != "b" || string(m.Payload) != "21.5" || m.Time.Sub(start) != time.Second {
			t.Errorf("second: %+v, %v", m, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := feed.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a message: %v", err)
		}
		f.Fail(syscall.ECONNRESET)
		if _, err := feed.Next(t.Context()); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("failing: %v", err)
		}
		if _, err := f.Subscribe("#"); err == nil {
			t.Error("a feed that fails can be subscribed to")
		}
		f.Fail(nil)
		time.AfterFunc(time.Second, feed.Close)
		if _, err := feed.Next(t.Context()); !errors.Is(err, fs.ErrClosed) || !f.Closed() {
			t.Errorf("closed meanwhile: %v", err)
		}
	})
}

func TestState(t *testing.T) {
	var st State
	got := struct{ Total float64 }{}
	if ok, err := st.Load(&got); ok || err != nil {
		t.Errorf("nothing saved: %v, %v", ok, err)
	}
	saved := map[string]float64{"Total": 12.5}
	if err := st.Save(saved); err != nil || st.Saved != `{"Total":12.5}` || st.Saves != 1 {
		t.Errorf("Save: %v; %+v", err, st)
	}
	saved["Total"] = 99
	if ok, err := st.Load(&got); !ok || err != nil || got.Total != 12.5 {
		t.Errorf("Load: %v, %v, %v", ok, err, got)
	}
	if err := st.Save(make(chan int)); err == nil || st.Saves != 1 {
		t.Errorf("saving a channel: %v", err)
	}
	st.Saved = "{"
	if _, err := st.Load(&got); err == nil {
		t.Error("half a file can be loaded")
	}
}
