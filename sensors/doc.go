// Package sensors reads sensors for ever: one goroutine per physical bus,
// ticks that do not drift, and a pipeline from raw values to readings. A
// sensor that fails never stops another; it is retried with backoff for as
// long as the gateway runs, and its status says so.
//
//	tick → open if closed → Measure → plausible? → round → Report
//	          └──────── error: again at once, twice; then close and back off
//
// The package knows drivers and buses, and nothing of MQTT: what it reads
// goes to the functions it is given.
//
// # Time
//
// All sensors are read at once when [Sensors.Run] begins. From then on each
// has a grid of ticks one interval apart, spread over the interval so that
// they do not all come together. A tick that passes while the bus is busy is
// skipped, never made up for. The time of a reading is when its measurement
// began.
//
// # Status
//
// A sensor is online after a good reading and for stale_after from then on;
// then it is stale, and after twice that time in fault. One that fails before
// its first good reading is in fault at once. This holds even while a driver
// hangs, because the clock is watched by a goroutine of its own. An old value
// is never published again under a new time.
//
// # Concurrency
//
// The sensors of a bus are read one after the other on the goroutine of that
// bus. Lock order: a device's lock is the innermost; the functions of [Deps]
// are called with it held, so that what they are told comes in order.
package sensors
