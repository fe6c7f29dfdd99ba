package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"gateway/cmd/gateway/internal/config"
	"gateway/sensors"
	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

type driversCommand struct {
	Name string
}

func (c *driversCommand) flags(f *flagSet) {
	f.args.StringVar(&c.Name, "NAME", "", "Describe this driver.")
}

// Run lists the drivers or describes one.
func (c *driversCommand) Run(_ context.Context, s streams) error {
	if c.Name == "" {
		return listDrivers(s.out)
	}
	d, ok := driver.Lookup(c.Name)
	if !ok {
		var names []string
		for _, d := range driver.All() {
			names = append(append(names, d.Name), d.Aliases...)
		}
		hint := "gateway drivers lists them"
		if near := config.Nearest(c.Name, names); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		return &statusError{err: fmt.Errorf("there is no driver %q; %s", c.Name, hint), status: exitUsage}
	}
	return describeDriver(s.out, d)
}

func listDrivers(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DRIVER\tBUS\tADDRESSES\tMEASURES\tTITLE")
	for _, d := range driver.All() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", d.Name, d.Bus, orDash(addresses(d)), measures(d), d.Title)
	}
	return w.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func addresses(d driver.Driver) string {
	var all []string
	for _, a := range d.Addrs {
		all = append(all, fmt.Sprintf("%#02x", a))
	}
	return strings.Join(all, " ")
}

// measures names the first few quantities of a driver.
func measures(d driver.Driver) string {
	const most, anything = 3, 40
	if d.Dynamic && len(d.Channels) > anything {
		return "what you configure"
	}
	var names []string
	for _, c := range d.Channels {
		if q := string(c.Quantity.Base()); !slices.Contains(names, q) {
			names = append(names, q)
		}
	}
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func describeDriver(out io.Writer, d driver.Driver) error {
	fmt.Fprintf(out, "%s: %s\n\n", d.Name, d.Title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	describePlace(w, d)
	fmt.Fprintf(w, "datasheet\t%s\n", d.Datasheet)
	what := "MEASURES"
	if d.Dynamic {
		what = "MEASURES, AS CONFIGURED"
	}
	fmt.Fprintf(w, "\n%s\tUNIT\tFROM\tTO\tDECIMALS\n", what)
	for _, c := range d.Channels {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", c.Quantity, orDash(c.Quantity.Unit()), decimal(c.Min), decimal(c.Max), c.Decimals)
	}
	describeOptions(w, d)
	if len(d.Settings) > 0 {
		fmt.Fprint(w, "\nSET WHILE IT RUNS\tFROM\tTO\tMEANING\n")
	}
	for _, o := range d.Settings {
		fmt.Fprintf(w, "site/room/sensor/set/%s\t%s\t%s\t%s\n", o.Name, decimal(o.Min), decimal(o.Max), o.Doc)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, text := range []struct{ title, text string }{{"Wiring", d.Wiring}, {"Good to know", d.Notes}} {
		if text.text != "" {
			fmt.Fprintf(out, "\n%s:\n  %s\n", text.title, strings.ReplaceAll(strings.TrimSpace(text.text), "\n", "\n  "))
		}
	}
	_, err := fmt.Fprintf(out, "\nIn gateway.yaml:\n\n%s", exampleYAML(d))
	return err
}

// describePlace says where the chip is attached, and how often it is read.
func describePlace(w io.Writer, d driver.Driver) {
	if len(d.Aliases) > 0 {
		fmt.Fprintf(w, "also\t%s\n", strings.Join(d.Aliases, ", "))
	}
	fmt.Fprintf(w, "bus\t%s\n", d.Bus)
	if len(d.Addrs) > 0 {
		fmt.Fprintf(w, "addresses\t%s\n", addresses(d))
	}
	for _, p := range d.Pins {
		optional := ""
		if p.Optional {
			optional = " Optional."
		}
		fmt.Fprintf(w, "pin %s\t%s%s\n", p.Name, p.Doc, optional)
	}
	if m := d.Serial; m.Baud > 0 {
		fmt.Fprintf(w, "serial\t%d Bd, %d data bits, parity %s, %d stop bits\n", m.Baud, cmp.Or(m.DataBits, 8), cmp.Or(m.Parity, "none"), cmp.Or(m.StopBits, 1))
	}
	if d.MinPeriod > 0 {
		fmt.Fprintf(w, "interval\tat least %v\n", d.MinPeriod)
	}
	if d.Sample > 0 {
		fmt.Fprintf(w, "sample\tmeasures every %v, whatever the interval of publishing\n", d.Sample)
	}
}

func describeOptions(w io.Writer, d driver.Driver) {
	if len(d.Options) > 0 {
		fmt.Fprint(w, "\nOPTION\tDEFAULT\tMEANING\n")
	}
	for _, o := range d.Options {
		doc := o.Doc
		switch {
		case o.Allowed != nil:
			doc += " (" + strings.Join(o.Allowed, ", ") + ")"
		case o.Type == driver.Duration && (o.Min != 0 || o.Max != 0):
			doc += fmt.Sprintf(" (%v to %v)", seconds(o.Min), seconds(o.Max))
		case o.Min != 0 || o.Max != 0:
			doc += fmt.Sprintf(" (%s to %s)", decimal(o.Min), decimal(o.Max))
		}
		def := o.Default
		if strings.Contains(def, "\n") {
			def = "see below"
		}
		if o.Required {
			def = "required"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", o.Name, orDash(def), doc)
	}
}

// decimal writes a number as people do, without an exponent.
func decimal(x float64) string { return string(reading.AppendNumber(nil, x)) }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// exampleYAML is a configuration of one sensor with this driver, which can be
// used as it stands but for what nobody but its owner knows.
func exampleYAML(d driver.Driver) string {
	var b strings.Builder
	b.WriteString("sensors:\n")
	fmt.Fprintf(&b, "  - driver: %s\n    room: kitchen\n    name: %s\n", d.Name, d.Name)
	switch d.Bus {
	case bus.I2C:
		fmt.Fprintf(&b, "    bus: i2c-1\n    address: %#02x\n", d.Addrs[0])
	case bus.SPI:
		b.WriteString("    bus: spi0.0\n")
	case bus.OneWire:
		b.WriteString("    # id: 28-0316a2795cff   (needed if there are several)\n")
	case bus.GPIO:
		b.WriteString(examplePins(d))
	case bus.Serial:
		b.WriteString("    port: /dev/ttyUSB0\n")
	case bus.Modbus:
		b.WriteString("    port: /dev/ttyUSB0   # or tcp://host:502\n    unit_id: 1\n")
	}
	fmt.Fprintf(&b, "    interval: %v\n", max(sensors.DefaultInterval, d.MinPeriod))
	for i, o := range d.Options {
		if i == 0 {
			b.WriteString("    options:\n")
		}
		value := cmp.Or(o.Default, o.Example)
		if value == "" {
			fmt.Fprintf(&b, "      # %s: \"\"\n", o.Name)
			continue
		}
		fmt.Fprintf(&b, "      %s: %q\n", o.Name, value)
	}
	return b.String()
}

func examplePins(d driver.Driver) string {
	if len(d.Pins) == 1 {
		return "    pin: GPIO17\n"
	}
	var b strings.Builder
	b.WriteString("    pins:\n")
	for i, p := range d.Pins {
		fmt.Fprintf(&b, "      %s: GPIO%d\n", p.Name, 23+i)
	}
	return b.String()
}
