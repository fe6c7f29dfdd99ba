// Package health tells machines how the gateway is: /metrics for Prometheus,
// /healthz for whoever restarts what is unwell, and systemd by its notify socket and
// its watchdog.
//
// It formats what the parts say of themselves and keeps nothing.
//
// # Metrics
//
// They have the prefix gateway_ and base units, as Prometheus' naming rules want,
// but for process_ and go_, which have the names that its own client libraries give
// them, so that dashboards which exist show this process, too. What is not known is
// left out, so that an old value is never shown as a new one: a sensor that is stale
// keeps its state, and its values are gone. promtool check metrics has nothing to
// say about the real gateway's; a test holds it.
//
// What sensors measure is one metric, gateway_sensor_value, with quantity and unit
// as labels, and not one for each quantity in its base unit: any device may publish
// any quantity, names and help texts of metrics are to be known beforehand, and a
// number is to be the same on the page, in MQTT and in Grafana (hPa, not Pa).
// ESPHome's exporter does so, too.
//
// The format is written by hand. It is a page of text, and the client library of
// Prometheus would add 2.7 MB to the binary for an ARMv6 board for it.
package health
