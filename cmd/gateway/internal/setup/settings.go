package setup

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard/answer"
)

// offered are the keys of the configuration that the page changes, by the group
// that it shows them in. Those that this version does not have are left out.
var offered = []struct {
	group, key string
	choices    []string
}{
	{"names", "site", nil},
	{"log", "log.level", []string{"debug", "info", "warn", "error"}},
	{"history", "history.enabled", nil},
	{"history", "history.batch", nil},
	{"history", "history.raw.age", nil}, {"history", "history.raw.bytes", nil},
	{"history", "history.minute.age", nil}, {"history", "history.minute.bytes", nil},
	{"history", "history.quarter.age", nil}, {"history", "history.quarter.bytes", nil},
	{"history", "history.six_hours.age", nil}, {"history", "history.six_hours.bytes", nil},
	{"disk", "persistence.interval", nil},
	{"disk", "persistence.max_bytes", nil},
}

// Setting is a key of the configuration.
type Setting struct {
	Key     string   `json:"key"`
	Group   string   `json:"group"`
	Kind    string   `json:"kind"` // text, choice, truth, duration, bytes or number
	Value   string   `json:"value"`
	Default string   `json:"default"`
	Choices []string `json:"choices"`
	AtOnce  bool     `json:"at_once"` // a change applies without a restart
}

// Settings are those that the page changes.
type Settings struct {
	File     State     `json:"file"`
	Settings []Setting `json:"settings"`
	Restart  []string  `json:"restart"` // keys of the configuration that wait for one
}

func (s *Setup) settingsLocked() Settings {
	all := Settings{File: s.File.State(), Settings: []Setting{}, Restart: nonNil(s.restart)}
	for _, o := range offered {
		value, t, err := config.Value(s.cfg, o.key)
		if err != nil {
			continue // not of this version
		}
		def, _, _ := config.Value(config.Default(), o.key)
		all.Settings = append(all.Settings, Setting{
			Key: o.key, Group: o.group, Kind: kindOf(o.key, t, o.choices), Value: value, Default: def, Choices: nonNil(o.choices), AtOnce: appliesAtOnce(o.key),
		})
	}
	return all
}

func kindOf(key string, t reflect.Type, choices []string) string {
	switch {
	case choices != nil:
		return "choice"
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t.Kind() == reflect.Bool:
		return "truth"
	case strings.HasSuffix(key, "bytes"):
		return "bytes"
	case t.Kind() == reflect.String:
		return "text"
	}
	return "number"
}

// settings answers with the settings.
func (s *Setup) settings(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer.JSON(w, s.settingsLocked())
}

// setSettings writes settings into the configuration, by key. All of them, or
// none if one is wrong.
func (s *Setup) setSettings(w http.ResponseWriter, r *http.Request) {
	var values map[string]string
	if !answer.Decode(w, r, &values) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := slices.Sorted(maps.Keys(values))
	yaml := ""
	for _, key := range keys {
		if !slices.ContainsFunc(s.settingsLocked().Settings, func(x Setting) bool { return x.Key == key }) {
			answer.Fail(w, http.StatusUnprocessableEntity, fmt.Errorf("%s: %w", key, answer.Say("settings.file", "is not for the page to change; change it in the file")))
			return
		}
		yaml += key + ": " + config.Scalar(values[key]) + "\n"
	}
	err := s.editLocked(r.Context(), func(name string, data []byte) ([]byte, error) {
		var err error
		for _, key := range keys {
			if data, err = config.Set(name, data, key, values[key]); err != nil {
				return nil, err
			}
		}
		return data, nil
	})
	if err != nil {
		s.refuse(w, err, yaml)
		return
	}
	answer.JSON(w, s.settingsLocked())
}

// appliesAtOnce tells whether a change of a key applies without a restart.
func appliesAtOnce(key string) bool {
	return !strings.HasPrefix(key, "persistence.") && key != "history.enabled" && key != "history.batch"
}
