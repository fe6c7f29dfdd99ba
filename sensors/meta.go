package sensors

import (
	"math"

	"gateway/sensors/reading"
)

// meta is what does not change from reading to reading.
func (d *device) meta() reading.Meta {
	m := reading.Meta{
		Driver: d.driver.Name, Title: d.driver.Title, Simulated: d.driver.Simulated,
		Interval: d.cfg.Interval.Seconds(), StaleAfter: d.cfg.StaleAfter.Seconds(), Heartbeat: d.policy.heartbeat.Seconds(),
		Values: make(map[reading.Quantity]reading.Axis),
	}
	for i, c := range d.pipeline.channels {
		if c.internal {
			continue
		}
		info, known := c.published.Info()
		axis := reading.Axis{Title: info.Title, Unit: info.Unit, Class: info.Class, Decimals: max(c.decimals, 0), Counter: info.Counter, Binary: info.Binary}
		if !known {
			axis.Title = string(c.published)
		}
		if i < len(d.channels) && c.published == c.measured {
			axis.Min, axis.Max = bound(d.channels[i].Min), bound(d.channels[i].Max)
		}
		m.Values[c.published] = axis
	}
	for _, s := range d.driver.Settings {
		if m.Settings == nil {
			m.Settings = make(map[string][2]float64)
		}
		m.Settings[s.Name] = [2]float64{s.Min, s.Max}
	}
	return m
}

// bound is a bound that there is.
func bound(x float64) *float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}
