package driver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gateway/sensors/reading"
)

// Values out of what somebody else wrote: the output of a command, a file, a
// page, a message. It may be
//
//	JSON           {"temperature": 21.5, "ENERGY": {"Power": [12, "13.5"]}}
//	one number     21.5
//	several        0.12 0.20 0.30, separated by spaces, commas or semicolons
//	lines of key   temp: 21.5
//	and value      humidity 40
//
// The option values says what of it is which quantity, see valuesOption.

// maxDocument is the most that is read of a file, a page or a message, bytes.
const maxDocument = 256 << 10

// valuesDoc explains the option values.
const valuesDoc = `What is which quantity: "path=quantity*factor, …", where path leads into JSON by keys and numbers with points ` +
	`between them (ENERGY.Power=power, sensors.0.t=temperature*0.001; 0, 1 … in a line of numbers), "quantity" alone is where the key is called so, and ! ` +
	`before a path turns true into false (!contact=door).`

// valuesOption is the option values where what is called like a quantity is
// taken if it is left out.
func valuesOption() Option {
	return Option{Name: "values", Doc: valuesDoc + " Left out, keys that are called like a quantity are taken, and a number alone is raw."}
}

// extraction says how one value is found.
type extraction struct {
	path     string // "" is the document itself
	invert   bool   // true is 0
	factor   float64
	quantity reading.Quantity
}

// mapping is the option values, parsed.
type mapping []extraction

// maxMapping bounds how many values one sensor has.
const maxMapping = 64

// parseMapping reads the option values.
func parseMapping(text string) (mapping, error) {
	var m mapping
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		e, err := parseExtraction(item)
		if err != nil {
			return nil, fmt.Errorf("option values: %q: %w", item, err)
		}
		if slices.ContainsFunc(m, func(other extraction) bool { return other.quantity == e.quantity }) {
			return nil, fmt.Errorf("option values: two of them are %s: tell them apart with a part, such as %s and %s",
				e.quantity, e.quantity.Of("1"), e.quantity.Of("2"))
		}
		m = append(m, e)
	}
	switch {
	case len(m) == 0:
		return nil, errors.New(`option values names nothing: write for example values: "temp=temperature, rh=humidity"`)
	case len(m) > maxMapping:
		return nil, fmt.Errorf("option values names %d values, more than the %d that one sensor may have", len(m), maxMapping)
	}
	return m, nil
}

// checkValues tells what is wrong with the option values, which may be left
// out.
func checkValues(o map[string]string) error {
	if strings.TrimSpace(o["values"]) == "" {
		return nil
	}
	_, err := parseMapping(o["values"])
	return err
}

func parseExtraction(item string) (extraction, error) {
	e := extraction{factor: 1}
	item, e.invert = strings.CutPrefix(item, "!")
	name, factor, scaled := cutLast(item, "*")
	if scaled && !strings.Contains(factor, "=") {
		x, err := parseNumber(factor)
		if err != nil || x == 0 {
			return e, fmt.Errorf("%q is not a factor, which is a number such as 0.001", strings.TrimSpace(factor))
		}
		e.factor, item = x, name
	}
	path, name, found := cutLast(item, "=")
	if !found {
		name = item
	}
	e.path, e.quantity = strings.TrimSpace(path), reading.Quantity(strings.TrimSpace(name))
	if !found {
		e.path = string(e.quantity)
	}
	if _, known := e.quantity.Info(); !known {
		return e, fmt.Errorf("%q is no quantity of the gateway's; choose one, with a part if need be, such as temperature, temperature_2, power_l1, or raw", e.quantity)
	}
	return e, nil
}

// cutLast is strings.Cut at the last sep; without one all of s is before.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// channels returns a channel for each value.
func (m mapping) channels() []Channel {
	all := make([]Channel, len(m))
	for i, e := range m {
		all[i] = channelOf(e.quantity)
	}
	return all
}

// extract writes out[i], finite, for m[i]. On error it writes nothing.
func (m mapping) extract(document any, out []float64) error {
	values := make([]float64, len(m))
	for i, e := range m {
		x, err := e.find(document, len(m) == 1)
		if err != nil {
			return err
		}
		values[i] = x
	}
	copy(out, values)
	return nil
}

// find returns the value. One that is alone may be the document itself.
func (e extraction) find(document any, alone bool) (float64, error) {
	at := document
	if isScalar(document) {
		if !alone {
			return 0, fmt.Errorf("%s: there is one value, %.40q, and values asks for several", e.quantity, fmt.Sprint(document))
		}
	} else {
		found, ok := follow(document, e.path)
		if !ok {
			return 0, fmt.Errorf("%s: there is no %q in it, but %s; change the option values", e.quantity, e.path, membersOf(document))
		}
		at = found
	}
	x, err := numberOf(at)
	if err != nil {
		return 0, fmt.Errorf("%s: %q %w", e.quantity, e.path, err)
	}
	if e.invert {
		if x != 0 && x != 1 {
			return 0, fmt.Errorf("%s: %q is %v, which is neither true nor false; take the ! out of the option values", e.quantity, e.path, x)
		}
		x = 1 - x
	}
	if x *= e.factor; math.IsInf(x, 0) {
		return 0, fmt.Errorf("%s: %q is too large a number", e.quantity, e.path)
	}
	return x, nil
}

func isScalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// follow returns what stands at path in v. A key may have points itself: the
// longest that there is counts.
func follow(v any, path string) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		if member, ok := v[path]; ok {
			return member, true
		}
		for i := len(path) - 1; i > 0; i-- {
			if path[i] != '.' {
				continue
			}
			if member, ok := v[path[:i]]; ok {
				if found, ok := follow(member, path[i+1:]); ok {
					return found, true
				}
			}
		}
	case []any:
		index, rest, more := strings.Cut(path, ".")
		i, err := strconv.ParseUint(index, 10, 31)
		if err != nil || i >= uint64(len(v)) {
			return nil, false
		}
		if !more {
			return v[i], true
		}
		return follow(v[i], rest)
	}
	return nil, false
}

// membersOf says what there is at the top of a document.
func membersOf(v any) string {
	object, ok := v.(map[string]any)
	if !ok {
		return fmt.Sprintf("an array of %d", len(v.([]any)))
	}
	const most = 12
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if len(keys) == most {
			keys = append(keys, "…")
			break
		}
		keys = append(keys, fmt.Sprintf("%.40s", key))
	}
	if len(keys) == 0 {
		return "nothing"
	}
	return strings.Join(keys, ", ")
}

// truths are the words for 1 and 0 that devices use.
var truths = map[string]float64{
	"true": 1, "on": 1, "yes": 1, "open": 1,
	"false": 0, "off": 0, "no": 0, "closed": 0,
}

// numberOf returns the number that v is, which is never NaN or infinite.
func numberOf(v any) (float64, error) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	case json.Number:
		return parseNumber(v.String())
	case string:
		if x, ok := truths[strings.ToLower(strings.TrimSpace(v))]; ok {
			return x, nil
		}
		return parseNumber(v)
	case nil:
		return 0, errors.New("is null")
	}
	return 0, fmt.Errorf("is no number: name one of its members (%s) in the option values", membersOf(v))
}

// parseNumber reads a decimal number. strconv alone knows NaN, Inf and
// hexadecimal, too.
func parseNumber(s string) (float64, error) {
	s = strings.TrimSpace(s)
	if s == "" || strings.Trim(s, "+-.0123456789eE") != "" {
		return 0, fmt.Errorf("is %.40q, which is no number", s)
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		return 0, fmt.Errorf("is %.40q, which is no number", s)
	}
	return x, nil
}

// parseDocument reads JSON, a number, a row that begins with one, or lines of
// key and value.
func parseDocument(b []byte) (any, error) {
	b = bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\uFEFF")))
	switch {
	case len(b) == 0:
		return nil, errors.New("it is empty")
	case bytes.IndexByte([]byte(`{["`), b[0]) >= 0:
		return parseJSON(b)
	}
	if fields := bytes.Fields(b); len(fields) == 1 {
		if _, err := numberOf(string(b)); err == nil {
			return string(b), nil
		}
	}
	if row := parseRow(string(b)); row != nil {
		return row, nil
	}
	return parseLines(string(b))
}

// parseRow reads one line that begins with a number, nil if it is none. What
// else is in it need not be a number.
func parseRow(s string) any {
	cells := strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ';' })
	if len(cells) < 2 || strings.ContainsAny(s, "\n\r") {
		return nil
	}
	if _, err := parseNumber(cells[0]); err != nil {
		return nil
	}
	row := make([]any, len(cells))
	for i, c := range cells {
		row[i] = c
	}
	return row
}

func parseJSON(b []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("it ends too early")
		}
		return nil, fmt.Errorf("it is no JSON, %w: %.60q", err, b)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more behind its JSON")
	}
	return v, nil
}

// parseLines reads "key value", "key: value" and "key=value". A unit behind
// the value does not matter; nor do lines of other forms.
func parseLines(s string) (any, error) {
	object := make(map[string]any)
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		i := strings.IndexAny(line, " \t:=")
		if i <= 0 || line[0] == '#' {
			continue
		}
		if value := strings.Fields(strings.TrimLeft(line[i:], " \t:=")); len(value) > 0 {
			object[line[:i]] = withoutUnit(value[0])
		}
	}
	if len(object) == 0 {
		return nil, fmt.Errorf("%.60q is neither JSON, nor a number, nor lines of key and value", s)
	}
	return object, nil
}

// withoutUnit returns the number in front of a unit that touches it, 48.3'C;
// all of s if that is no such thing.
func withoutUnit(s string) string {
	number := strings.TrimRightFunc(s, func(r rune) bool { return unicode.IsLetter(r) || strings.ContainsRune("%°'/²³", r) })
	if _, err := parseNumber(number); err != nil {
		return s
	}
	return number
}

// discover takes what is called like a quantity and is a number, in the order
// of the names.
func discover(document any) (mapping, error) {
	if isScalar(document) {
		if _, err := numberOf(document); err != nil {
			return nil, fmt.Errorf("it %w", err)
		}
		return mapping{{factor: 1, quantity: reading.Raw}}, nil
	}
	var m mapping
	object, _ := document.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if _, known := reading.Quantity(key).Info(); !known || len(m) == maxMapping {
			continue
		}
		if _, err := numberOf(object[key]); err == nil {
			m = append(m, extraction{path: key, factor: 1, quantity: reading.Quantity(key)})
		}
	}
	if len(m) == 0 {
		return nil, fmt.Errorf(`nothing in it is called like a quantity, there is %s; say which is what, for example values: "temp=temperature"`, membersOf(document))
	}
	return m, nil
}

// polled is a Sensor that asks for a document each time.
type polled struct {
	name  string // of what is asked, for errors
	fetch func(context.Context) (polledDocument, error)
	mapping
	opening  polledDocument // what discover looked at, for the first Measure
	measured time.Time
}

// polledDocument is a document and the time of it.
type polledDocument struct {
	content []byte
	time    time.Time
}

// openPolled returns a sensor with the values of the option values. Without
// it, it asks once to see what there is.
func openPolled(ctx context.Context, name, values string, fetch func(context.Context) (polledDocument, error)) (*polled, error) {
	p := &polled{name: name, fetch: fetch}
	var err error
	if strings.TrimSpace(values) != "" {
		p.mapping, err = parseMapping(values)
		return p, err
	}
	if p.opening, err = fetch(ctx); err != nil {
		return nil, err
	}
	document, err := parseDocument(p.opening.content)
	if err == nil {
		p.mapping, err = discover(document)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// Channels implements [Channeler].
func (p *polled) Channels() []Channel { return p.channels() }

// Measured implements [Timed].
func (p *polled) Measured() time.Time { return p.measured }

// openingAge is how old what Open has seen may be to be measured.
const openingAge = time.Second

// Measure implements [Sensor].
func (p *polled) Measure(ctx context.Context, out []float64) error {
	d := p.opening
	p.opening = polledDocument{}
	if d.content == nil || time.Since(d.time) > openingAge {
		var err error
		if d, err = p.fetch(ctx); err != nil {
			return err
		}
	}
	document, err := parseDocument(d.content)
	if err == nil {
		err = p.extract(document, out)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.measured = d.time
	return nil
}

// anyChannels are the channels of a driver whose values can be anything.
func anyChannels() []Channel {
	var all []Channel
	for _, q := range reading.Quantities() {
		all = append(all, channelOf(q))
	}
	return all
}

// channelOf is a channel of a chip of which nothing is known but the quantity.
func channelOf(q reading.Quantity) Channel {
	info, _ := q.Info()
	c := Channel{Quantity: q, Min: -1e15, Max: 1e15, Decimals: info.Decimals + 2}
	r, ok := quantityRanges[q.Base()]
	switch {
	case info.Binary:
		c.Min, c.Max, c.Decimals = 0, 1, 0
	case ok && info.Unit == q.Base().Unit():
		c.Min, c.Max = r.min, r.max
	case info.Counter:
		c.Min = 0
	}
	if q.Base() == reading.Raw {
		c.Decimals = 6
	}
	return c
}

// quantityRange is what a quantity can be at all, whatever measures it.
type quantityRange struct{ min, max float64 }

var quantityRanges = map[reading.Quantity]quantityRange{
	reading.Temperature:      {-273.15, 3000},
	reading.Humidity:         {0, 100},
	reading.Pressure:         {0, 1e5},
	reading.DewPoint:         {-150, 100},
	reading.AbsoluteHumidity: {0, 600},
	reading.SeaLevelPressure: {800, 1150},
	reading.CarbonDioxide:    {0, 1e6},
	reading.ECO2:             {0, 1e6},
	reading.VOCParts:         {0, 1e9},
	reading.VOCIndex:         {0, 500},
	reading.NOxIndex:         {0, 500},
	reading.GasResistance:    {0, 1e12},
	reading.AQI:              {0, 1000},
	reading.PM1:              {0, 1e5},
	reading.PM25:             {0, 1e5},
	reading.PM4:              {0, 1e5},
	reading.PM10:             {0, 1e5},
	reading.Particles:        {0, 1e9},
	reading.Moisture:         {0, 100},
	reading.Illuminance:      {0, 2e5},
	reading.Rain:             {0, 1e6},
	reading.WindSpeed:        {0, 150},
	reading.WindDirection:    {0, 360},
	reading.Battery:          {0, 100},
	reading.SignalStrength:   {-200, 50},
	reading.Voltage:          {-1e6, 1e6},
	reading.Current:          {-1e5, 1e5},
	reading.Power:            {-1e9, 1e9},
	reading.ApparentPower:    {-1e9, 1e9},
	reading.ReactivePower:    {-1e9, 1e9},
	reading.PowerFactor:      {-1, 1},
	reading.Frequency:        {0, 1e12},
	reading.Energy:           {-1e12, 1e12},
	reading.ReactiveEnergy:   {-1e12, 1e12},
	reading.Resistance:       {0, 1e12},
	reading.Tariff:           {0, 99},
	reading.Flow:             {-1e6, 1e6},
	reading.Acceleration:     {-1e5, 1e5},
	reading.AngularVelocity:  {-1e6, 1e6},
	reading.Distance:         {-1e9, 1e9},
	reading.Weight:           {-1e9, 1e9},
	reading.FanSpeed:         {0, 1e6},
	reading.CPUUsage:         {0, 100},
	reading.Load:             {0, 1e5},
	reading.MemoryUsed:       {0, 100},
	reading.MemoryAvailable:  {0, 1e9},
	reading.DiskUsed:         {0, 100},
	reading.DiskFree:         {0, 1e9},
}
