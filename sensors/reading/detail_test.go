package reading

import (
	"reflect"
	"testing"
	"time"
)

func TestDetail(t *testing.T) {
	for want, d := range map[string]Detail{
		`{"status":"online","since":"2026-11-23T04:05:06.789Z"}`: {Status: Online, Since: at},
		`{"status":"fault","since":"2026-11-23T04:05:06.789Z","kind":"nack","reason":"no answer \"there\"","last_good":"2026-11-23T04:04:36.789Z","errors":{"nack":12}}`: {
			Status: Fault, Since: at, Kind: "nack", Reason: `no answer "there"`, LastGood: at.Add(-30 * time.Second), Errors: map[string]uint64{"nack": 12}},
		`{"status":"offline"}`: {Status: Offline},
	} {
		if got := string(d.Payload()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if back, err := ParseDetail([]byte(want)); err != nil || !reflect.DeepEqual(back, d) {
			t.Errorf("%s is %+v, %v", want, back, err)
		}
	}
	for _, bad := range []string{"", "online", `{"reason":1}`} {
		if d, err := ParseDetail([]byte(bad)); err == nil {
			t.Errorf("%q is %+v", bad, d)
		}
	}
	if got := kitchen.DetailTopic(); got != kitchen.String()+"/status/detail" {
		t.Error(got)
	}
}
