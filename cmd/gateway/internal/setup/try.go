package setup

import (
	"context"
	"net/http"
	"time"

	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/sensors"
	"gateway/sensors/reading"
)

// tryTime bounds a trial: chips that measure by themselves take up to half a
// minute for their first value.
const tryTime = 40 * time.Second

// Tried is what came of a trial.
type Tried struct {
	OK     bool    `json:"ok"`
	TookMS int64   `json:"took_ms"`
	Values []Value `json:"values"`
	// Of one that failed: what the driver said, and what kind of failure that is
	// (nack, timeout, busy, permission, absent, implausible, panic or other), by
	// which the page says what to check.
	Error string `json:"error"`
	Class string `json:"class"`
	Where string `json:"where"`
}

// Value is a number with its unit.
type Value struct {
	Quantity string  `json:"quantity"`
	Title    string  `json:"title"`
	Unit     string  `json:"unit"`
	Decimals int     `json:"decimals"`
	Number   float64 `json:"number"`
	Binary   bool    `json:"binary"`
}

// try reads a sensor that is not configured, once.
func (s *Setup) try(w http.ResponseWriter, r *http.Request) {
	var f Form
	if !answer.Decode(w, r, &f) {
		return
	}
	if f.Room == "" { // it is not known yet
		f.Room, f.Name = "new", "trial"
	}
	s.mu.Lock()
	known := s.cfg.Sensors
	s.mu.Unlock()
	c, err := f.config()
	if err == nil {
		err = mayBeAdded(f.Driver)
	}
	if err == nil {
		err = check(known, c)
	}
	if err != nil {
		answer.Fail(w, http.StatusUnprocessableEntity, err)
		return
	}
	s.probing.Lock()
	defer s.probing.Unlock()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(tryTime + 20*time.Second)) // longer than other answers
	ctx, cancel := context.WithTimeout(r.Context(), tryTime)
	defer cancel()
	began := time.Now()
	answer.JSON(w, tried(s.Sensors.Try(ctx, known.Site, c), c, time.Since(began)))
}

func tried(r sensors.Result, c sensors.SensorConfig, took time.Duration) Tried {
	full := sensors.Config{Sensors: []sensors.SensorConfig{c}}.WithDefaults("x").Sensors[0]
	t := Tried{OK: r.Err == nil, TookMS: took.Milliseconds(), Values: []Value{}, Where: where(r.Driver, full)}
	if r.Err != nil {
		t.Error, t.Class = r.Err.Error(), sensors.ErrorClass(r.Err)
		return t
	}
	for _, v := range r.Reading.Values {
		t.Values = append(t.Values, valueForm(v))
	}
	return t
}

func valueForm(v reading.Value) Value {
	info, _ := v.Quantity.Info()
	return Value{string(v.Quantity), info.Title, info.Unit, info.Decimals, v.Number, info.Binary}
}
