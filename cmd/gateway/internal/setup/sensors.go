package setup

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/sensors"
)

// Listed is a sensor of the configuration and how it does.
type Listed struct {
	Path       string            `json:"path"`
	Site       string            `json:"site"`
	Room       string            `json:"room"`
	Name       string            `json:"name"`
	Driver     string            `json:"driver"`
	Title      string            `json:"title"`
	Kind       string            `json:"kind"`
	Where      string            `json:"where"` // "i2c-1 0x76"
	Form       Form              `json:"form"`
	IntervalMS int64             `json:"interval_ms"`
	Status     string            `json:"status"` // online, stale, fault, offline; "" before the first reading
	Reads      uint64            `json:"reads"`
	Errors     map[string]uint64 `json:"errors"` // failed attempts by class since the start
	LastGoodMS int64             `json:"last_good_ms"`
	LastError  string            `json:"last_error"`
	ErrorMS    int64             `json:"error_ms"`
}

// List is all sensors of the configuration.
type List struct {
	Site    string   `json:"site"` // the first level of their topics
	File    State    `json:"file"`
	Sensors []Listed `json:"sensors"`
}

// list answers with the sensors of the configuration.
func (s *Setup) list(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	site := s.cfg.Sensors.WithDefaults(s.Machine.Hostname).Site
	s.mu.Unlock()
	l := List{Site: site, File: s.File.State(), Sensors: []Listed{}}
	stats := s.Sensors.Stats()
	for _, c := range s.Sensors.Configured() {
		f := listed(c)
		if i := slices.IndexFunc(stats, func(x sensors.SensorStats) bool { return x.Path == c.Path }); i >= 0 {
			x := stats[i]
			f.Status, f.Reads, f.LastError = string(x.Status), x.Reads, x.LastError
			if x.Errors != nil {
				f.Errors = x.Errors
			}
			if !x.LastGood.IsZero() {
				f.LastGoodMS = x.LastGood.UnixMilli()
			}
			if !x.ErrorTime.IsZero() {
				f.ErrorMS = x.ErrorTime.UnixMilli()
			}
		}
		l.Sensors = append(l.Sensors, f)
	}
	answer.JSON(w, l)
}

func listed(c sensors.Configured) Listed {
	x := c.Config
	return Listed{
		Path: c.Path.String(), Site: c.Path.Site(), Room: x.Room, Name: x.Name, Driver: c.Driver.Name, Title: c.Driver.Title,
		Kind: string(c.Driver.Bus), Where: where(c.Driver, x), IntervalMS: x.Interval.Milliseconds(), Errors: map[string]uint64{},
		Form: Form{
			Driver: x.Driver, Room: x.Room, Name: x.Name, Bus: x.Bus, Address: x.Address, ID: x.ID, Pins: x.Pins,
			Port: x.Port, UnitID: x.UnitID, Interval: x.Interval.String(), Options: x.Options,
		},
	}
}

// done is the answer to a change.
type done struct {
	Path string `json:"path"` // of the sensor, "" if it is gone
	File string `json:"file"` // that was written
}

// add writes a sensor into the configuration, and begins to read it.
func (s *Setup) add(w http.ResponseWriter, r *http.Request) {
	var f Form
	if !answer.Decode(w, r, &f) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := f.config()
	if err == nil {
		err = mayBeAdded(f.Driver)
	}
	if err == nil {
		err = check(s.cfg.Sensors, c)
	}
	if err != nil {
		answer.Fail(w, http.StatusUnprocessableEntity, err)
		return
	}
	err = s.editLocked(r.Context(), func(name string, data []byte) ([]byte, error) {
		data, err := s.withListLocked(name, data)
		if err != nil {
			return nil, err
		}
		return config.AddSensors(name, data, f.block())
	})
	if err != nil {
		s.refuse(w, err, "sensors:\n"+indented(f.block()))
		return
	}
	answer.Status(w, http.StatusCreated, done{s.pathLocked(f.Room, cmp.Or(f.Name, f.Driver)), s.File.State().Path})
}

// withListLocked is a configuration that has a list of sensors: those that are
// built in apply only as long as there is none, and would be gone with the first
// that is added.
func (s *Setup) withListLocked(name string, data []byte) ([]byte, error) {
	if config.HasSensors(data) {
		return data, nil
	}
	var items []string
	for _, c := range s.cfg.Sensors.Sensors {
		items = append(items, Form{Driver: c.Driver, Room: c.Room, Name: c.Name}.block())
	}
	return config.AddSensors(name, data, items...)
}

func indented(block string) string {
	out := ""
	for _, line := range splitLines(block) {
		out += "  " + line + "\n"
	}
	return out
}

// pathLocked is the topic of a sensor.
func (s *Setup) pathLocked(room, name string) string {
	for _, c := range s.Sensors.Configured() {
		if c.Config.Room == room && c.Config.Name == name {
			return c.Path.String()
		}
	}
	return ""
}

// indexLocked returns the place of a sensor in the configuration.
func (s *Setup) indexLocked(room, name string) (int, error) {
	for i, c := range s.cfg.Sensors.Sensors {
		if c.Room == room && cmp.Or(c.Name, c.Driver) == name {
			return i, nil
		}
	}
	return 0, answer.Say("form.none", "there is no sensor {room}/{name} in the configuration", room, name)
}

// change changes a sensor: what the form leaves out stays as it is.
func (s *Setup) change(w http.ResponseWriter, r *http.Request) {
	var f Form
	if !answer.Decode(w, r, &f) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.indexLocked(r.PathValue("room"), r.PathValue("name"))
	if err != nil {
		answer.Fail(w, http.StatusNotFound, err)
		return
	}
	if f.Driver != "" && f.Driver != s.cfg.Sensors.Sensors[i].Driver {
		answer.Fail(w, http.StatusUnprocessableEntity, answer.Say("form.driver", "driver: a sensor keeps its driver; remove it, and add another one"))
		return
	}
	if err := mayBeAdded(s.cfg.Sensors.Sensors[i].Driver); err != nil {
		answer.Fail(w, http.StatusUnprocessableEntity, err)
		return
	}
	f.Driver = ""
	yaml := ""
	err = s.editLocked(r.Context(), func(name string, data []byte) ([]byte, error) {
		data, err := s.withListLocked(name, data)
		for _, kv := range f.settings() {
			if err == nil {
				data, err = config.SetSensor(name, data, i, kv[0], kv[1])
			}
			yaml += kv[0] + ": " + config.Scalar(kv[1]) + "\n"
		}
		return data, err
	})
	if err != nil {
		s.refuse(w, err, yaml)
		return
	}
	after := s.cfg.Sensors.Sensors[i]
	answer.JSON(w, done{s.pathLocked(after.Room, cmp.Or(after.Name, after.Driver)), s.File.State().Path})
}

// remove takes a sensor out of the configuration, and what is retained of it out
// of the tree; with ?history=true what was recorded of it, too.
func (s *Setup) remove(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	room, name := r.PathValue("room"), r.PathValue("name")
	i, err := s.indexLocked(room, name)
	if err != nil {
		answer.Fail(w, http.StatusNotFound, err)
		return
	}
	path := s.pathLocked(room, name)
	if path == "" { // it does not run; "" would be the beginning of other topics
		path = s.cfg.Sensors.WithDefaults(s.Machine.Hostname).Site + "/" + room + "/" + name
	}
	err = s.editLocked(r.Context(), func(name string, data []byte) ([]byte, error) {
		data, err := s.withListLocked(name, data)
		if err != nil {
			return nil, err
		}
		return config.RemoveSensor(name, data, i)
	})
	if err == nil && r.URL.Query().Get("history") == "true" {
		if err = s.DeleteHistory(path); err != nil {
			err = answer.Say("form.history", "the sensor is removed, and its history is not: {why}", err)
		}
	}
	if err != nil {
		s.refuse(w, err, "")
		return
	}
	answer.JSON(w, done{"", s.File.State().Path})
}

// reload reads the file again that somebody else has changed.
func (s *Setup) reload(w http.ResponseWriter, r *http.Request) {
	restart, err := s.Reload(r.Context())
	if err != nil {
		s.refuse(w, err, "")
		return
	}
	answer.JSON(w, struct {
		File    string   `json:"file"`
		Restart []string `json:"restart"` // keys of the configuration that wait for one
	}{s.File.State().Path, nonNil(restart)})
}

// Sensor is the address of a sensor below /api/v1/sensors/.
func Sensor(room, name string) string { return url.PathEscape(room) + "/" + url.PathEscape(name) }
