// A recording played back: for a dashboard without hardware, for tests, and
// to see again what happened.
//
//	chip     none
//	bus      none
//	content  CSV: a line of names, then lines of time and values
//
// A recording begins when the sensor is opened, whatever its times are.

package driver

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// maxRecording is the most that a recording may have, bytes: it is kept in
// memory.
const maxRecording = 16 << 20

var _ = register(Driver{
	Name:      "replay",
	Title:     "A recording in a CSV file, played back",
	Datasheet: "RFC 4180",
	Bus:       bus.None,
	Channels:  anyChannels(),
	Dynamic:   true,
	Simulated: true,
	Options: []Option{
		{Name: "file", Required: true, Example: "/var/lib/gateway/recording.csv", Doc: "The CSV file, from / on: a line of names, of which the first is that of the time, then lines of values."},
		{Name: "speed", Default: "1", Type: Number, Min: 0.001, Max: 1e6, Doc: "How many seconds of the recording pass in one."},
		{Name: "loop", Default: "true", Type: Truth, Doc: "Whether it begins again when it has ended."},
		{Name: "values", Doc: `What is which quantity, by the names of the columns: "Temp (C)=temperature, Load=power*1000"; ` +
			"left out, columns that are called like a quantity are taken."},
	},
	Notes: "Its readings are marked as simulated. The time is RFC 3339, 2006-01-02 15:04:05, or a number of seconds or, above 1e11, milliseconds, and " +
		"grows from line to line. Columns are separated by commas, semicolons or tabs; a line with an empty cell is passed over; at most 16 MiB.",
	Open: openReplay,
	Check: func(o map[string]string) error {
		_, err := filePath(o, "file", "/var/lib/gateway/recording.csv")
		return errors.Join(err, checkValues(o))
	},
})

// recording is a file, read.
type recording struct {
	mapping
	at     []float64   // at[i] is when row i is, s from the first
	rows   [][]float64 // rows[i][j] is of mapping[j]
	length float64     // until it begins again, s
}

// replay plays a recording.
type replay struct {
	recording
	speed    float64
	loop     bool
	began    time.Time
	last     int64 // what was measured last, counted over all rounds; -1 at first
	measured time.Time
}

func openReplay(_ context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	name, err := filePath(o, "file", "/var/lib/gateway/recording.csv")
	if err != nil {
		return nil, err
	}
	f, err := slot.Root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("option file: /%s: %w", name, underlying(err))
	}
	defer f.Close()
	r, err := readRecording(f, o["values"])
	if err != nil {
		return nil, fmt.Errorf("/%s: %w", name, err)
	}
	return &replay{recording: r, speed: o.number("speed"), loop: o.truth("loop"), began: time.Now(), last: -1}, nil
}

func readRecording(f fs.File, values string) (recording, error) {
	b, err := io.ReadAll(io.LimitReader(f, maxRecording+1))
	if err != nil {
		return recording{}, underlying(err)
	}
	if len(b) > maxRecording {
		return recording{}, fmt.Errorf("it is longer than %d MiB; cut it, or take only every tenth line", maxRecording>>20)
	}
	return parseRecording(b, values)
}

// parseRecording reads CSV.
func parseRecording(b []byte, values string) (recording, error) {
	b = bytes.TrimPrefix(b, []byte("\uFEFF"))
	in := csv.NewReader(bytes.NewReader(b))
	in.Comma, in.Comment, in.TrimLeadingSpace, in.ReuseRecord = separator(b), '#', true, true
	names, err := in.Read()
	if errors.Is(err, io.EOF) {
		return recording{}, errors.New("it is empty")
	}
	if err != nil {
		return recording{}, err
	}
	columns := make([]string, len(names)) // names is written over
	for i, n := range names {
		columns[i] = strings.TrimSpace(n)
	}
	var r recording
	if r.mapping, err = mapColumns(columns, values); err != nil {
		return recording{}, err
	}
	if err := r.readRows(in, columns); err != nil {
		return recording{}, err
	}
	gap := 1.0
	if n := len(r.at); n > 1 {
		gap = r.at[n-1] - r.at[n-2]
	}
	r.length = r.at[len(r.at)-1] + gap
	return r, nil
}

// separator is what separates the names in the first line that has some.
func separator(b []byte) rune {
	for line := range bytes.Lines(b) {
		if bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		for _, c := range ";\t" {
			if bytes.ContainsRune(line, c) && !bytes.Contains(line, []byte(",")) {
				return c
			}
		}
		break
	}
	return ','
}

// mapColumns returns what to take of the columns.
func mapColumns(columns []string, values string) (mapping, error) {
	if strings.TrimSpace(values) != "" {
		m, err := parseMapping(values)
		if err != nil {
			return nil, err
		}
		for _, e := range m {
			if !slices.Contains(columns[1:], e.path) {
				return nil, fmt.Errorf("option values: there is no column %q, but %s", e.path, strings.Join(columns, ", "))
			}
		}
		return m, nil
	}
	var m mapping
	for _, c := range columns[1:] {
		if _, known := reading.Quantity(c).Info(); known && len(m) < maxMapping && !slices.ContainsFunc(m, func(e extraction) bool { return e.path == c }) {
			m = append(m, extraction{path: c, factor: 1, quantity: reading.Quantity(c)})
		}
	}
	if len(m) == 0 {
		return nil, fmt.Errorf(`none of its columns is called like a quantity, there is %s; say which is what with the option values, for example "temp=temperature"`, strings.Join(columns, ", "))
	}
	return m, nil
}

// recordedStep is the shortest time between two lines, s.
const recordedStep = 1e-3

func (r *recording) readRows(in *csv.Reader, columns []string) error {
	first := 0.0
	for {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		line, _ := in.FieldPos(0)
		at, err := recordedTime(strings.TrimSpace(cells[0]))
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		row, err := r.row(columns, cells)
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		if row == nil {
			continue
		}
		if len(r.at) == 0 {
			first = at
		}
		if n := len(r.at); n > 0 && at-first < r.at[n-1]+recordedStep {
			return fmt.Errorf("line %d: its time, %s, is not after that of the line before", line, cells[0])
		}
		r.at, r.rows = append(r.at, at-first), append(r.rows, row)
	}
	if len(r.at) == 0 {
		return errors.New("there is no line with all values in it")
	}
	return nil
}

// row returns the values of a line, nil if one is missing.
func (r *recording) row(columns, cells []string) ([]float64, error) {
	cell := make(map[string]any, len(cells))
	for i, c := range cells[1:] {
		cell[columns[i+1]] = c
	}
	for _, e := range r.mapping {
		if text, _ := cell[e.path].(string); strings.TrimSpace(text) == "" {
			return nil, nil
		}
	}
	row := make([]float64, len(r.mapping))
	return row, r.extract(cell, row)
}

// recordedTime returns a time as a number of seconds.
func recordedTime(s string) (float64, error) {
	for _, form := range timeForms {
		if t, err := time.ParseInLocation(form, s, time.Local); err == nil {
			return float64(t.UnixNano()) / 1e9, nil
		}
	}
	x, err := parseNumber(s)
	if err != nil || math.Abs(x) >= 1e15 {
		return 0, fmt.Errorf("%.40q is no time", s)
	}
	if x >= 1e11 {
		x /= 1e3
	}
	return x, nil
}

// Channels implements [Channeler].
func (r *replay) Channels() []Channel { return r.channels() }

// Measured implements [Timed].
func (r *replay) Measured() time.Time { return r.measured }

// Measure implements [Sensor]. Lines that were passed in the meantime are left
// out.
func (r *replay) Measure(_ context.Context, out []float64) error {
	position := time.Since(r.began).Seconds() * r.speed
	if !r.loop && position >= r.length {
		return fmt.Errorf("%w: the recording has ended", ErrNothingNew)
	}
	round := math.Floor(position / r.length)
	i, exact := slices.BinarySearch(r.at, position-round*r.length)
	if !exact {
		i-- // the last before; the first is at 0
	}
	i = max(i, 0)
	n := int64(round)*int64(len(r.at)) + int64(i)
	if n == r.last {
		return ErrNothingNew
	}
	copy(out, r.rows[i])
	r.last = n
	r.measured = r.began.Add(seconds((round*r.length + r.at[i]) / r.speed))
	return nil
}
