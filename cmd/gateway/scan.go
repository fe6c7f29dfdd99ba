package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/setup"
	"gateway/sensors"
	"gateway/sensors/bus"
	"gateway/sensors/scan"
)

type scanCommand struct {
	configFlag
	Bus   []string
	Room  string
	Write bool
}

func (c *scanCommand) flags(f *flagSet) {
	c.configFlag.flags(f)
	f.StringSliceVar(&c.Bus, "bus", nil, "I²C `BUS` to scan, such as i2c-1; may be given several times. Default: i2c-1, or all but those of cameras, displays and boards' memories.")
	f.StringVar(&c.Room, "room", "new", "The `ROOM` that is written for what was found.")
	f.BoolVar(&c.Write, "write", false, "Add what is certain to the configuration, -c FILE or gateway.yaml.")
}

// Run looks what sensors there are and prints them as a configuration has
// them.
func (c *scanCommand) Run(ctx context.Context, s streams) error {
	return c.scan(ctx, s, scan.Deps{OpenI2C: bus.OpenI2C, Root: bus.Root(), Buses: c.Bus})
}

func (c *scanCommand) scan(ctx context.Context, s streams, deps scan.Deps) error {
	cfg, from, err := c.configured()
	if err != nil {
		return err
	}
	places, scanErr := scan.Scan(ctx, deps)
	known := setup.Configured(cfg.Sensors.WithDefaults(hostname()))
	var names scan.Names
	for _, sc := range known {
		names.Take(sc.Config.Room, sc.Config.Name)
	}
	printPlaces(s.out, places, known)
	var certain, ask []string
	for _, p := range places {
		switch {
		case len(p.Candidates) == 0 || setup.InUse(known, p) >= 0:
		case p.Certain():
			certain = append(certain, p.Block(c.Room, &names))
		default:
			ask = append(ask, p.Block(c.Room, &names))
		}
	}
	if scanErr != nil {
		fmt.Fprintf(s.err, "gateway: not everything could be looked at:\n  %s\n", strings.ReplaceAll(scanErr.Error(), "\n", "\n  "))
	}
	switch {
	case len(certain)+len(ask) == 0:
		fmt.Fprintln(s.out, "\nNothing new to add.")
	case c.Write:
		err = c.add(s.out, from, certain)
		if len(ask) > 0 {
			fmt.Fprintf(s.out, "\nChoose these yourself, under sensors:\n\n%s", indented(ask))
		}
	default:
		fmt.Fprintf(s.out, "\nFor gateway.yaml (--write adds what is certain):\n\nsensors:\n%s", indented(slices.Concat(certain, ask)))
	}
	if err == nil && scanErr != nil {
		return &statusError{err: scanErr, status: exitFailure, quiet: true}
	}
	return err
}

// configured returns the configuration, to see what is in it already; with
// --write also the file to add to, which need not exist.
func (c *scanCommand) configured() (cfg *config.Config, file string, err error) {
	if c.Write && c.Config == "" && findConfig() == "" {
		c.Config = configPaths[0]
	}
	if c.Config != "" {
		if _, err := os.Stat(c.Config); errors.Is(err, fs.ErrNotExist) && c.Write {
			return config.Default(), c.Config, nil
		}
	}
	cfg, file, err = c.load()
	return cfg, file, err
}

func indented(blocks []string) string {
	var b strings.Builder
	for _, block := range blocks {
		for line := range strings.Lines(block) {
			b.WriteString("  " + line)
		}
	}
	return b.String()
}

func printPlaces(out io.Writer, places []scan.Place, known []sensors.Configured) {
	if len(places) == 0 {
		fmt.Fprintln(out, "No sensor was found. gateway doctor says whether I²C, SPI and 1-Wire are on.")
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHERE\tWHAT\t")
	for _, p := range places {
		where := p.Name
		if p.Kind == bus.I2C {
			where = fmt.Sprintf("%s %#02x", p.Name, p.Addr)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", where, what(p), inUse(known, p))
	}
	_ = w.Flush() // an error of out shows in what follows
}

func inUse(known []sensors.Configured, p scan.Place) string {
	if setup.InUse(known, p) >= 0 {
		return "configured"
	}
	return ""
}

// what says what is at a place.
func what(p scan.Place) string {
	switch {
	case p.Kernel != "":
		return fmt.Sprintf("the kernel's driver %s has it; what it measures is found through iio, hwmon or w1", p.Kernel)
	case p.Certain():
		c := p.Candidates[0]
		text := c.Driver.Name
		if c.Model != "" && !strings.EqualFold(c.Model, text) {
			text += ": " + c.Model
		}
		return text
	}
	var names []string
	for _, c := range p.Candidates {
		names = append(names, c.Driver.Name)
	}
	slices.Sort(names)
	return "ask: " + strings.Join(slices.Compact(names), ", ")
}

// add puts blocks into the configuration. It is written beside the old one and
// put in its place, which stays with .old behind its name.
func (c *scanCommand) add(out io.Writer, file string, blocks []string) error {
	if len(blocks) == 0 {
		fmt.Fprintf(out, "\nNothing certain to add to %s.\n", file)
		return nil
	}
	before, err := os.ReadFile(file)
	isNew := errors.Is(err, fs.ErrNotExist)
	if err != nil && !isNew {
		return err
	}
	after, err := config.AddSensors(file, before, blocks...)
	if err != nil {
		return err
	}
	if file, err = config.Write(file, after); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nAdded %d to %s", len(blocks), file)
	if !isNew {
		fmt.Fprintf(out, "; what it was is in %s.old", file)
	}
	fmt.Fprintf(out, ". Give them rooms and names, and restart the gateway.\n")
	return nil
}
