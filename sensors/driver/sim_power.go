package driver

import "math"

// simLoad is an appliance. It runs exactly once in each of its slots and
// always for the same time; only when it begins is a matter of chance. So a
// slot always takes the same energy, and the meter is known for any moment
// without adding up what was before: it goes on over restarts, and agrees with
// the power.
type simLoad struct {
	power    float64 // W
	run      float64 // how long it runs, s
	period   float64 // of its slots, s
	earliest float64 // begin of a run in the slot, s
	latest   float64 // at most period-run
}

const simHour = 3600 // s

var simLoads = []simLoad{
	{power: 95, run: 14 * 60, period: 40 * 60, latest: 26 * 60},                                      // refrigerator
	{power: 60, run: 25 * 60, period: 90 * 60, latest: 65 * 60},                                      // circulation pump
	{power: 2100, run: 170, period: simDay, earliest: 6.6 * simHour, latest: 7.6 * simHour},          // kettle
	{power: 1100, run: 12 * 60, period: simDay, earliest: 7 * simHour, latest: 8 * simHour},          // hair dryer and toaster
	{power: 950, run: 5 * 60, period: simDay, earliest: 12 * simHour, latest: 13 * simHour},          // microwave
	{power: 2100, run: 170, period: simDay, earliest: 15 * simHour, latest: 17.5 * simHour},          // kettle
	{power: 1800, run: 38 * 60, period: simDay, earliest: 17.8 * simHour, latest: 19 * simHour},      // stove
	{power: 190, run: 4.5 * simHour, period: simDay, earliest: 17 * simHour, latest: 18.2 * simHour}, // lamps and television
	{power: 1150, run: 65 * 60, period: simDay, earliest: 20 * simHour, latest: 21.5 * simHour},      // dishwasher
	{power: 1900, run: 20 * 60, period: 3 * simDay, earliest: 9 * simHour, latest: 10 * simHour},     // washing machine heats
	{power: 250, run: 55 * 60, period: 3 * simDay, earliest: 10.5 * simHour, latest: 11 * simHour},   // washing machine turns
}

// standby returns what the house always takes, W: 70 to 120.
func (m simMoment) standby() float64 { return 70 + 50*m.seed.unit(simStandby, 0) }

// run returns the number of load's slot that m lies in, and how long the
// appliance has run in it, s.
func (m simMoment) run(load int) (slot int64, ran float64) {
	l := simLoads[load]
	slot, in := m.slot(l.period)
	begin := l.earliest + (l.latest-l.earliest)*m.seed.unit(simAppliance+simStream(load), slot)
	return slot, min(max(in-begin, 0), l.run)
}

// load returns the power the house takes, W.
func (m simMoment) load() float64 {
	sum := m.standby()
	for i, l := range simLoads {
		if _, ran := m.run(i); 0 < ran && ran < l.run {
			sum += l.power
		}
	}
	return sum
}

// meter returns what the meter shows, kWh: the integral of load since simEpoch
// and what it showed then. Decades before that, where the clock of a board
// without a battery may be for a moment, it shows 0.
func (m simMoment) meter() float64 {
	ws := m.standby() * m.sec
	for i, l := range simLoads {
		slot, ran := m.run(i)
		ws += l.power * (float64(slot)*l.run + ran)
	}
	first := 100 + 900*m.seed.unit(simMeter, 0)
	return max(first+ws/3.6e6, 0)
}

func simMeasureMains(m simMoment, out []float64) {
	power := m.load() * (1 + 0.01*m.jitter(simPowerJitter))
	voltage := 230 + 2.5*m.drift(simVoltage, simHour) - power/2500 + 0.2*m.jitter(simVoltageJitter)
	out[0] = power
	out[1] = m.meter()
	out[2] = voltage
	out[3] = math.Abs(power / voltage)
}
