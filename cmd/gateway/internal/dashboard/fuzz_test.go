package dashboard

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"gateway/broker"
)

// FuzzModel: whatever anybody publishes, the page can be told of it.
func FuzzModel(f *testing.F) {
	f.Add("home/kitchen/climate", []byte(`{"time":"2026-11-23T11:59:50Z","temperature":21.46}`), true, false)
	f.Add("home/kitchen/climate", []byte(`{"time":"0001-01-01T00:00:00Z","a":1e308,"b":-1e308,"a":true}`), false, true)
	f.Add("home/kitchen/climate", []byte(`{"time":"9999-12-31T23:59:59Z","":1,"\ud800":2}`), true, true)
	f.Add("home/kitchen/climate/status", []byte("online"), true, false)
	f.Add("home/kitchen/x", []byte("0x1p-1074"), false, false)
	f.Add("home/kitchen/x", []byte("1e999"), false, false)
	f.Add("home/kitchen/x", []byte("\xed\xa0\x80\u2028</script>"), false, false)
	f.Fuzz(func(t *testing.T, topic string, payload []byte, retain, replay bool) {
		m := newModel()
		d := broker.Delivery{Message: &broker.Message{Topic: topic, Payload: payload, Retain: retain, Expires: noon.Add(time.Minute)}, Replay: replay}
		for i := range 3 {
			m.take(d, noon.Add(time.Duration(i)*time.Minute))
		}
		all, _ := m.snapshot(noon)
		b, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		var back []Sensor
		if err := json.Unmarshal(b, &back); err != nil || len(back) != len(all) {
			t.Fatalf("%s: %v", b, err)
		}
		for _, s := range all {
			if len(s.Values) > maxValues || utf8.RuneCountInString(s.Text) > maxText+1 || !utf8.ValidString(s.Text) {
				t.Errorf("%+v", s)
			}
			if replay && s.State == Live && s.AgeMS == nil {
				t.Errorf("%+v is called fresh", s)
			}
		}
	})
}
