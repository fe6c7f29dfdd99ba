package setup

import (
	"reflect"
	"strings"
)

// atOnce are the parts of a configuration that are applied without a restart.
const atOnce = ",inline log"

// needRestartLocked names the parts of the configuration in which the file
// differs from what runs.
func (s *Setup) needRestartLocked() []string {
	all := []string{}
	is, was := reflect.ValueOf(*s.cfg), reflect.ValueOf(*s.started)
	for i := range is.NumField() {
		key := is.Type().Field(i).Tag.Get("yaml")
		if !strings.Contains(atOnce, key) && !reflect.DeepEqual(is.Field(i).Interface(), was.Field(i).Interface()) {
			all = append(all, key)
		}
	}
	return all
}
