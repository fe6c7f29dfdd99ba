package driver

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
)

// A vector is the option values, a line's end, and the recording; its values
// are those of the first row.
var _ = vectors("replay", 1e-9, func(in string) ([]float64, error) {
	values, content, _ := strings.Cut(in, "\n")
	r, err := parseRecording([]byte(content), values)
	if err != nil {
		return nil, err
	}
	return r.rows[0], nil
},
	vector{in: "\ntime,temperature,humidity\n2026-11-28T14:00:00Z,21.5,40\n", want: []float64{21.5, 40}, source: "RFC 4180"},
	vector{in: "\ntime,temperature,\"humidity\"\r\n0,\"21.5\",40\r\n", want: []float64{21.5, 40}, source: "RFC 4180, section 2: quotes and CRLF"},
	vector{in: "Load=power*1000,Temp (C)=temperature\nt;Temp (C);Load\n0;21.5;0.04\n", want: []float64{40, 21.5}, source: "as a spreadsheet writes it"},
	vector{in: "\ntime,temperature\n0,\n1,5\n", want: []float64{5}, source: "an empty cell"},
	vector{in: "\ntime,temperature\n0,warm\n", source: "no number"},
)

const replayCSV = "# of a day\ntime,temperature\n2026-11-28T14:00:00Z,1\n2026-11-28T14:00:10Z,2\n2026-11-28T14:00:12Z,3\n"

func openReplayTest(t *testing.T, content string, more map[string]string) (Sensor, error) {
	t.Helper()
	o := map[string]string{"file": "/x/r.csv", "speed": "1", "loop": "true", "values": ""}
	for k, v := range more {
		o[k] = v
	}
	return openReplay(t.Context(), &bus.Slot{Options: o, Root: fstest.MapFS{"x/r.csv": {Data: []byte(content)}}})
}

func TestReplayPlays(t *testing.T) {
	for _, test := range []struct {
		loop, speed string
		step        time.Duration
		want        string // a value for each step, - for nothing new
	}{
		{"true", "1", 2 * time.Second, "1----231----"}, // the round is 14 s: its last line lasts as long as the one before
		{"false", "1", 2 * time.Second, "1----23-----"},
		{"true", "2", time.Second, "1----231----"},
		{"true", "0.5", 4 * time.Second, "1----231----"},
		{"true", "1", 14 * time.Second, "1111"},
		{"true", "1", 11 * time.Second, "12111"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, err := openReplayTest(t, replayCSV, map[string]string{"loop": test.loop, "speed": test.speed})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for range test.want {
				out := []float64{-1}
				err := s.Measure(t.Context(), out)
				at := s.(Timed).Measured()
				switch {
				case err == nil && (at.After(time.Now()) || time.Since(at) > test.step):
					t.Errorf("measured at %v, now %v", at, time.Now())
				case err == nil:
					got += fmt.Sprint(out[0])
				case errors.Is(err, ErrNothingNew) && out[0] == -1:
					got += "-"
				default:
					t.Fatal(out, err)
				}
				time.Sleep(test.step)
			}
			if got != test.want {
				t.Errorf("loop %s, speed %s, every %v: %s, want %s", test.loop, test.speed, test.step, got, test.want)
			}
		})
	}
}

func TestReplayTimes(t *testing.T) {
	for times, want := range map[string][]float64{
		"0 1 2.5":                     {0, 1, 2.5},
		"1732800000 1732800060":       {0, 60},
		"1732800000000 1732800000250": {0, 0.25},
		"2026-11-28T14:00:00+01:00 2026-11-28T13:00:01Z": {0, 1},
		"2026-11-28T14:00:00 2026-11-28T14:01:00":        {0, 60},
		"-5 5": {0, 10},
	} {
		content := "t,temperature\n"
		for at := range strings.FieldsSeq(times) {
			content += at + ",1\n"
		}
		r, err := parseRecording([]byte(content), "")
		if err != nil || !slices.EqualFunc(r.at, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-6 }) {
			t.Errorf("%s: %v, %v; want %v", times, r.at, err, want)
		}
	}
}

func TestReplayFails(t *testing.T) {
	for _, test := range []struct{ content, option, value, want string }{
		{replayCSV, "file", "", "option file"},
		{replayCSV, "file", "x/r.csv", "option file"},
		{replayCSV, "file", "/absent.csv", "/absent.csv: file does not exist"},
		{replayCSV, "values", "warm=temperature", `no column "warm", but time, temperature`},
		{replayCSV, "values", "temperature=warm", "is no quantity"},
		{"", "", "", "/x/r.csv: it is empty"},
		{"time,a,b\n", "", "", "none of its columns is called like a quantity, there is time, a, b"},
		{"time\n0\n", "", "", "none of its columns"},
		{"time,temperature\n", "", "", "no line with all values"},
		{"time,temperature\n0,\n", "", "", "no line with all values"},
		{"time,temperature\nnow,1\n", "", "", `line 2: "now" is no time`},
		{"time,temperature\n0,1\n0,2\n", "", "", "line 3: its time, 0, is not after"},
		{"time,temperature\n0,1,2\n", "", "", "wrong number of fields"},
		{"time,temperature\n0,NaN\n", "", "", "line 2: temperature"},
		{"time,temperature\n0,\"1\n", "", "", "quote"},
		{strings.Repeat("#\n", maxRecording/2+1), "", "", "longer than 16 MiB"},
	} {
		_, err := openReplayTest(t, test.content, map[string]string{test.option: test.value})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.40q: error %v, want %q in it", test.content, err, test.want)
		}
	}
}

func FuzzRecording(f *testing.F) {
	f.Add(replayCSV, "")
	f.Add("t;x\n1e300;1\n", "x=raw*2")
	f.Add("t,raw\n-1e308,1\n1e308,1\n", "")
	f.Fuzz(func(t *testing.T, content, values string) {
		r, err := parseRecording([]byte(content), values)
		if err != nil {
			return
		}
		if r.length <= 0 || math.IsNaN(r.length) || math.IsInf(r.length, 0) {
			t.Errorf("%q is %v s long", content, r.length)
		}
		s := &replay{recording: r, speed: 1, loop: true, began: time.Now().Add(-time.Hour), last: -1}
		out := make([]float64, len(r.mapping))
		if err := s.Measure(t.Context(), out); err != nil {
			t.Error(err)
		}
		for _, x := range out {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				t.Errorf("%q is %v", content, out)
			}
		}
	})
}
