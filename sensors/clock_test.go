package sensors

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
)

func TestUnsyncedReadingsSaySo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		synced := newCell(false)
		deps := Deps{
			ClockSynced: func() bool { return synced.get() },
			Root:        fstest.MapFS{"proc/sys/kernel/random/boot_id": {Data: []byte("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed\n")}},
		}
		h := buildWith(t, deps, map[string]*chip{"a": {kind: bus.None, measure: value(1)}}, SensorConfig{Driver: "a"}).run()
		time.Sleep(15 * time.Second)
		synced.set(true)
		time.Sleep(10 * time.Second)
		synced.set(false) // the server is gone; the clock is as good as before
		time.Sleep(10 * time.Second)
		h.stop()
		var got []string
		for _, e := range h.readings("a") {
			r := e.report.Reading
			got = append(got, fmt.Sprint(r.Unsynced, r.Boot))
		}
		if fmt.Sprint(got) != "[true1b9d6bcd true1b9d6bcd false false]" {
			t.Errorf("unsynced and boot of the readings: %q", got)
		}
	})
}

// What the clock was off by is known once it is set: what the wall clock has
// gained on the monotonic one.
func TestClockCorrects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		synced := false
		c := newClock(func() bool { return synced }, slog.New(slog.DiscardHandler))
		measured := time.Now()
		if at, known := c.correct(measured); known || !at.Equal(measured) {
			t.Errorf("before it is set: %v, %v", at, known)
		}
		time.Sleep(2 * time.Second)
		c.wall = c.wall.Add(-time.Hour) // had it been an hour behind when it began
		wall := measured.Add(-time.Hour)
		synced = true
		if !c.synced() {
			t.Fatal("not synced")
		}
		if at, known := c.correct(wall); !known || at.Sub(measured).Abs() > time.Millisecond {
			t.Errorf("a time of before is %v, %v, want %v", at, known, measured)
		}
	})
}

func TestWhoseClockIsBelieved(t *testing.T) {
	board := fstest.MapFS{"sys/firmware/devicetree/base/model": {Data: []byte("Raspberry Pi 4")}}
	withRTC := fstest.MapFS{"sys/firmware/devicetree/base/model": {}, "sys/class/rtc/rtc0/name": {}}
	if got := clockSynced(board); got != bus.ClockSynced() {
		t.Errorf("a board without a battery clock: %v, and the kernel says %v", got, bus.ClockSynced())
	}
	if !clockSynced(withRTC) || !clockSynced(fstest.MapFS{}) {
		t.Error("a clock with a battery, or a machine that is no board, is not believed")
	}
	synctest.Test(t, func(t *testing.T) { // it is the year 2000
		if clockSynced(withRTC) {
			t.Error("a clock that says 2000 is believed")
		}
	})
}
