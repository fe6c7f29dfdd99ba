// Package sensors reads sensors for ever: one goroutine per physical bus,
// ticks that do not drift, and a pipeline from raw values to readings. A
// sensor that fails never stops another; it is retried with backoff for as
// long as the gateway runs, and its status says so.
//
//	tick → open if closed → Measure → plausible? → pipeline → policy → Report
//	          └──────── error: again at once, twice; then close and back off
//
// The package knows drivers and buses, and nothing of MQTT: what it reads
// goes to the functions it is given.
//
// # Time
//
// All sensors are read at once when [Sensors.Run] begins. From then on each
// has a grid of ticks one interval apart, spread over the interval so that
// they do not all come together; those closer than 20 ms do, so that the
// processor wakes up once for them. A tick that passes while the bus is busy is
// skipped, never made up for. One that comes too early for the chip
// (MinPeriod) by more than a tenth is skipped, too; less is the ordinary delay
// of the tick before.
//
// A sensor with sample is measured more often than it is published, for its
// filters or because its chip wants to be asked every second: it has a grid of
// measuring, sample, and one of publishing, interval. A sensor that notices by
// itself that there is something, an edge or a message, is measured and
// published when it does, and at its ticks besides.
//
// The time of a reading is when its measurement began, or what the chip says,
// but never later than now. It is never that of publishing, and an old value is
// never published again under a new time.
//
// # Failures
//
// A measurement fails when the driver says so, panics, or returns what its
// chip cannot measure. It is tried again at once, twice, unless it took long:
// others wait for the bus. Then the sensor is closed and opened anew after one
// second, two, four, up to a minute. A bus of which every sensor fails is opened
// anew itself, and loses its power for a moment if there is a switch for that
// ([BusConfig]). [SensorStats] counts failures by what a person would do about
// them.
//
// # Status
//
// A sensor is online after a good reading and for stale_after from then on;
// then it is stale, and after twice that time in fault. One that fails before
// its first good reading is in fault at once. This holds even while a driver
// hangs, because the clock is watched by a goroutine of its own. When Run ends
// every sensor is offline, also those whose driver hangs.
//
// # Pipeline
//
// Each value passes through these stages, in this order whatever the order in
// the configuration. Names and meanings are ESPHome's; what is not there is no
// stage.
//
//	 1  plausible                      what the chip cannot measure is a failure of all values
//	 2  clamp                          bounded by min_value and max_value; with ignore_out_of_range dropped
//	 3  median                         of the last window_size measurements
//	 4  multiply, offset               value × multiply + offset
//	 5  calibrate_linear               a line through two points "measured -> true"; more are joined by
//	                                   lines, the outer ones going on, as with ESPHome's method: exact
//	 6  calibrate_polynomial           of degree, the nearest to datapoints
//	 7  derive                         dew_point, absolute_humidity, sea_level_pressure, of values so far
//	 8  as, unit                       another quantity, and another unit
//	 9  sliding_window_moving_average  mean of the last window_size measurements
//	10  exponential_moving_average     alpha × value + (1 − alpha) × what it was
//	11  round                          digits after the point; default what the chip can tell
//	12  delta, internal                for the policy; internal values are not published
//
// Unlike in ESPHome a window is full of what there is: the first measurement
// passes at once, and how often is published is the policy's business, so there
// is no send_every. A derived quantity has filters of its own under its name,
// from stage 2 on.
//
// A value that is not to be believed is NaN on its way. It stays NaN through
// every stage, is taken into no memory and is left out of the reading; a
// measurement of which nothing is left has failed. After a gap of stale_after in
// a value the memories of its filters are empty.
//
// # Policy
//
// With publish: every each reading of the grid of publishing is published. With
// on_change one is if a value differs from what was published last by its
// delta, has come or gone, or if heartbeat has passed. A heartbeat, too, is a
// reading that was just taken. A reading is current ([Report.StaleAfter]) for
// stale_after, with on_change for heartbeat longer: it stands for all that were
// equal to it. The status is that of measuring.
//
// # Compensation
//
// With compensate_from another sensor tells of the air: its temperature,
// humidity and pressure after calibration, in °C, % and hPa whatever is
// published, as long as it is not stale. Drivers that are compensated get it
// before each measurement, and derived quantities what their own sensor does not
// measure. In circles, too: each gets what the other measured last.
//
// # State
//
// What a driver saves, the total of a counter or the baseline of a gas sensor,
// is a file for each sensor in [Deps.StateFolder], with the driver's name in it:
// a state of another driver is not taken. It is written every five minutes if it
// has changed, when it was set, and at the end, each time beside the old one and
// put in its place: a power cut leaves one of both. A file that is damaged is put
// aside.
//
// # Clock
//
// A board without a battery clock does not know the time until a server tells
// it. Readings of before are marked, with the boot they are of, and
// [Sensors.Correct] gives them their true time once it is known, also after
// restarts. See clock.go.
//
// # Settings
//
// [Sensors.Set] sets what a driver lets be set while it runs, or has a sensor
// read now. It waits until the sensor is between two measurements, and until the
// state is on disk.
//
// # Concurrency
//
// The devices of a bus are coroutines of the bus's goroutine ([iter.Pull]): one
// runs at a time, so drivers hold no locks, and a device that waits, for a
// conversion of its chip or its next tick, lets the others run; see [bus.Wait].
// A transaction or anything else that does not wait with it is not interrupted,
// and a system call that hangs holds its bus, no other. Only a device that is
// alone on its line waits in its Awaiter.
//
// What others want of a device (Set) is put into the line's list of requests and
// done by its goroutine while the device does not measure.
//
// Lock order: a device's lock, or that of one state's file, then the lock of all
// states or of the clock. The functions of [Deps] that are told something are
// called with the device's lock held, so that what they are told comes in order.
// No state is written on the goroutine of a bus: an SD card takes its time.
package sensors
