// Package dashboard is the local page: what every sensor says now, how old
// that is and what is wrong, in any browser that reaches the gateway.
//
// It is one more subscriber of the topic tree. It keeps the newest reading of
// every site/room/sensor in memory, with the last hour in small, and knows
// nothing of chips, buses or MQTT packets.
//
// # What it serves
//
//	/                     the page: static files inside the binary, nothing from elsewhere
//	/api/v1/sensors       what is known now, JSON
//	/api/v1/stream        the same as server-sent events: snapshot, then update, and beat
//	/api/v1/openapi.json  the description of the API, made of the files in openapi
//	/healthz              whether the gateway works, for a watchdog; with ?verbose the figures of this part as text
//
// Other parts have the rest, each with the right that it needs: Handle mounts what
// they answer, and AddFeed what they add to the one stream of a tab.
//
// Each is for whoever has its right, which package access says; the files of the
// page itself are open to all, so that it can ask for the password.
//
// A stream has no queue. It remembers how far into the model's changes it has
// told and at most four times a second tells what changed since: a busy
// sensor is thinned to its newest value, a slow reader delays only itself, and
// one that does not take an event in time is dropped.
//
// Whoever may publish cannot fill the memory, and whoever may look cannot
// either: sensors, values, histories, texts and streams have bounds, and
// /healthz?verbose counts what they left out.
//
// # Age and state
//
// The age of a sensor is that of its last message, whether the value changed
// or not: by the time of measurement in it, or, if it has none that can be
// believed, by its arrival. A retained message without a time that was there before the
// gateway looked has no known age and is never called fresh. Ages travel, not
// times, so that a wrong clock in the browser does no harm.
package dashboard
