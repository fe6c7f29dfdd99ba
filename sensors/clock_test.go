package sensors

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
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

// With on_change a reading of before the clock was set does not stand for those
// of after it.
func TestSetClockIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		synced := newCell(false)
		deps := Deps{
			ClockSynced: func() bool { return synced.get() },
			Root:        fstest.MapFS{"proc/sys/kernel/random/boot_id": {Data: []byte("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed\n")}},
		}
		h := buildWith(t, deps, map[string]*chip{"a": {measure: value(1)}}, SensorConfig{Driver: "a", Publish: PublishOnChange}).run()
		time.Sleep(25 * time.Second)
		synced.set(true)
		time.Sleep(time.Minute)
		h.stop()
		all := h.readings("a")
		if fmt.Sprint(all) != "[0s 1 30s 1]" || all[1].report.Reading.Unsynced {
			t.Errorf("readings %v", all)
		}
	})
}

// What a boot's times are off by is known once its clock is set, also after a
// restart and in later boots.
func TestClockCorrects(t *testing.T) {
	folder := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	synced, sinceBoot := false, 100*time.Second
	gateway := func(boot string) *Sensors {
		return &Sensors{clock: newClock(func() bool { return synced }, func() time.Duration { return sinceBoot }, boot, folder, log)}
	}
	s := gateway("first")
	r := reading.Reading{Path: meter(t), Time: time.Now(), Unsynced: true, Boot: "first"}
	if _, ok := s.Correct(r); ok {
		t.Error("corrected before the clock is set")
	}
	s.clock.flush()

	s = gateway("first") // restarted, and an hour passes at once: the clock is set forward
	sinceBoot -= time.Hour
	synced = true
	s.clock.askNext = time.Time{}
	if !s.clock.synced() {
		t.Fatal("not synced")
	}
	s.clock.flush()
	for name, s := range map[string]*Sensors{"now": s, "after a restart": gateway("first"), "in another boot": gateway("second")} {
		got, ok := s.Correct(r)
		if !ok || got.Unsynced || got.Boot != "" || got.Time.Sub(r.Time.Add(time.Hour)).Abs() > time.Second {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
		for _, r := range []reading.Reading{{Time: r.Time}, {Time: r.Time, Unsynced: true, Boot: "third"}, {Time: r.Time, Unsynced: true}} {
			if got, ok := s.Correct(r); ok || !got.Time.Equal(r.Time) {
				t.Errorf("%s: %+v was corrected to %+v", name, r, got)
			}
		}
	}
	if n := len(gateway("second").clock.boots); n != 1 {
		t.Errorf("%d boots are noted; one that had a clock needs no note", n)
	}
}

// A reading that is taken after the clock was moved, and before the kernel is
// asked whether it is right by now, is of no time that is to be corrected. One
// taken after it was moved by hand is corrected by what that was wrong.
func TestClockIsMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var synced, ahead = false, time.Duration(0) // of what the clock says
		began := time.Now()
		s := &Sensors{clock: newClock(func() bool { return synced }, func() time.Duration { return time.Since(began) - ahead },
			"first", "", slog.New(slog.DiscardHandler))}
		read := func() reading.Reading {
			boot, synced := s.clock.now()
			r := reading.Reading{Path: meter(t), Time: time.Now().Add(ahead), Unsynced: !synced}
			if r.Unsynced {
				r.Boot = boot
			}
			return r
		}
		var all []reading.Reading
		all = append(all, read())
		ahead = -time.Hour // by hand, and wrong
		all = append(all, read())
		time.Sleep(100 * time.Millisecond)
		all = append(all, read())
		ahead, synced = 48*time.Hour, true // by a time server
		all = append(all, read())
		if fmt.Sprintln(all[0].Boot, all[1].Boot, all[2].Boot, all[3].Unsynced) != "first first-2 first-2 false\n" {
			t.Errorf("readings %+v", all)
		}
		for i, r := range all {
			if r.Unsynced {
				r, _ = s.Correct(r)
			}
			if off := r.Time.Sub(began.Add(48 * time.Hour)); off > 100*time.Millisecond || off < 0 {
				t.Errorf("reading %d is %v off", i, off)
			}
		}
	})
}

// A clock that was set in this boot is believed after a restart, though its
// server has been gone for so long that the kernel does not any more.
func TestClockThatWasSetIsBelievedAfterARestart(t *testing.T) {
	folder := t.TempDir()
	synced := false
	sinceBoot := 100 * time.Second
	restart := func() *clock {
		return newClock(func() bool { return synced }, func() time.Duration { return sinceBoot }, "first", folder, slog.New(slog.DiscardHandler))
	}
	c := restart()
	sinceBoot -= time.Hour
	synced = true
	c.synced()
	c.flush()
	synced = false
	if c = restart(); !c.synced() {
		t.Error("not believed; readings would be corrected a second time")
	}
	sinceBoot -= time.Hour // it was moved since
	if c = restart(); c.synced() || c.boot != "first-2" {
		t.Errorf("a clock that was moved since is believed, or its readings are of boot %q", c.boot)
	}
}

func TestClockFileDamaged(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "clock.json"), []byte("[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClock(func() bool { return false }, func() time.Duration { return 0 }, "first", folder, slog.New(slog.DiscardHandler))
	c.flush()
	again := newClock(func() bool { return false }, func() time.Duration { return 0 }, "first", folder, slog.New(slog.DiscardHandler))
	if len(again.boots) != 1 || again.dirty {
		t.Errorf("boots %+v", again.boots)
	}
}

func TestWhoseClockIsBelieved(t *testing.T) {
	board := fstest.MapFS{"sys/firmware/devicetree/base/model": {Data: []byte("Raspberry Pi 4")}}
	withRTC := fstest.MapFS{"sys/firmware/devicetree/base/model": {}, "sys/class/rtc/rtc0/name": {}}
	if want, err := bus.ClockSynced(); err == nil && believed(board) != want {
		t.Errorf("a board without a battery clock is believed: %v, and the kernel says %v", !want, want)
	}
	if !believed(withRTC) || !believed(fstest.MapFS{}) {
		t.Error("a clock with a battery, or a machine that is no board, is not believed")
	}
	synctest.Test(t, func(t *testing.T) { // it is the year 2000
		if believed(withRTC) {
			t.Error("a clock that says 2000 is believed")
		}
	})
}

// believed is ClockSynced without its error.
func believed(root fs.FS) bool {
	synced, _ := ClockSynced(root)
	return synced
}
