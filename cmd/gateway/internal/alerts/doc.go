// Package alerts tells when a value needs a person: it is beyond a limit for too
// long, or it does not come any more.
//
// It is one more subscriber of the topic tree. A [Rule] names a value, and what
// may not happen to it; with wildcards in the topic one rule is for many values,
// each of which has an alert of its own. Rules come from gateway.yaml and from
// the page, which keeps its own in a file.
//
// # What is published
//
// Retained, when it changes, below a level that is no room:
//
//	<site>/alerts/<rule>[/<topic>]/state    on, off
//	<site>/alerts/<rule>[/<topic>]/detail   {"state":"firing","since":"…Z","reason":"above","value":31.2,"limit":30,…}
//	<site>/alerts/<rule>[/<topic>]/ack      on or off, from anybody who may publish there
//
// <topic> is there if the rule has wildcards. Four levels and more, so that
// nobody takes them for readings of a site/room/sensor.
//
// # When an alert fires and when it ends
//
//	      value beyond the limit                   … for as long as `for`
//	ok ───────────────────────────▶ pending ──────────────────────────────▶ firing ◀──┐
//	 ▲ ▲                               │                                    ▲  │      │ not over
//	 │ └───────────────────────────────┘     no value for `missing`,        │  │ over │ after all
//	 │   value not beyond it any more        or the sensor says so ─────────┘  ▼      │
//	 └───────────────────────────────────────────────────────────────────── clearing ─┘
//	                                            … for as long as `clear_for`
//
// An alert above a limit is over when the value is at or below the limit less
// the hysteresis; in between it stays what it is, so that a value near the limit
// does not make it flap. While it is pending, in between is not beyond. An alert
// about a value that is missing is over when the value is there again.
//
// A firing alert whose reason becomes another one (above, then missing) goes on
// firing, is told of again, and is no longer acknowledged. A person's
// acknowledgement changes nothing else, and ends with the alert.
//
// # Which values count
//
// The newest, by the time of measurement in the payload, or else by arrival: a
// sample that is older than one that was there changes nothing, so that late
// messages neither fire nor clear. When nothing but older ones has come for
// [lateIsClock], the sensor's clock was set, and they count. A time that is ahead
// of ours, or that says it is unsynced, is not believed.
//
// What is retained when the gateway looks for the first time is what the tree
// says now, however old: it counts, and `for` begins with it. How old it is
// decides whether it is missing. Simulated values count like others, and the
// alert says so.
//
// All durations are of a clock that nobody can set. When the clock of the wall is
// set, nothing fires or clears for it, and times of this run are corrected.
//
// # What outlives a restart
//
// Alerts that fire, acknowledgements, which values a rule with wildcards has, and
// the last [maxEvents] events, in a file that is written when one of them
// changes. A restart is told to nobody: what fires goes on firing since when it
// did. While the gateway was down nothing could be heard, so that this time does
// not count for `missing`: it begins again with the start, less what was silence
// before a stop in good order, and at least [grace]. A pending alert begins again.
//
// # Bounds
//
// [maxRules] rules, [maxPerRule] values of one rule, [maxValues] of all; a value
// beyond has no alert, is counted, and said once.
package alerts
