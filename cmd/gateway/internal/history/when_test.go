package history

import (
	"testing"
	"time"
)

func TestMeasured(t *testing.T) {
	zone := time.Local
	time.Local = time.FixedZone("KST", 9*3600)
	defer func() { time.Local = zone }()
	arrived := time.Date(2026, 11, 28, 11, 0, 0, 0, time.UTC) // 20:00 here
	for _, tt := range []struct {
		name, payload string
		replay        bool
		want          string // "" for nobody knows, "arrival" for that
	}{
		{"ours", `{"time":"2026-11-28T10:59:58.5Z","x":1}`, false, "10:59:58.5"},
		{"hours late", `{"time":"2026-11-28T04:00:00Z","x":1}`, false, "04:00:00"},
		{"with a zone", `{"last_seen":"2026-11-28T19:59:50+09:00","x":1}`, false, "10:59:50"},
		{"zone without a colon", `{"ts":"2026-11-28T19:59:50+0900","x":1}`, false, "10:59:50"},
		{"seconds", `{"ts":1795863590,"x":1}`, false, "10:59:50"},
		{"milliseconds", `{"timestamp":1795863590500,"x":1}`, false, "10:59:50.5"},
		{"a number as a text", `{"last_seen":"1795863590","x":1}`, false, "10:59:50"},
		{"Shelly's", `{"params":{"ts":1795863590.25,"x":1}}`, false, "10:59:50.25"},
		{"the likelier of two", `{"last_seen":"2026-11-28T10:00:00Z","time":"2026-11-28T10:30:00Z","x":1}`, false, "10:30:00"},
		{"the one that can be believed", `{"time":"2030-01-01T00:00:00Z","last_seen":"2026-11-28T10:00:00Z","x":1}`, false, "10:00:00"},
		{"a little ahead", `{"time":"2026-11-28T11:00:04Z","x":1}`, false, "11:00:04"},
		{"too far ahead", `{"time":"2026-11-28T11:00:06Z","x":1}`, false, "arrival"},
		{"a clock that was never set", `{"time":"1970-01-01T00:00:12Z","x":1}`, false, "arrival"},
		{"seconds since a start", `{"ts":123456,"x":1}`, false, "arrival"},
		{"not in a member", `{"data":{"time":"2026-11-28T10:00:00Z","x":1}}`, false, "arrival"},
		{"no time", "21.5", false, "arrival"},
		{"retained without", "21.5", true, ""},
		{"retained with", `{"time":"2026-11-28T04:00:00Z","x":1}`, true, "04:00:00"},
		{"retained with one of no zone", `{"Time":"2026-11-28T13:00:00","x":1}`, true, "04:00:00"},
		{"no zone, ours", `{"Time":"2026-11-28T19:59:57","x":1}`, false, "10:59:57"},
		{"no zone, UTC", `{"Time":"2026-11-28T10:59:57","x":1}`, false, "10:59:57"},
		{"no zone, another", `{"Time":"2026-11-28T15:59:57","x":1}`, false, "arrival"},
		{"no zone, ahead a little", `{"Time":"2026-11-28T20:00:30","x":1}`, false, "11:00:00"},
		{"of a clock that was not set", `{"time":"2026-11-28T04:00:00Z","clock":"unsynced","x":1}`, false, "arrival"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := read([]byte(tt.payload))
			at, ok := make(zones).measured(&m, "t", arrived, tt.replay)
			got := at.time.UTC().Format("15:04:05.999")
			if !at.told {
				got = "arrival"
			}
			if !ok {
				got = ""
			}
			if got != tt.want {
				t.Errorf("%s: %q, want %q", tt.payload, got, tt.want)
			}
		})
	}
}

// A device whose zone is known by a message that was in time is believed when it
// is late, by an outage between us.
func TestMeasuredLateWithoutZone(t *testing.T) {
	z := make(zones)
	arrived := time.Date(2026, 11, 28, 11, 0, 0, 0, time.UTC)
	late := read([]byte(`{"Time":"2026-11-28T03:07:00","x":1}`))
	if at, _ := z.measured(&late, "t", arrived, false); at.told {
		t.Errorf("nobody knows its zone, and it is believed: %v", at.time)
	}
	live := read([]byte(`{"Time":"2026-11-28T11:00:00","x":1}`))
	z.measured(&live, "t", arrived, false)
	at, ok := z.measured(&late, "t", arrived, false)
	if want := time.Date(2026, 11, 28, 3, 7, 0, 0, time.UTC); !ok || !at.time.Equal(want) {
		t.Errorf("%v, want %v", at.time, want)
	}
	for i := range 3 * maxZones {
		z.measured(&live, string(rune(0x4e00+i)), arrived, false)
	}
	if len(z) > maxZones {
		t.Errorf("%d zones are remembered", len(z))
	}
}
