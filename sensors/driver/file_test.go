package driver

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
)

// A vector is the option values, a line's end, and what the file holds.
var _ = vectors("file", 1e-9, extractVector,
	vector{in: "temperature*0.001\n48312\n", want: []float64{48.312}, source: "Linux thermal sysfs-api.rst, m°C"},
	vector{in: "\n{\"temperature\":-1.5}\n", want: []float64{-1.5}, source: "extract.go, JSON"},
	vector{in: "t=temperature\nt 1\nt 2\n", want: []float64{2}, source: "extract.go, the last line counts"},
	vector{in: "temperature\n\n", source: "extract.go, empty"},
)

func fileSlot(root fs.FS, path, maxAge, values string) *bus.Slot {
	return &bus.Slot{Root: root, Options: map[string]string{"path": path, "max_age": maxAge, "values": values}}
}

func TestFileMeasures(t *testing.T) {
	tree := fstest.MapFS{"run/x/t.json": {Data: []byte(`{"temperature":21.5,"rh":40}`)}, "sys/raw": {Data: []byte("5\n")}}
	for _, test := range []struct {
		path, values string
		want         []float64
	}{
		{"/run/x/t.json", "", []float64{21.5}},
		{"/run//x/../x/t.json", "temperature,rh=humidity", []float64{21.5, 40}},
		{"/sys/raw", "", []float64{5}},
	} {
		s, err := openFile(t.Context(), fileSlot(tree, test.path, "", test.values))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the same again is believed without max_age
			out := make([]float64, len(s.(Channeler).Channels()))
			if err := s.Measure(t.Context(), out); err != nil || !slices.Equal(out, test.want) {
				t.Errorf("%s: %v, %v", test.path, out, err)
			}
		}
	}
}

func TestFileAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := fstest.MapFS{}
		write := func(data string, at time.Time) {
			tree["run/t"] = &fstest.MapFile{Data: []byte(data), ModTime: at}
		}
		write("1", time.Now())
		s, err := openFile(t.Context(), fileSlot(tree, "/run/t", "1m", "temperature"))
		if err != nil {
			t.Fatal(err)
		}
		out := []float64{0}
		measure := func() error { return s.Measure(t.Context(), out) }
		time.Sleep(time.Minute)
		if err := measure(); err != nil || out[0] != 1 || time.Since(s.(Timed).Measured()) != time.Minute {
			t.Errorf("a minute old: %v, %v, of %v", out, err, s.(Timed).Measured())
		}
		if err := measure(); !errors.Is(err, ErrNothingNew) || !strings.Contains(err.Error(), "/run/t was not written since") {
			t.Errorf("not written since: %v", err)
		}
		write("{", time.Now())
		for range 2 {
			if err := measure(); err == nil || errors.Is(err, ErrNothingNew) {
				t.Errorf("half written: %v", err)
			}
		}
		write("2", time.Now())
		if err := measure(); err != nil || out[0] != 2 {
			t.Errorf("written again: %v, %v", out, err)
		}
		time.Sleep(time.Second)
		write("3", time.Now().Add(time.Hour))
		if err := measure(); err != nil || out[0] != 3 || s.(Timed).Measured().After(time.Now()) {
			t.Errorf("from the future: %v, %v, of %v", out, err, s.(Timed).Measured())
		}
		if err := measure(); !errors.Is(err, ErrNothingNew) {
			t.Errorf("from the future, again: %v", err)
		}
		write("4", time.Now())
		time.Sleep(time.Minute + time.Second)
		if err := measure(); !errors.Is(err, ErrNothingNew) || !strings.Contains(err.Error(), "1m1s ago, and max_age is 1m0s") || out[0] != 3 {
			t.Errorf("too old: %v, %v", out, err)
		}
	})
}

func TestFileFails(t *testing.T) {
	tree := fstest.MapFS{
		"run/t":    {Data: []byte("warm")},
		"run/big":  {Data: make([]byte, maxDocument+1)},
		"run/pipe": {Mode: fs.ModeNamedPipe},
	}
	for _, test := range []struct{ path, want string }{
		{"", "option path"},
		{"run/t", "option path"},
		{"/", "option path"},
		{"/../..", "option path"},
		{"/run/absent", "file /run/absent: "},
		{"/run", "/run is not a file"},
		{"/run/pipe", "/run/pipe is not a file"},
		{"/run/big", "longer than 256 KiB"},
		{"/run/t", "file /run/t: "},
	} {
		for _, values := range []string{"", "temperature"} {
			s, err := openFile(t.Context(), fileSlot(tree, test.path, "", values))
			out := []float64{-1}
			if err == nil {
				err = s.Measure(t.Context(), out)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || out[0] != -1 {
				t.Errorf("%s: error %v, want %q in it; out %v", test.path, err, test.want, out)
			}
		}
	}
}
