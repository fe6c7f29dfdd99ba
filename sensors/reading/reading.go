package reading

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// Status is the state of a sensor, published retained on its StatusTopic.
type Status string

// The states of a sensor.
const (
	Online  Status = "online"  // the last reading is fresh
	Stale   Status = "stale"   // no reading for longer than stale_after
	Fault   Status = "fault"   // reading it fails
	Offline Status = "offline" // the gateway is not reading it
)

// Value is one number of a Reading in the unit of its Quantity. Number is
// never NaN or infinite.
type Value struct {
	Quantity Quantity
	Number   float64
}

// Reading is one measurement of one sensor: all values were taken together.
type Reading struct {
	Path   Path
	Time   time.Time // of the measurement, never of publishing; zero if the payload did not say
	Values []Value   // in the order of the driver's channels

	Simulated bool // made up by the sim driver
	Unsynced  bool // Time is of a clock that was not yet synchronised
	// Boot is the run of the machine that Time is of if it is Unsynced, "" if
	// nobody says: times of one boot are off by the same.
	Boot string
}

// timeForm is RFC 3339 in UTC with milliseconds.
const timeForm = "2006-01-02T15:04:05.000Z07:00"

// The keys of a payload that are not quantities.
const (
	keyTime      = "time"
	keyClock     = "clock"
	keyBoot      = "boot"
	keySimulated = "simulated"
)

// CheckQuantity tells whether name can be that of a quantity: a level of a
// topic, and neither something else in a payload nor another topic of a sensor.
func CheckQuantity(name string) error {
	if err := CheckLevel(name); err != nil {
		return err
	}
	switch name {
	case keyTime, keyClock, keyBoot, keySimulated:
		return errors.New("stands for something else in a payload")
	case "status", "set":
		return errors.New("stands for something else among the topics of a sensor")
	}
	return nil
}

// AppendPayload appends the JSON payload of r, the topic not included, to dst
// and returns it. It fails, and returns dst as it was, when a value is NaN or
// infinite, which JSON cannot hold.
func (r Reading) AppendPayload(dst []byte) ([]byte, error) {
	for _, v := range r.Values {
		if math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
			return dst, fmt.Errorf("%s: %s is %v", r.Path, v.Quantity, v.Number)
		}
	}
	dst = append(dst, '{')
	if !r.Time.IsZero() {
		dst = append(dst, `"time":"`...)
		dst = r.Time.UTC().AppendFormat(dst, timeForm)
		dst = append(dst, `",`...)
	}
	if r.Unsynced {
		dst = append(dst, `"clock":"unsynced",`...)
		if r.Boot != "" {
			dst = append(dst, `"boot":`...)
			dst = appendKey(dst, Quantity(r.Boot))
			dst = append(dst, ',')
		}
	}
	for _, v := range r.Values {
		dst = appendKey(dst, v.Quantity)
		dst = append(dst, ':')
		dst = AppendNumber(dst, v.Number)
		dst = append(dst, ',')
	}
	if r.Simulated {
		dst = append(dst, `"simulated":true,`...)
	}
	if dst[len(dst)-1] == ',' {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '}'), nil
}

// appendKey appends a quantity as a JSON string. Ours need no escapes; one
// from elsewhere may.
func appendKey(dst []byte, q Quantity) []byte {
	for i := range len(q) {
		if c := q[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			b, _ := json.Marshal(string(q)) // a string can always be encoded
			return append(dst, b...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, q...)
	return append(dst, '"')
}

// AppendNumber appends x in its shortest decimal form without an exponent.
func AppendNumber(dst []byte, x float64) []byte {
	return strconv.AppendFloat(dst, x, 'f', -1, 64)
}

// ParsePayload reads the payload published on the topic of p, whoever made
// it: a JSON object whose members that are numbers or booleans become values,
// in the order they stand there. Other members but "time" and "clock" are
// passed over. An object without any value is an error.
func ParsePayload(p Path, payload []byte) (Reading, error) {
	r := Reading{Path: p}
	if err := r.parse(payload); err != nil {
		return Reading{}, fmt.Errorf("payload of %q: %w", p.String(), err)
	}
	return r, nil
}

func (r *Reading) parse(payload []byte) error {
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil {
		return err
	} else if t != json.Delim('{') {
		return fmt.Errorf("want a JSON object, got %v", t)
	}
	seen := make(map[string]int)
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		if err := r.member(key.(string), raw, seen); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("more after the JSON object")
	}
	if len(r.Values) == 0 {
		return fmt.Errorf("no numbers in it")
	}
	return nil
}

// member takes one member of the payload's object into r; seen is the index
// of each value.
func (r *Reading) member(key string, raw json.RawMessage, seen map[string]int) error {
	switch key {
	case keyTime:
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return nil // a device's own idea of time, in seconds perhaps
		}
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
			r.Time = t
		}
		return nil
	case keyClock:
		r.Unsynced = string(raw) == `"unsynced"`
		return nil
	case keyBoot:
		if json.Unmarshal(raw, &r.Boot) != nil {
			r.Boot = ""
		}
		return nil
	case keySimulated:
		r.Simulated = string(raw) == "true"
		return nil
	}
	number := 0.0
	switch c := raw[0]; {
	case string(raw) == "true":
		number = 1
	case string(raw) == "false":
	case c == '-' || '0' <= c && c <= '9':
		x, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
		number = x
	default:
		return nil
	}
	if i, again := seen[key]; again { // the last one counts, as elsewhere
		r.Values[i].Number = number
		return nil
	}
	seen[key] = len(r.Values)
	r.Values = append(r.Values, Value{Quantity(key), number})
	return nil
}
