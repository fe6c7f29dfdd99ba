package setup

import (
	"net/http"
	"slices"
	"strings"

	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/sensors/driver"
)

// Driver is the table of a driver, from which the page makes a form.
type Driver struct {
	Name        string    `json:"name"`
	Aliases     []string  `json:"aliases"`
	Title       string    `json:"title"`
	Bus         string    `json:"bus"`
	Addresses   []uint16  `json:"addresses"`
	Pins        []Pin     `json:"pins"`
	Options     []Option  `json:"options"`
	Measures    []Measure `json:"measures"`
	Dynamic     bool      `json:"dynamic"`
	Simulated   bool      `json:"simulated"`
	MinPeriodMS int64     `json:"min_period_ms"`
	Wiring      string    `json:"wiring"`
	Notes       string    `json:"notes"`
	OnlyFile    bool      `json:"only_file"` // the page may not add one
}

// Pin is a GPIO line that a driver needs.
type Pin struct {
	Name     string `json:"name"`
	Doc      string `json:"doc"`
	Optional bool   `json:"optional"`
}

// Option is a setting of a driver.
type Option struct {
	Name     string   `json:"name"`
	Doc      string   `json:"doc"`
	Default  string   `json:"default"`
	Example  string   `json:"example"`
	Type     string   `json:"type"` // text, whole, number, duration or truth
	Required bool     `json:"required"`
	Allowed  []string `json:"allowed"`
	Min      float64  `json:"min"`
	Max      float64  `json:"max"`
}

// Measure is something that a driver measures.
type Measure struct {
	Quantity string `json:"quantity"`
	Unit     string `json:"unit"`
}

// drivers answers with the driver table.
func (s *Setup) drivers(w http.ResponseWriter, _ *http.Request) {
	all := []Driver{}
	for _, d := range driver.All() {
		all = append(all, driverForm(d))
	}
	answer.JSON(w, all)
}

func driverForm(d driver.Driver) Driver {
	f := Driver{
		Name: d.Name, Aliases: nonNil(d.Aliases), Title: d.Title, Bus: string(d.Bus), Addresses: nonNil(d.Addrs),
		Pins: []Pin{}, Options: []Option{}, Measures: []Measure{}, Dynamic: d.Dynamic, Simulated: d.Simulated,
		MinPeriodMS: d.MinPeriod.Milliseconds(), Wiring: strings.TrimSpace(d.Wiring), Notes: strings.TrimSpace(d.Notes),
		OnlyFile: mayBeAdded(d.Name) != nil,
	}
	for _, p := range d.Pins {
		f.Pins = append(f.Pins, Pin(p))
	}
	for _, o := range d.Options {
		f.Options = append(f.Options, Option{o.Name, o.Doc, o.Default, o.Example, optionType(o.Type), o.Required, nonNil(o.Allowed), o.Min, o.Max})
	}
	const most = 12 // of a meter that can measure hundreds of things
	for _, c := range d.Channels[:min(most, len(d.Channels))] {
		f.Measures = append(f.Measures, Measure{string(c.Quantity), c.Quantity.Unit()})
	}
	return f
}

func optionType(t driver.OptionType) string {
	return map[driver.OptionType]string{
		driver.Text: "text", driver.Whole: "whole", driver.Number: "number", driver.Duration: "duration", driver.Truth: "truth",
	}[t]
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// splitLines are the lines of a text that ends with a newline.
func splitLines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return l == "" })
}
