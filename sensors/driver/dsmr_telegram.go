package driver

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// The telegram of P1, and what its OBIS codes are to us.
//
//	/ISk5\2MT382-1000                        identification
//
//	1-0:1.8.1(000004.426*kWh)                code(value*unit)
//	0-1:24.2.1(170102161005W)(00000.107*m3)  a meter on M-Bus, with the time of its reading
//	!6EEE                                    CRC of all from / to !

// dsmrMost is the longest telegram; version 5 has room for a text of 2048
// characters.
const dsmrMost = 8 << 10

var (
	errDSMRCut     = errors.New("telegram without an end: the transmission is disturbed")
	errDSMRStrange = errors.New("bytes that are no telegram: the baud rate may be another (DSMR 2.2 and 3 need 9600 baud, 7 data bits, even parity), the signal not inverted, or the telegrams encrypted, as in Luxembourg")
)

// cutDSMR is the [cutter] of telegrams. It checks the checksum, if there is
// one.
func cutDSMR(b []byte) (frame []byte, n int, why error) {
	start := bytes.IndexByte(b, '/')
	switch {
	case start < 0 && bytes.ContainsFunc(b, func(r rune) bool { return r > '~' }):
		return nil, len(b), errDSMRStrange
	case start < 0:
		return nil, len(b), nil
	case start > 0:
		return nil, start, nil
	}
	end := bytes.Index(b, []byte("\n!"))
	if next := bytes.Index(b, []byte("\n/")); next >= 0 && (end < 0 || next < end) {
		return nil, next + 1, errDSMRCut
	}
	if end < 0 {
		if len(b) > dsmrMost {
			return nil, 1, errDSMRCut
		}
		return nil, 0, nil
	}
	end += len("\n!")
	line, _, whole := bytes.Cut(b[end:], []byte("\n"))
	if !whole {
		if len(line) > len("6EEE\r") {
			return nil, 1, fmt.Errorf("checksum %.20q is none", line)
		}
		return nil, 0, nil
	}
	if err := checkDSMR(b[:end], string(bytes.TrimSuffix(line, []byte("\r")))); err != nil {
		return nil, 1, err // its beginning may have been none
	}
	n = end + len(line) + 1
	return b[:n], n, nil
}

// checkDSMR checks the checksum of a telegram up to its '!'. Before DSMR 4
// there was none. P1 Companion Standard 5.0.2, section 6.2.
func checkDSMR(b []byte, sum string) error {
	if sum == "" {
		if bytes.Contains(b, []byte("\n1-3:0.2.8(")) || bytes.Contains(b, []byte("\n0-0:96.1.4(")) { // the version, since DSMR 4
			return errors.New("telegram without its checksum: the transmission is disturbed")
		}
		return nil
	}
	want, err := strconv.ParseUint(sum, 16, 16)
	if err != nil || len(sum) != 4 {
		return fmt.Errorf("checksum %.20q is none", sum)
	}
	if got := bus.CRC16(0, b); got != uint16(want) {
		return fmt.Errorf("CRC %04X in place of %s: the transmission is disturbed", got, sum)
	}
	return nil
}

// dsmrValue is one value of a telegram.
type dsmrValue struct {
	quantity reading.Quantity
	number   float64 // in its unit
}

// dsmrTelegram is what a telegram says.
type dsmrTelegram struct {
	time    time.Time // zero if it does not say
	checked bool      // it has a checksum
	values  []dsmrValue
}

// dsmrObject is a value of a telegram, by its code.
type dsmrObject struct {
	code     string
	quantity reading.Quantity
}

// dsmrObjects are the values of electricity. P1 Companion Standard 5.0.2, table
// 6-7; reactive ones as in Sweden and Luxembourg.
var dsmrObjects = []dsmrObject{
	{"1-0:1.8.0", reading.Energy.Of("import")}, {"1-0:1.8.1", reading.Energy.Of("import_t1")}, {"1-0:1.8.2", reading.Energy.Of("import_t2")},
	{"1-0:2.8.0", reading.Energy.Of("export")}, {"1-0:2.8.1", reading.Energy.Of("export_t1")}, {"1-0:2.8.2", reading.Energy.Of("export_t2")},
	{"1-0:3.8.0", reading.ReactiveEnergy.Of("import")}, {"1-0:4.8.0", reading.ReactiveEnergy.Of("export")},
	{"0-0:96.14.0", reading.Tariff},
	{"1-0:1.7.0", reading.Power.Of("import")}, {"1-0:2.7.0", reading.Power.Of("export")},
	{"1-0:3.7.0", reading.ReactivePower.Of("import")}, {"1-0:4.7.0", reading.ReactivePower.Of("export")},
	{"1-0:21.7.0", reading.Power.Of("import_l1")}, {"1-0:41.7.0", reading.Power.Of("import_l2")}, {"1-0:61.7.0", reading.Power.Of("import_l3")},
	{"1-0:22.7.0", reading.Power.Of("export_l1")}, {"1-0:42.7.0", reading.Power.Of("export_l2")}, {"1-0:62.7.0", reading.Power.Of("export_l3")},
	{"1-0:23.7.0", reading.ReactivePower.Of("import_l1")}, {"1-0:43.7.0", reading.ReactivePower.Of("import_l2")}, {"1-0:63.7.0", reading.ReactivePower.Of("import_l3")},
	{"1-0:24.7.0", reading.ReactivePower.Of("export_l1")}, {"1-0:44.7.0", reading.ReactivePower.Of("export_l2")}, {"1-0:64.7.0", reading.ReactivePower.Of("export_l3")},
	{"1-0:32.7.0", reading.Voltage.Of("l1")}, {"1-0:52.7.0", reading.Voltage.Of("l2")}, {"1-0:72.7.0", reading.Voltage.Of("l3")},
	{"1-0:31.7.0", reading.Current.Of("l1")}, {"1-0:51.7.0", reading.Current.Of("l2")}, {"1-0:71.7.0", reading.Current.Of("l3")},
	{"0-0:96.7.21", reading.Failures.Of("short")}, {"0-0:96.7.9", reading.Failures.Of("long")},
}

// dsmrUnits are the units of values: the unit of our quantities, and the
// factor to it.
var dsmrUnits = map[string]struct {
	own    string
	factor float64
}{
	"": {"", 1}, "kWh": {"kWh", 1}, "Wh": {"kWh", 1e-3}, "kW": {"W", 1e3}, "W": {"W", 1}, "V": {"V", 1}, "A": {"A", 1},
	"kvarh": {"kvarh", 1}, "varh": {"kvarh", 1e-3}, "kvar": {"var", 1e3}, "var": {"var", 1},
	"m3": {"m³", 1}, "GJ": {"kWh", 1e3 / 3.6}, "MJ": {"kWh", 1 / 3.6},
}

// mbusTypes are the kinds of meters on M-Bus that we know. EN 13757-3, table
// of device types.
var mbusTypes = map[int]struct {
	quantity reading.Quantity
	name     string // the part of its age
}{
	3: {reading.Gas, "gas"},
	4: {reading.Energy.Of("thermal"), "thermal"}, 10: {reading.Energy.Of("thermal"), "thermal"}, 11: {reading.Energy.Of("thermal"), "thermal"},
	12: {reading.Energy.Of("thermal"), "thermal"}, 13: {reading.Energy.Of("thermal"), "thermal"},
	6: {reading.Water, "water"}, 7: {reading.Water, "water"},
}

// mbusOld is how old a reading of M-Bus may be. Gas is read every hour or five
// minutes, water in Belgium once a day. What has not been read for longer is
// no value any more: its radio or its battery is dead.
const mbusOld = 50 * time.Hour

// parseDSMR reads a telegram that [cutDSMR] has cut. Winter time is standard
// ahead of UTC.
func parseDSMR(frame []byte, standard time.Duration) (dsmrTelegram, error) {
	end := bytes.LastIndexByte(frame, '!')
	if end < 0 {
		return dsmrTelegram{}, errDSMRCut
	}
	t := dsmrTelegram{checked: len(bytes.TrimSpace(frame[end+1:])) > 0}
	objects := dsmrLines(string(frame[:end]))
	if v := objects["0-0:1.0.0"]; len(v) == 1 {
		t.time, _ = dsmrTime(v[0], standard) // the time we have will do
	}
	for _, o := range dsmrObjects {
		v, ok := objects[o.code]
		if !ok || len(v) != 1 || v[0] == "" {
			continue
		}
		x, err := dsmrNumber(v[0], o.quantity.Unit())
		if err != nil {
			return dsmrTelegram{}, fmt.Errorf("%s: %w", o.code, err)
		}
		t.values = append(t.values, dsmrValue{o.quantity, x})
	}
	if len(t.values) == 0 {
		return dsmrTelegram{}, errors.New("the telegram has no value that is known")
	}
	return t, t.addMBus(objects, standard)
}

// dsmrLines returns the groups in parentheses of every line, by its code. A
// line that begins with a parenthesis goes on with the one before, as in DSMR
// 2.2 and 3.
func dsmrLines(s string) map[string][]string {
	objects := make(map[string][]string)
	code := ""
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, "\r\n")
		first, rest, ok := strings.Cut(line, "(")
		if !ok || !strings.HasSuffix(rest, ")") {
			code = ""
			continue
		}
		if first != "" {
			code, _, _ = strings.Cut(first, "*") // 1-0:1.8.0*255 is the same
			delete(objects, code)
		}
		if code != "" {
			objects[code] = append(objects[code], strings.Split(strings.TrimSuffix(rest, ")"), ")(")...)
		}
	}
	return objects
}

// dsmrNumber reads 000004.426*kWh as a number in the unit own.
func dsmrNumber(s, own string) (float64, error) {
	digits, unit, _ := strings.Cut(s, "*")
	u, ok := dsmrUnits[unit]
	if !ok || u.own != own {
		return 0, fmt.Errorf("%.40q is not in %s", s, own)
	}
	x, err := strconv.ParseFloat(digits, 64)
	if err != nil || strings.Trim(digits, "0123456789.") != "" || len(digits) > 20 {
		return 0, fmt.Errorf("%.40q is not a number", s)
	}
	return x * u.factor, nil
}

// dsmrTime reads YYMMDDhhmmssX, X being S in summer and W in winter.
func dsmrTime(s string, standard time.Duration) (time.Time, error) {
	if len(s) != 13 || s[12] != 'S' && s[12] != 'W' {
		return time.Time{}, fmt.Errorf("%.40q is not a time", s)
	}
	if s[12] == 'S' {
		standard += time.Hour
	}
	t, err := time.ParseInLocation("060102150405", s[:12], time.FixedZone("", int(standard.Seconds())))
	if err != nil {
		return time.Time{}, fmt.Errorf("%.40q is not a time", s)
	}
	return t.UTC(), nil
}

// mbusMeter is a meter on one of the channels of M-Bus.
type mbusMeter struct {
	channel  int
	quantity reading.Quantity
	name     string
	value    float64
	time     time.Time // of its reading, zero if it does not say
	read     bool      // there is a value
}

// addMBus adds the meters on M-Bus. Of several of a kind each bears the number
// of its channel.
func (t *dsmrTelegram) addMBus(objects map[string][]string, standard time.Duration) error {
	var meters []mbusMeter
	for channel := 1; channel <= 4; channel++ {
		m, ok, err := readMBus(objects, channel, standard)
		if err != nil {
			return err
		}
		if ok {
			meters = append(meters, m)
		}
	}
	for _, m := range meters {
		old := !m.time.IsZero() && !t.time.IsZero() && t.time.Sub(m.time) > mbusOld
		if !m.read || old {
			continue
		}
		age := reading.Age.Of(m.name)
		same := func(o mbusMeter) bool { return o.quantity == m.quantity && o.channel != m.channel }
		if slices.ContainsFunc(meters, same) {
			m.quantity, age = m.quantity.Of(strconv.Itoa(m.channel)), reading.Age.Of(strconv.Itoa(m.channel))
		}
		t.values = append(t.values, dsmrValue{m.quantity, m.value})
		if !m.time.IsZero() && !t.time.IsZero() {
			t.values = append(t.values, dsmrValue{age, max(t.time.Sub(m.time).Seconds(), 0)})
		}
	}
	return nil
}

// readMBus returns the meter on a channel. One without a number of its own has
// been taken away, or never was there.
func readMBus(objects map[string][]string, channel int, standard time.Duration) (m mbusMeter, ok bool, err error) {
	object := func(code string) []string { return objects[fmt.Sprintf("0-%d:%s", channel, code)] }
	kind := object("24.1.0")
	if len(kind) != 1 {
		return m, false, nil
	}
	number, err := strconv.Atoi(kind[0])
	known, ok := mbusTypes[number]
	if err != nil || !ok {
		return m, false, nil
	}
	m = mbusMeter{channel: channel, quantity: known.quantity, name: known.name}
	text, at := "", ""
	switch {
	case len(object("24.2.1")) == 2:
		at, text = object("24.2.1")[0], object("24.2.1")[1]
	case len(object("24.2.3")) == 2: // Belgium: not converted to normal conditions
		at, text = object("24.2.3")[0], object("24.2.3")[1]
	case len(object("24.3.0")) == 7: // DSMR 2.2 and 3: the unit is in the group before the value
		text = object("24.3.0")[6] + "*" + object("24.3.0")[5]
	}
	if text == "" {
		return m, slices.ContainsFunc(append(object("96.1.0"), object("96.1.1")...), func(id string) bool { return id != "" }), nil
	}
	if at != "" {
		if m.time, err = dsmrTime(at, standard); err != nil {
			return m, true, nil // such as 632525252525S: it was never read
		}
	}
	m.value, err = dsmrNumber(text, m.quantity.Unit())
	if err != nil {
		return m, false, fmt.Errorf("0-%d:24.2.1: %w", channel, err)
	}
	m.read = true
	return m, true, nil
}
