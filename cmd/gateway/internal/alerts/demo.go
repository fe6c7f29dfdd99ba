package alerts

import "time"

// demoSite is the site of the simulated house, where alerts of its rules are
// published: nothing of it is among what is real.
const demoSite = "demo"

// Demo returns rules for the simulated house, of which one fires at once, one
// now and then, and one in the evening. The result is the caller's.
func Demo() []Rule {
	rule := func(name, value, severity string) Rule {
		r := DefaultRule()
		r.Name, r.Value, r.Severity = name, value, severity
		return r
	}
	limit := func(x float64) *float64 { return &x }
	air := rule("stale-air", "demo/+/co2#carbon_dioxide", Warning)
	air.Above, air.Hysteresis, air.For = limit(1000), 100, 2*time.Minute
	damp := rule("damp-cellar", "demo/cellar/climate#humidity", Info)
	damp.Above, damp.Hysteresis, damp.For = limit(50), 2, 10*time.Second
	silent := rule("silent-sensor", "demo/+/climate", Warning)
	silent.Status = true
	return []Rule{air, damp, silent}
}

// AddDemo adds the rules of the simulated house.
func (a *Alerts) AddDemo() {
	a.given(func(d *Deps) { d.Demo = Demo() })
}

// DropDemo takes the rules of the simulated house away, with their alerts.
func (a *Alerts) DropDemo() {
	a.given(func(d *Deps) { d.Demo = nil })
}
