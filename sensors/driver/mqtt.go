// What other devices publish: their topics become readings of the gateway.
//
//	chip      none
//	bus       the topic tree
//	content   JSON, a number, or lines of key and value; see extract.go
//
// A message is a measurement if it holds all that the option values names. A
// retained one that was there before the subscription is none: nobody knows
// how old it is.

package driver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"gateway/sensors/bus"
)

var _ = register(Driver{
	Name:      "mqtt",
	Title:     "What a device publishes by MQTT",
	Datasheet: "MQTT 5.0; the payload is JSON, a number, or lines of key and value",
	Bus:       bus.Topic,
	Channels:  anyChannels(),
	Dynamic:   true,
	Options: []Option{
		{Name: "topic", Required: true, Example: "zigbee2mqtt/office", Doc: "The topic, or a filter with + and # for the topics of one device."},
		{Name: "values", Required: true, Example: "temperature, humidity", Doc: valuesDoc},
		{Name: "match", Doc: "Messages that count, of a topic that several devices share: \"path=text, …\", such as \"model=Acurite-Tower, id=1234\"."},
		{Name: "time", Doc: "Path of the time of measurement in the message: RFC 3339, Unix time in s or ms, or local time without a zone; " +
			"the time of arrival, if left out."},
	},
	Notes: "One sensor for each device. Tasmota: topic tele/DEVICE/SENSOR, values \"AM2301.Temperature=temperature, AM2301.Humidity=humidity\" or " +
		"\"ENERGY.Power=power, ENERGY.Total=energy\", time Time. " +
		"Zigbee2MQTT: topic zigbee2mqtt/NAME, values \"temperature, humidity, battery\"; a door contact: \"!contact=door\". " +
		"Shelly Gen2 and later: topic DEVICE/status/switch:0, values \"apower=power, voltage, aenergy.total=energy*0.001\". " +
		"Shelly Gen1: topic shellies/DEVICE/relay/0/power, values power. " +
		"rtl_433 -F mqtt: topic rtl_433/+/events, values \"temperature_C=temperature, humidity\", match \"model=Nexus-TH, id=42\". " +
		"A message that has some of the values only is passed over once a complete one has come.",
	Open: openMQTT,
	Check: func(o map[string]string) error {
		_, err := newFeedSensor(o)
		return err
	},
})

// feedPoll is how long Measure waits for a message that is there already.
const feedPoll = 20 * time.Millisecond

// feedSensor measures what a feed brings.
type feedSensor struct {
	mapping
	feed   bus.Feed
	topic  string // or filter
	own    string // topic of the sensor, "" if not known: what it publishes itself is no measurement
	match  []match
	timeAt string // path, "" for the time of arrival

	complete bool        // a message had all values
	problem  error       // with the last message, while none was complete
	passed   error       // with the last that was passed over since one was complete
	next     *feedResult // noticed, and not measured yet
	measured time.Time
}

// feedResult is what a message means.
type feedResult struct {
	values []float64
	time   time.Time
	err    error
}

// match is a condition on a message.
type match struct{ path, text string }

func openMQTT(_ context.Context, slot *bus.Slot) (Sensor, error) {
	f, err := newFeedSensor(slot.Options)
	if err != nil {
		return nil, err
	}
	f.own = slot.Name
	if f.feed, err = slot.Subscribe(f.topic); err != nil {
		return nil, fmt.Errorf("subscribe to %q: %w", f.topic, err)
	}
	return f, nil
}

// newFeedSensor reads the options.
func newFeedSensor(o options) (*feedSensor, error) {
	f := &feedSensor{topic: o["topic"], timeAt: o["time"]}
	var wrong [3]error
	if err := checkFilter(f.topic); err != nil {
		wrong[0] = fmt.Errorf("option topic: %w", err)
	}
	f.mapping, wrong[1] = parseMapping(o["values"])
	var err error
	if f.match, err = parseMatch(o["match"]); err != nil {
		wrong[2] = fmt.Errorf("option match: %w", err)
	}
	if err := errors.Join(wrong[:]...); err != nil {
		return nil, err
	}
	return f, nil
}

// checkFilter tells what is wrong with a topic filter. [MQTT-4.7.1-1],
// [MQTT-4.7.1-2].
func checkFilter(s string) error {
	if s == "" {
		return errors.New("is missing; write for example tele/kitchen/SENSOR")
	}
	levels := strings.Split(s, "/")
	for i, l := range levels {
		switch {
		case l == "+", l == "#" && i == len(levels)-1:
		case strings.ContainsAny(l, "+#"):
			return fmt.Errorf("%q: + stands for a whole level, and # for all that follows, at the end", s)
		}
	}
	return nil
}

func parseMatch(s string) ([]match, error) {
	var all []match
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		path, text, ok := strings.Cut(item, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not path=text", item)
		}
		all = append(all, match{strings.TrimSpace(path), strings.TrimSpace(text)})
	}
	return all, nil
}

// Channels implements [Channeler].
func (f *feedSensor) Channels() []Channel { return f.channels() }

// Measured implements [Timed].
func (f *feedSensor) Measured() time.Time { return f.measured }

// Close gives back the subscription.
func (f *feedSensor) Close() error {
	f.feed.Close()
	return nil
}

// Await implements [Awaiter]: it returns when a message has come that is a
// measurement, or one that should be and is not.
func (f *feedSensor) Await(ctx context.Context) error {
	for f.next == nil {
		m, err := f.feed.Next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("topic %q: %w", f.topic, err)
		}
		f.next = f.take(m)
	}
	return nil
}

// Measure implements [Sensor].
func (f *feedSensor) Measure(ctx context.Context, out []float64) error {
	if f.next == nil {
		wait, cancel := context.WithTimeout(ctx, feedPoll)
		defer cancel()
		if err := f.Await(wait); err != nil {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case wait.Err() != nil && f.problem != nil:
				return f.problem // asked again at once, it has not gone away
			case wait.Err() != nil && f.passed != nil:
				return fmt.Errorf("%w: passed over a %w", ErrNothingNew, f.passed)
			case wait.Err() != nil:
				return fmt.Errorf("%w: no message on %q", ErrNothingNew, f.topic)
			}
			return err
		}
	}
	r := f.next
	f.next = nil
	if r.err != nil {
		return r.err
	}
	copy(out, r.values)
	f.measured = r.time
	return nil
}

// take returns what a message means, nil if it is none for us.
func (f *feedSensor) take(m bus.FeedMessage) *feedResult {
	switch {
	case m.Retained, len(m.Payload) == 0:
		return nil
	case f.own != "" && (m.Topic == f.own || strings.HasPrefix(m.Topic, f.own+"/")):
		return nil
	case len(m.Payload) > maxDocument:
		return f.complain(m, fmt.Errorf("it is longer than %d KiB", maxDocument>>10))
	}
	document, err := parseDocument(m.Payload)
	if err != nil {
		return f.complain(m, err)
	}
	for _, c := range f.match {
		if at, ok := follow(document, c.path); !ok || fmt.Sprint(at) != c.text {
			return nil
		}
	}
	r := &feedResult{values: make([]float64, len(f.mapping)), time: m.Time}
	if err := f.extract(document, r.values); err != nil {
		return f.complain(m, err)
	}
	if f.timeAt != "" {
		at, err := timeIn(document, f.timeAt, m.Time)
		if err != nil {
			return f.complain(m, err)
		}
		if at.Before(m.Time) { // it cannot have been measured after it arrived
			r.time = at
		}
	}
	f.complete, f.problem, f.passed = true, nil, nil
	return r
}

// complain tells of a message that is no measurement, unless there have been
// some: then the device publishes others, too. If it does nothing else any more
// it becomes stale, and why is told then.
func (f *feedSensor) complain(m bus.FeedMessage, err error) *feedResult {
	err = fmt.Errorf("message on %q: %w", m.Topic, err)
	if f.complete {
		f.passed = err
		return nil
	}
	f.problem = err
	return &feedResult{err: err}
}

// timeForms are what devices write, besides numbers: RFC 3339, Tasmota's and
// rtl_433's local time.
var timeForms = []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05"}

// Times in s since 1970 that may be: before, a clock is not set yet.
const year2001, year2286 = 1e9, 1e10

// timeIn reads the time at path, of a message that arrived at arrived.
func timeIn(document any, path string, arrived time.Time) (time.Time, error) {
	at, ok := follow(document, path)
	if !ok {
		return time.Time{}, fmt.Errorf("there is no %q in it; change the option time", path)
	}
	if s, ok := at.(string); ok {
		for _, form := range timeForms {
			t, err := time.ParseInLocation(form, s, time.Local)
			switch {
			case err == nil && t.Unix() < year2001:
				return time.Time{}, fmt.Errorf("%q is %.40q, which is no time that can be: the device's clock is not set", path, s)
			case err == nil:
				return whichHour(t, arrived), nil
			}
		}
	}
	x, err := numberOf(at)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is %.40q, which is no time", path, fmt.Sprint(at))
	}
	if x >= year2001*1e3 && x < year2286*1e3 {
		x /= 1e3
	}
	if x < year2001 || x >= year2286 {
		return time.Time{}, fmt.Errorf("%q is %v, which is no time in s or ms since 1970", path, x)
	}
	s, fraction := math.Modf(x)
	return time.Unix(int64(s), int64(fraction*1e9)), nil
}

// whichHour returns t, or, in the hour that clocks show twice when summer time
// ends, the later of both, unless that is to come. The device's clock may be a
// little ahead of ours.
func whichHour(t, arrived time.Time) time.Time {
	const form = "2006-01-02 15:04:05"
	shows := t.Format(form)
	if first := t.Add(-time.Hour); first.Format(form) == shows {
		t = first
	}
	if second := t.Add(time.Hour); second.Format(form) == shows && !second.After(arrived.Add(time.Minute)) {
		return second
	}
	return t
}
