package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Difference is one key that two configurations have in another way.
type Difference struct {
	Key     string // such as broker.listeners[1].address
	Was, Is string // as a person would write it; "" where there is none, or more than one value
}

// Diff returns where two configurations differ, in the order of the file. What is
// only in one of them, such as a listener, is one Difference. Values may be secret.
func Diff(was, is *Config) []Difference {
	var d differences
	d.compare("", reflect.ValueOf(*was), reflect.ValueOf(*is))
	return d
}

type differences []Difference

func (d *differences) compare(key string, was, is reflect.Value) {
	if reflect.DeepEqual(was.Interface(), is.Interface()) {
		return
	}
	switch was.Kind() {
	case reflect.Struct:
		a, b := fields(was), fields(is)
		for i := range a {
			d.compare(under(key, a[i].name), a[i].value, b[i].value)
		}
		return
	case reflect.Pointer:
		if !was.IsNil() && !is.IsNil() {
			d.compare(key, was.Elem(), is.Elem())
			return
		}
	case reflect.Slice:
		if was.Type().Elem().Kind() == reflect.Struct {
			d.compareLists(key, was, is)
			return
		}
	}
	*d = append(*d, Difference{key, oneLine(was), oneLine(is)})
}

// compareLists compares lists of what has names, or places.
func (d *differences) compareLists(key string, was, is reflect.Value) {
	for i := range max(was.Len(), is.Len()) {
		at := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case i >= was.Len():
			*d = append(*d, Difference{Key: at, Is: oneLine(is.Index(i))})
		case i >= is.Len():
			*d = append(*d, Difference{Key: at, Was: oneLine(was.Index(i))})
		default:
			d.compare(at, was.Index(i), is.Index(i))
		}
	}
}

func under(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// oneLine writes a value; of a struct what it is called by.
func oneLine(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.Struct {
		var names []string
		for _, f := range fields(v) {
			switch f.name {
			case "name", "driver", "room", "protocol", "address", "client_id", "value":
				if f.value.Kind() == reflect.String && f.value.String() != "" {
					names = append(names, f.value.String())
				}
			}
		}
		return strings.Join(names, " ")
	}
	if v.Type() == durationType {
		return durationText(time.Duration(v.Int()))
	}
	return strings.TrimSpace(fmt.Sprint(v.Interface()))
}
