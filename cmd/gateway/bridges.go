package main

import (
	"slices"
	"strings"
	"time"

	"gateway/bridge"
	"gateway/broker"
	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/answer"
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
			Name: s.Name, Address: s.Address, Connected: s.Connected, SinceMS: age(s.Since), Paused: s.Paused, PausedSaid: pausedSaid(s.Paused),
			Waiting: s.Queue.Waiting + s.Queue.Unacked, Bytes: s.Queue.Bytes, OldestMS: age(s.Queue.Oldest),
			LastAckMS: age(s.LastAck), Rate: s.Rate, DrainMS: drain,
			Forwarded: s.Forwarded, Received: s.Received, Dropped: s.Queue.Dropped + s.Queue.TooOld,
			SetAside: s.Aside, Error: s.LastError, Help: s.ErrorHelp, ErrorAgeMS: age(s.ErrorTime), RefusedSubs: len(s.Refused),
		})
	}
	return all
}

// pausedSaid returns why there is no connection by plan, with words for the page;
// nil if there is to be one.
func pausedSaid(why string) *answer.Failure {
	var said answer.Failure
	switch why {
	case "":
		return nil
	case bridge.OutsideWindows:
		said = answer.FailureOf(answer.Say("bridge.windows", "outside of windows"))
	case bridge.BudgetUsed:
		said = answer.FailureOf(answer.Say("bridge.budget", "daily_bytes is used up"))
	case bridge.TooFewWait:
		said = answer.FailureOf(answer.Say("bridge.lazy", "less waits than lazy_messages"))
	default:
		said.Error = why
	}
	return &said
}

// bridgeAlarms are what of the bridges needs a person.
func bridgeAlarms(states []bridge.State) (all []error) {
	for _, s := range states {
		if s.Aside > 0 {
			all = append(all, answer.Say("alarm.aside", "Bridge {name}: {n} messages are set aside that the upstream does not take; gateway bridge aside {name} tells why.", s.Name, s.Aside))
		}
		if n := s.Queue.Dropped; n > 0 {
			all = append(all, answer.Say("alarm.dropped", "Bridge {name}: {n} messages were dropped, for what waits has no more room. Raise queue.max_messages or queue.max_bytes, or see why the line is down: {why}", s.Name, n, s.LastError))
		}
		if len(s.Refused) > 0 {
			all = append(all, answer.Say("alarm.refused", "Bridge {name}: the upstream does not let us subscribe to {filters}.", s.Name, strings.Join(s.Refused, ", ")))
		}
	}
	return all
}
