package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"gateway/bridge"
	"gateway/bridge/link/dial"
	"gateway/cmd/gateway/internal/doctor"
)

// bridgeCommands are for the bridges of a configuration.
func bridgeCommands() []entry {
	return []entry{
		{name: "test", help: "Try whether an upstream does what a bridge needs, and say why not. Also while the gateway runs.", command: &bridgeTestCommand{}},
		{name: "aside", help: "List the messages that upstreams do not take, with the reason, or forget them. Also while the gateway runs.", command: &bridgeAsideCommand{}},
		{name: "presets", help: "List the kinds of upstream that the key preset names, or say what one of them sets.", command: &bridgePresetsCommand{}},
	}
}

type bridgeTestCommand struct {
	configFlag
	Name      []string
	SameID    bool
	Topic     string
	WriteOnly bool
}

func (c *bridgeTestCommand) flags(f *flagSet) {
	c.configFlag.flags(f)
	f.args.StringArrayVar(&c.Name, "NAME", nil, "Bridges to try; default all.")
	f.BoolVar(&c.SameID, "same-id", false, "Use the bridge's own client id, which throws out the running gateway, for upstreams that allow no other. Default: its client id and -test.")
	f.StringVar(&c.Topic, "topic", "", "`TOPIC` upstream to publish to; default one below each route, which ends in gateway-test.")
	f.BoolVar(&c.WriteOnly, "write-only", false, "Do not read back what was published, for upstreams that let us write and not read.")
}

// Run tries the bridges; exit status 0 only if everything that their routes need
// works.
func (c *bridgeTestCommand) Run(ctx context.Context, s streams) error {
	cfg, from, err := c.load()
	if err != nil {
		return err
	}
	chosen, err := chooseBridges(cfg.Bridges, c.Name, from)
	if err != nil {
		return err
	}
	ok := true
	for _, b := range chosen {
		fmt.Fprintf(s.out, "bridge %s\n", b.Name)
		p := bridge.Probe{
			Config: b, Log: slog.New(slog.NewTextHandler(s.err, nil)), SameID: c.SameID, Topic: c.Topic, WriteOnly: c.WriteOnly,
			Report: func(step bridge.Step) { doctor.Print(s.out, []doctor.Finding{bridgeFinding(step)}) },
		}
		ok = p.Run(ctx) && ok
	}
	if !ok {
		return &statusError{err: errors.New("an upstream does not do what the routes need"), status: exitFailure, quiet: true}
	}
	return nil
}

// bridgeFinding says of a step what it is and what to do.
func bridgeFinding(s bridge.Step) doctor.Finding {
	if s.Err == nil {
		return doctor.Finding{Verdict: doctor.Good, About: s.Name, What: s.Detail}
	}
	return doctor.Finding{Verdict: doctor.Bad, About: s.Name, What: s.Detail + ": " + s.Err.Error(), Fix: dial.Explain(s.Err)}
}

// chooseBridges returns those of these names, all without any.
func chooseBridges(all []bridge.Config, names []string, from string) ([]bridge.Config, error) {
	if len(all) == 0 {
		return nil, fmt.Errorf("there are no bridges in the configuration (%s); the key bridges names them", from)
	}
	if len(names) == 0 {
		return all, nil
	}
	var chosen []bridge.Config
	for _, name := range names {
		b, ok := bridgeOf(all, name)
		if !ok {
			return nil, fmt.Errorf("there is no bridge %q in the configuration (%s); %s", name, from, strings.Join(bridgeNames(all), ", "))
		}
		chosen = append(chosen, b)
	}
	return chosen, nil
}

func bridgeOf(all []bridge.Config, name string) (bridge.Config, bool) {
	for _, b := range all {
		if b.Name == name {
			return b, true
		}
	}
	return bridge.Config{}, false
}

func bridgeNames(all []bridge.Config) (names []string) {
	for _, b := range all {
		names = append(names, b.Name)
	}
	return names
}
