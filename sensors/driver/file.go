// A file that somebody else writes, or one of the kernel's.
//
//	chip      none
//	bus       the file system
//	content   JSON, a number, or lines of key and value; see extract.go

package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"gateway/sensors/bus"
)

var _ = register(Driver{
	Name:      "file",
	Title:     "A file that holds values",
	Datasheet: "none; the content is JSON, a number, or lines of key and value",
	Bus:       bus.Sysfs,
	Channels:  anyChannels(),
	Dynamic:   true,
	Options: []Option{
		{Name: "path", Required: true, Example: "/run/solar/power", Doc: "The file, from / on."},
		{Name: "max_age", Type: Duration, Min: 1, Max: 366 * 24 * 3600, Doc: "For a file that is written at each measurement: " +
			"one that is older, by the time of its last change, is nothing new, and neither is one that was not written again."},
		valuesOption(),
	},
	Notes: "Who writes the file writes it under another name and renames it, so that it is never read half written. Without max_age " +
		"whatever it holds is believed to be of now, which is right for files of the kernel only, whose times say nothing.",
	Open: openFile,
	Check: func(o map[string]string) error {
		_, err := filePath(o, "path", "/run/weather.json")
		return errors.Join(err, checkValues(o))
	},
})

// filePath returns the option called name, without its first /.
func filePath(o options, name, example string) (string, error) {
	p := path.Clean(o[name])
	if !path.IsAbs(p) || p == "/" {
		return "", fmt.Errorf("option %s: %q is no path of a file, from / on, such as %s", name, o[name], example)
	}
	return p[1:], nil
}

// file is a file, open or not: it is opened anew each time.
type file struct {
	*polled
	root   fs.FS
	name   string        // from the root on, without the first /
	maxAge time.Duration // 0 if its time says nothing
	seen   time.Time     // when it was changed last, when it was read last
	taken  time.Time     // seen, of what was measured last
}

func openFile(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	name, err := filePath(o, "path", "/run/weather.json")
	if err != nil {
		return nil, err
	}
	f := &file{root: slot.Root, name: name, maxAge: o.duration("max_age")}
	p, err := openPolled(ctx, "file /"+f.name, o["values"], f.read)
	if err != nil {
		return nil, err
	}
	f.polled = p
	return f, nil
}

// Measure implements [Sensor].
func (f *file) Measure(ctx context.Context, out []float64) error {
	if err := f.polled.Measure(ctx, out); err != nil {
		return err
	}
	f.taken = f.seen
	return nil
}

// read reads the file, if it is new.
func (f *file) read(context.Context) (polledDocument, error) {
	now := time.Now()
	info, err := fs.Stat(f.root, f.name)
	if err != nil {
		return polledDocument{}, fmt.Errorf("file /%s: %w", f.name, underlying(err))
	}
	if !info.Mode().IsRegular() {
		return polledDocument{}, fmt.Errorf("/%s is not a file: it is %s", f.name, info.Mode().Type())
	}
	at := now
	if f.maxAge > 0 {
		f.seen = info.ModTime()
		if f.seen.Before(now) { // else the clock was set back
			at = f.seen
		}
		if age := now.Sub(at); age > f.maxAge {
			return polledDocument{}, fmt.Errorf("%w: file /%s was written %v ago, and max_age is %v", ErrNothingNew, f.name, age.Round(time.Second), f.maxAge)
		}
		if f.seen.Equal(f.taken) {
			return polledDocument{}, fmt.Errorf("%w: file /%s was not written since", ErrNothingNew, f.name)
		}
	}
	b, err := f.content()
	if err != nil {
		return polledDocument{}, fmt.Errorf("read file /%s: %w", f.name, underlying(err))
	}
	return polledDocument{b, at}, nil
}

func (f *file) content() ([]byte, error) {
	r, err := f.root.Open(f.name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readDocument(r)
}

// readDocument reads r to its end, which has to come before maxDocument.
func readDocument(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err == nil && len(b) > maxDocument {
		err = fmt.Errorf("it is longer than %d KiB", maxDocument>>10)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}
