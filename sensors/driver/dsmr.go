// Smart electricity meters with a P1 port, and the gas, water and heat meters
// that they read.
//
//	chip       any meter of DSMR 2.2 to 5, ESMR 5, e-MUCS (Belgium), Sweden, Denmark, Finland, Hungary, Lithuania
//	bus        serial, 115200 8N1, inverted; before DSMR 4 9600 7E1; or TCP
//	datasheet  Netbeheer Nederland, P1 Companion Standard 5.0.2
//	checksum   CRC-16 of the telegram; none before DSMR 4
//
// The meter sends a telegram every second, or every ten before DSMR 5. Without
// a checksum a digit that was disturbed would be a digit: there, no counter is
// believed that does not go with the telegram before.
//
// dsmr_telegram.go reads telegrams.

package driver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

const (
	dsmrTime10   = 15 * time.Second // a telegram of a meter that sends every 10 s, and a bit
	dsmrClockOff = time.Minute      // how far the meter's clock may be from ours to be believed
	dsmrKW       = 100              // no connection with such a port has more
	dsmrStep     = 0.1              // kWh that a meter may hold back, and count at once
)

const dsmrHint = "check that the port is enabled (in some countries the network operator does that), that pin 2, data request, has 5 V, and that the cable inverts the signal"

var _ = register(Driver{
	Name:      "dsmr",
	Aliases:   []string{"p1"},
	Title:     "Smart meter with P1 port (DSMR, ESMR, e-MUCS)",
	Datasheet: "P1 Companion Standard 5.0.2 (codes confirmed by telegrams of meters; its section numbers and the device types of EN 13757-3 from memory, not re-read)",
	Bus:       bus.Serial,
	Serial:    bus.SerialMode{Baud: 115200, DataBits: 8, Parity: "none", StopBits: 1},
	Channels:  dsmrChannels(dsmrExamples()),
	Dynamic:   true, // what there is says the meter
	Options: []Option{
		{Name: "utc_offset", Doc: "Hours that the winter time of the meter is ahead of UTC: 1 in central Europe, 2 in Finland and Lithuania.", Default: "1", Type: Whole, Min: -1, Max: 3},
	},
	Wiring: "A P1 cable (RJ12 to USB, with an inverter inside) is all there is to it.\n" +
		"By hand: pin 2 data request to 5 V, pin 3 and 6 ground, pin 5 data, open collector, inverted: 1 kΩ to 3.3 V and an inverter.",
	Notes: "Without a checksum (DSMR 2.2 and 3) values are believed that go with those of the telegram before; such meters need " +
		"9600 baud, 7 data bits and even parity. Gas, water and heat are read by the meter every 5 min to once a day: " +
		"their age is published beside them, and after 50 h they are left out. Encrypted telegrams (Luxembourg, Austria) cannot be read.",
	Open: openDSMR,
})

type dsmr struct {
	*frames
	standard time.Duration
	channels []Channel
	last     dsmrTelegram
	lastAt   time.Time // when it came
	measured time.Time
}

// openDSMR waits for a telegram, which says what the meter measures.
func openDSMR(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	d, _ := Lookup("dsmr")
	f, err := openFrames(slot, d.Serial, cutDSMR, dsmrHint)
	if err != nil {
		return nil, err
	}
	s := &dsmr{frames: f, standard: time.Duration(options(slot.Options).whole("utc_offset")) * time.Hour}
	if s.last, err = s.telegram(ctx); err != nil {
		f.Close()
		return nil, fmt.Errorf("dsmr: %w", err)
	}
	s.lastAt, s.channels = s.at, dsmrChannels(s.last.values)
	return s, nil
}

// Channels implements [Channeler]: what the first telegram had.
func (s *dsmr) Channels() []Channel { return s.channels }

// Measured implements [Timed]: the meter knows when it measured, if its clock
// is right.
func (s *dsmr) Measured() time.Time { return s.measured }

// Measure implements [Sensor]: out is in the order of Channels.
func (s *dsmr) Measure(ctx context.Context, out []float64) error {
	t, err := s.telegram(ctx)
	if err != nil {
		return fmt.Errorf("dsmr: %w", err)
	}
	last, took := s.last, s.at.Sub(s.lastAt)
	s.last, s.lastAt = t, s.at
	if !t.time.IsZero() && t.time.Equal(last.time) {
		return ErrNothingNew // repeated by what is in between
	}
	if err := t.goesWith(last, took); err != nil {
		return fmt.Errorf("dsmr: %w", err)
	}
	if !slices.EqualFunc(s.channels, t.values, func(c Channel, v dsmrValue) bool { return c.Quantity == v.quantity }) {
		return fmt.Errorf("dsmr: the telegram has other values than before: %s; the meter is opened anew", dsmrDifference(s.channels, t.values))
	}
	s.measured = s.at
	if off := s.at.Sub(t.time); off.Abs() < dsmrClockOff {
		s.measured = t.time
	}
	for i, v := range t.values {
		out[i] = v.number
	}
	return nil
}

// telegram returns the next telegram.
func (s *dsmr) telegram(ctx context.Context) (dsmrTelegram, error) {
	if err := s.fresh(); err != nil {
		return dsmrTelegram{}, err
	}
	frame, err := s.next(ctx, dsmrTime10)
	if err != nil {
		return dsmrTelegram{}, err
	}
	return parseDSMR(frame, s.standard)
}

// goesWith tells whether t, if it has no checksum, can follow on last, which
// came so long before: its counters have not gone back, nor faster than the
// connection allows.
func (t dsmrTelegram) goesWith(last dsmrTelegram, took time.Duration) error {
	if t.checked {
		return nil
	}
	for _, v := range t.values {
		i := slices.IndexFunc(last.values, func(o dsmrValue) bool { return o.quantity == v.quantity })
		if info, _ := v.quantity.Info(); i < 0 || !info.Counter {
			continue
		}
		most := float64(dsmrKW) // of a meter on M-Bus, which is read every hour
		if v.quantity.Base() != reading.Failures && slices.ContainsFunc(dsmrObjects, func(o dsmrObject) bool { return o.quantity == v.quantity }) {
			most = dsmrKW*took.Hours() + dsmrStep
		}
		if more := v.number - last.values[i].number; more < 0 || more > most {
			return fmt.Errorf("%s goes from %v to %v in a telegram without a checksum: the transmission is disturbed", v.quantity, last.values[i].number, v.number)
		}
	}
	return nil
}

// dsmrChannels returns the channels of values.
func dsmrChannels(values []dsmrValue) []Channel {
	channels := make([]Channel, 0, len(values))
	for _, v := range values {
		c := Channel{Quantity: v.quantity}
		switch v.quantity.Base() {
		case reading.Energy, reading.ReactiveEnergy, reading.Gas, reading.Water:
			c.Max, c.Decimals = 1e9, 3
		case reading.Power, reading.ReactivePower:
			c.Max = 1e7
		case reading.Voltage:
			c.Max, c.Decimals = 1000, 1
		case reading.Current:
			c.Max, c.Decimals = 1e5, 2
		case reading.Age:
			c.Max = mbusOld.Seconds()
		default:
			c.Max = 99999
		}
		channels = append(channels, c)
	}
	return channels
}

// dsmrExamples are all values that there may be.
func dsmrExamples() []dsmrValue {
	var all []dsmrValue
	for _, o := range dsmrObjects {
		all = append(all, dsmrValue{quantity: o.quantity})
	}
	for _, kind := range []int{3, 4, 7} {
		m := mbusTypes[kind]
		all = append(all, dsmrValue{quantity: m.quantity}, dsmrValue{quantity: reading.Age.Of(m.name)})
	}
	return all
}

// dsmrDifference says what has gone and what has come.
func dsmrDifference(channels []Channel, values []dsmrValue) string {
	var all []string
	for _, c := range channels {
		if !slices.ContainsFunc(values, func(v dsmrValue) bool { return v.quantity == c.Quantity }) {
			all = append(all, string(c.Quantity)+" is gone")
		}
	}
	for _, v := range values {
		if !slices.ContainsFunc(channels, func(c Channel) bool { return c.Quantity == v.quantity }) {
			all = append(all, string(v.quantity)+" is new")
		}
	}
	return strings.Join(all, ", ")
}
