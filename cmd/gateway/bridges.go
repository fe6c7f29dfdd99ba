package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/bridge"
	"gateway/broker"
	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/history"
)

// buildBridges makes the bridges and has them collect from now on.
func (g *gateway) buildBridges() error {
	g.bridges = g.newBridges(func(m *broker.Message) []byte { return corrected(g.sensors)(m) })
	_, err := g.bridges.change(bridgesOf(g.cfg()))
	return err
}

// bridgesOf returns the bridges of a configuration: where the site is called demo,
// that is what is real.
func bridgesOf(cfg *config.Config) []bridge.Config {
	all := slices.Clone(cfg.Bridges)
	for i := range all {
		all[i].Demo = all[i].Demo || cfg.Sensors.WithDefaults(hostname()).Site == history.Simulated
	}
	return all
}

// bridgeStates returns the bridges as they are.
func (g *gateway) bridgeStates() []bridge.State { return g.bridges.states() }

// bridgeForms returns the bridges as the page has them.
func bridgeForms(states []bridge.State, now time.Time) []dashboard.Bridge {
	var all []dashboard.Bridge
	for _, s := range states {
		age := func(t time.Time) int64 {
			if t.IsZero() {
				return -1
			}
			return bridge.Age(t, now).Milliseconds()
		}
		drain := s.Drain.Milliseconds()
		if s.Drain < 0 {
			drain = -1
		}
		all = append(all, dashboard.Bridge{
			Name: s.Name, Address: s.Address, Connected: s.Connected, SinceMS: age(s.Since), Paused: s.Paused,
			Waiting: s.Queue.Waiting + s.Queue.Unacked, Bytes: s.Queue.Bytes, OldestMS: age(s.Queue.Oldest),
			LastAckMS: age(s.LastAck), Rate: s.Rate, DrainMS: drain,
			Forwarded: s.Forwarded, Received: s.Received, Dropped: s.Queue.Dropped + s.Queue.TooOld,
			SetAside: s.Aside, Error: s.LastError, Help: s.ErrorHelp, ErrorAgeMS: age(s.ErrorTime), RefusedSubs: len(s.Refused),
		})
	}
	return all
}

// bridgeAlarms are what of the bridges needs a person.
func bridgeAlarms(states []bridge.State) (all []string) {
	for _, s := range states {
		if s.Aside > 0 {
			all = append(all, fmt.Sprintf("Bridge %s: %d messages are set aside that the upstream does not take; gateway bridge aside %s tells why.", s.Name, s.Aside, s.Name))
		}
		if n := s.Queue.Dropped; n > 0 {
			all = append(all, fmt.Sprintf("Bridge %s: %d messages were dropped, for what waits has no more room. Raise queue.max_messages or queue.max_bytes, or see why the line is down: %s", s.Name, n, s.LastError))
		}
		if len(s.Refused) > 0 {
			all = append(all, fmt.Sprintf("Bridge %s: the upstream does not let us subscribe to %s.", s.Name, strings.Join(s.Refused, ", ")))
		}
	}
	return all
}
