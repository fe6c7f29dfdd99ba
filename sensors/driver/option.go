package driver

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Check tells what is wrong with text as the value of the option. What it
// lets pass, the methods below can read.
func (o Option) Check(text string) error {
	if text == o.Default && text == "" {
		return nil
	}
	if o.Allowed != nil {
		if !slices.Contains(o.Allowed, text) {
			return fmt.Errorf("%q is not one of %s", text, strings.Join(o.Allowed, ", "))
		}
		return nil
	}
	switch o.Type {
	case Whole, Number:
		return o.checkNumber(text)
	case Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a time such as 500ms or 2s", text)
		}
		if s := d.Seconds(); o.bounded() && (s < o.Min || s > o.Max) {
			return fmt.Errorf("%v is out of range, %v to %v", d, seconds(o.Min), seconds(o.Max))
		}
	case Truth:
		if text != "true" && text != "false" {
			return fmt.Errorf("%q is neither true nor false", text)
		}
	}
	return nil
}

func (o Option) bounded() bool { return o.Min != 0 || o.Max != 0 }

func (o Option) checkNumber(text string) error {
	var x float64
	var err error
	if o.Type == Whole {
		var n int64
		n, err = parseWhole(text)
		x = float64(n)
	} else {
		x, err = strconv.ParseFloat(text, 64)
	}
	switch {
	case err != nil && o.Type == Whole:
		return fmt.Errorf("%q is not a whole number", text)
	case err != nil || math.IsNaN(x) || math.IsInf(x, 0):
		return fmt.Errorf("%q is not a number", text)
	case o.bounded() && (x < o.Min || x > o.Max):
		return fmt.Errorf("%s is out of range, %v to %v", text, o.Min, o.Max)
	}
	return nil
}

// parseWhole reads a whole number, decimal or 0x…: zeros before a decimal one
// mean nothing, as people write addresses, and make it no octal one. It is one
// that a float64 holds exactly.
func parseWhole(text string) (int64, error) {
	sign, digits := "", text
	if rest, found := strings.CutPrefix(text, "-"); found {
		sign, digits = "-", rest
	}
	if hex, found := strings.CutPrefix(strings.ToLower(digits), "0x"); found && !strings.ContainsAny(hex, "+-") {
		return strconv.ParseInt(sign+hex, 16, 54)
	}
	return strconv.ParseInt(sign+digits, 10, 54)
}

// seconds is a duration of s, in seconds as Option.Min and Max have it.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// WithDefaults returns the values of all options of d: those that are set, and
// the defaults of the others. The map is the caller's.
func (d Driver) WithDefaults(set map[string]string) map[string]string {
	all := make(map[string]string, len(d.Options))
	for _, o := range d.Options {
		all[o.Name] = o.Default
	}
	maps.Copy(all, set)
	return all
}

// options reads the values of options, which have passed Option.Check.
type options map[string]string

// whole returns an option of type Whole.
func (o options) whole(name string) int {
	n, _ := parseWhole(o[name])
	return int(n)
}

// number returns an option of type Number.
func (o options) number(name string) float64 {
	x, _ := strconv.ParseFloat(o[name], 64)
	return x
}

// duration returns an option of type Duration.
func (o options) duration(name string) time.Duration {
	d, _ := time.ParseDuration(o[name])
	return d
}

// truth returns an option of type Truth.
func (o options) truth(name string) bool { return o[name] == "true" }
