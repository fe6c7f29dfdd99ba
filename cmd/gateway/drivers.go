package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
)

type driversCommand struct {
	Name string `arg:"" optional:"" help:"Describe this driver."`
}

// Run lists the drivers or describes one.
func (c *driversCommand) Run(s streams) error {
	if c.Name == "" {
		return listDrivers(s.out)
	}
	d, ok := driver.Lookup(c.Name)
	if !ok {
		var names []string
		for _, d := range driver.All() {
			names = append(names, d.Name)
		}
		return &statusError{err: fmt.Errorf("there is no driver %q; the drivers are %s", c.Name, strings.Join(names, ", ")), status: exitUsage}
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
	const most = 3
	var names []string
	for _, c := range d.Channels {
		names = append(names, string(c.Quantity))
	}
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func describeDriver(out io.Writer, d driver.Driver) error {
	fmt.Fprintf(out, "%s: %s\n\n", d.Name, d.Title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "bus\t%s\n", d.Bus)
	if len(d.Addrs) > 0 {
		fmt.Fprintf(w, "addresses\t%s\n", addresses(d))
	}
	if d.MinPeriod > 0 {
		fmt.Fprintf(w, "interval\tat least %v\n", d.MinPeriod)
	}
	fmt.Fprintf(w, "datasheet\t%s\n\nMEASURES\tUNIT\tFROM\tTO\n", d.Datasheet)
	for _, c := range d.Channels {
		fmt.Fprintf(w, "%s\t%s\t%v\t%v\n", c.Quantity, orDash(c.Quantity.Unit()), c.Min, c.Max)
	}
	if len(d.Options) > 0 {
		fmt.Fprint(w, "\nOPTION\tDEFAULT\tMEANING\n")
	}
	for _, o := range d.Options {
		doc := o.Doc
		if o.Allowed != nil {
			doc += " (" + strings.Join(o.Allowed, ", ") + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", o.Name, orDash(o.Default), doc)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nIn gateway.yaml:\n\n%s", exampleYAML(d))
	return nil
}

// exampleYAML is a configuration of one sensor with this driver.
func exampleYAML(d driver.Driver) string {
	var b strings.Builder
	b.WriteString("sensors:\n")
	fmt.Fprintf(&b, "  - driver: %s\n    room: kitchen\n    name: %s\n", d.Name, d.Name)
	switch d.Bus {
	case bus.I2C:
		b.WriteString("    bus: i2c-1\n")
		if len(d.Addrs) > 0 {
			fmt.Fprintf(&b, "    address: %#02x\n", d.Addrs[0])
		}
	case bus.OneWire:
		b.WriteString("    # id: 28-0316a2795cff   (needed if there are several)\n")
	}
	fmt.Fprintf(&b, "    interval: %v\n", max(10*time.Second, d.MinPeriod))
	for i, o := range d.Options {
		if i == 0 {
			b.WriteString("    options:\n")
		}
		fmt.Fprintf(&b, "      %s: %q\n", o.Name, o.Default)
	}
	return b.String()
}
