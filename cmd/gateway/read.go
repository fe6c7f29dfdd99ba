package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"gateway/sensors"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// readTimeout is how long reading every sensor once may take.
const readTimeout = time.Minute

type readCommand struct {
	configFlag
	JSON  bool
	Raw   bool
	Names []string
}

func (c *readCommand) flags(f *flagSet) {
	c.configFlag.flags(f)
	f.BoolVar(&c.JSON, "json", false, "Print one line of JSON per sensor, as it would be published.")
	f.BoolVar(&c.Raw, "raw", false, "Also print what was measured before any filter, and every transaction on I²C and SPI.")
	f.args.StringArrayVar(&c.Names, "NAME", nil, "Only sensors of this name, driver, room or topic.")
}

// Run reads the sensors once, in place of a running gateway.
func (c *readCommand) Run(ctx context.Context, s streams) error {
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	chosen, err := c.choose(cfg.Sensors.WithDefaults(hostname()))
	if err != nil {
		return err
	}
	deps := sensors.Deps{Log: slog.New(slog.DiscardHandler)}
	if c.Raw {
		deps.OpenI2C, deps.OpenSPI = traced(s.err)
	}
	all, err := sensors.New(chosen, deps)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	failed := 0
	for _, r := range all.ReadOnce(ctx) {
		if r.Err != nil {
			failed++
			fmt.Fprintf(s.err, "%s: %v\n", r.Path, r.Err)
			continue
		}
		fmt.Fprintln(s.out, c.line(r))
		if c.Raw {
			fmt.Fprintln(s.out, rawLine(r))
		}
	}
	if failed > 0 {
		return &statusError{err: errors.New("not every sensor could be read"), status: exitFailure, quiet: true}
	}
	return nil
}

// choose returns the configuration with the sensors that were named, all of
// them if none was, and those that they are compensated by.
func (c *readCommand) choose(cfg sensors.Config) (sensors.Config, error) {
	if len(c.Names) == 0 {
		return cfg, nil
	}
	found := make(map[string]bool)
	chosen := cfg.Only(func(s sensors.SensorConfig) (named bool) {
		for _, name := range c.Names {
			if slices.Contains(namesOf(cfg.Site, s), name) {
				found[name], named = true, true
			}
		}
		return named
	})
	for _, name := range c.Names {
		if !found[name] {
			return cfg, &statusError{err: fmt.Errorf("no configured sensor has the name, driver, room or topic %q", name), status: exitUsage}
		}
	}
	return chosen, nil
}

// namesOf is what a person may call a sensor.
func namesOf(site string, s sensors.SensorConfig) []string {
	place := s.Room + "/" + s.Name
	all := []string{s.Name, s.Driver, s.Room, place, site + "/" + place}
	if d, ok := driver.Lookup(s.Driver); ok {
		all = append(all, d.Name) // s.Driver may be an alias
	}
	return all
}

func (c *readCommand) line(r sensors.Result) string {
	if c.JSON {
		topic, _ := json.Marshal(r.Path.String()) // a string can always be encoded
		if payload, err := r.Reading.AppendPayload(nil); err == nil {
			return fmt.Sprintf(`{"topic":%s,%s`, topic, payload[1:])
		}
	}
	parts := []string{r.Path.String()}
	for _, v := range r.Reading.Values {
		parts = append(parts, string(v.Quantity)+" "+withUnit(v))
	}
	if r.Reading.Simulated {
		parts = append(parts, "(simulated)")
	}
	return strings.Join(parts, "  ")
}

// rawLine is what was measured before any filter, to the last digit.
func rawLine(r sensors.Result) string {
	parts := []string{"    raw"}
	for _, v := range r.Raw {
		parts = append(parts, string(v.Quantity)+" "+withUnit(v))
	}
	return strings.Join(parts, "  ")
}

func withUnit(v reading.Value) string {
	n := string(reading.AppendNumber(nil, v.Number))
	if unit := v.Quantity.Unit(); unit != "" {
		return n + " " + unit
	}
	return n
}

// hostname returns the name of this machine, "" if it has none.
func hostname() string {
	h, err := os.Hostname()
	if err != nil {
		return ""
	}
	return h
}
