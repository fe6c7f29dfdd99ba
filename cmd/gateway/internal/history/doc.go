// Package history records every number of the topic tree and serves what it has:
// ranges for charts, streams for export, the last hour for the page.
//
// It is one more subscriber of the tree. It knows topics, payloads and times; how
// samples are kept on disk is package tsdb, which knows none of these.
//
// # What becomes a series
//
//	home/kitchen/climate {"temperature":21.5}            home/kitchen/climate#temperature
//	tele/plug/SENSOR {"ENERGY":{"Power":[5,7]}}          tele/plug/SENSOR#ENERGY.Power.0, …1
//	node/sensor/attic/state 21.5                         node/sensor/attic/state
//	shellies/plug/relay/0 on                             shellies/plug/relay/0, 1 for on
//
// A topic with a plain number is a series, and so is each number in a JSON payload,
// by the keys that lead to it; '#' cannot stand in a topic. true, ON, open are 1
// and false, OFF, closed are 0, in any case. Numbers in quotes are names rather
// than measurements and are left out, as are keys that count or name messages
// (ids, sequence numbers, times); see leaveOut. Commands, states in words, what is
// retained beside a sensor and Homie's attributes ($…) are no measurements either.
//
// # When it was
//
// A sample has the time that its payload gives, if that can be believed, and
// otherwise that of its arrival: see when.go. What is retained, was there before
// the gateway looked and has no time is not recorded, for nobody knows when it was.
// What was measured before the clock was set is recorded behind everything that
// there is, and moved when the true time is known: see unsynced.go.
package history
