// Package health tells machines how the gateway is: /metrics for Prometheus.
//
// It formats what the parts say of themselves and keeps nothing. Metrics have
// the prefix gateway_ and base units, as Prometheus' naming rules want; what is
// not known is left out, so that an old value is never shown as a new one.
package health
