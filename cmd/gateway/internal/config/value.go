package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Value returns what a configuration says at a path such as "log.level", as a
// person would write it and as [Set] takes it, and the Go type of it. It is an
// error if there is no such key, or if it is not one value. Lists have no paths
// here.
func Value(cfg *Config, path string) (text string, t reflect.Type, err error) {
	if _, _, err := stepsOf(path); err != nil {
		return "", nil, err
	}
	v := reflect.ValueOf(cfg).Elem()
	for key := range strings.SplitSeq(path, ".") {
		v = reflect.Indirect(v)
		found := false
		if v.Kind() == reflect.Struct {
			for _, f := range fields(v) {
				if f.name == key {
					v, found = f.value, true
					break
				}
			}
		}
		if !found {
			return "", nil, fmt.Errorf("%s: there is no such value", path)
		}
	}
	switch {
	case v.Type() == durationType:
		text = durationText(time.Duration(v.Int()))
	case v.Kind() == reflect.String:
		text = v.String()
	case v.Kind() == reflect.Bool:
		text = strconv.FormatBool(v.Bool())
	case v.CanInt():
		text = strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		text = strconv.FormatUint(v.Uint(), 10)
	case v.CanFloat():
		text = strconv.FormatFloat(v.Float(), 'f', -1, 64)
	default:
		return "", nil, fmt.Errorf("%s: is not one value", path)
	}
	return text, v.Type(), nil
}

// durationText writes 720h0m0s as 720h.
func durationText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
