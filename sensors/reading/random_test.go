package reading

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"
)

// TestRandomReadings: what is published is read back as it was, to the last
// bit of every number, for 5,000 random readings.
func TestRandomReadings(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		want := Reading{Path: kitchen, Simulated: r.IntN(2) == 0, Unsynced: r.IntN(2) == 0}
		if r.IntN(4) > 0 {
			want.Time = time.UnixMilli(r.Int64N(4e12)).UTC()
		}
		names := r.Perm(20)
		for i := range 1 + r.IntN(6) {
			want.Values = append(want.Values, Value{Quantity(rune('a' + names[i])), randomNumber(r)})
		}
		b, err := want.AppendPayload(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParsePayload(kitchen, b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %+v, %v; want %+v", b, got, err, want)
		}
	}
}

// randomNumber is any finite number, large and small ones as likely.
func randomNumber(r *rand.Rand) float64 {
	for {
		if x := math.Float64frombits(r.Uint64()); !math.IsNaN(x) && !math.IsInf(x, 0) {
			return x
		}
	}
}

// TestCheckLevelOneRune puts every rune of the first planes alone into a
// level: what is refused is what separates, matches or controls.
func TestCheckLevelOneRune(t *testing.T) {
	refused := 0
	for r := range rune(0x3000) {
		if !utf8.ValidRune(r) {
			continue
		}
		control := r < 0x20 || 0x7f <= r && r < 0xa0
		special := r == '/' || r == '+' || r == '#'
		if err := CheckLevel(string(r)); (err != nil) != (control || special) {
			t.Errorf("%U: %v", r, err)
		}
		if control || special {
			refused++
		}
	}
	if refused != 65+3 {
		t.Errorf("%d runes are refused", refused)
	}
}

func TestAppendPayloadDoesNotAllocate(t *testing.T) {
	r := Reading{Path: kitchen, Time: at, Values: []Value{{Temperature, 21.53}, {Humidity, 43.7}}, Simulated: true}
	buf := make([]byte, 0, 200)
	if n := testing.AllocsPerRun(100, func() { _, _ = r.AppendPayload(buf) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
