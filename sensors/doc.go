// Package sensors reads sensors for ever: one goroutine per physical bus,
// aligned ticks that do not drift, and a pipeline from raw values to
// readings. A sensor that fails never stops another; it is retried with
// backoff for as long as the gateway runs, and its status says so.
//
// The package knows drivers and buses, and nothing of MQTT: what it reads
// goes to the functions it is given.
package sensors
