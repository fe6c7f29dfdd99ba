package driver

import (
	"math"
	"time"
)

// simSeed makes numbers that look random and are a function of the seed, of
// what they are for and of an index.
type simSeed uint64

// simStream is what a number is for. Two streams of one seed have nothing to
// do with each other.
type simStream uint64

const (
	simFailStart simStream = iota
	simFailLength
	simWake
	simBed
	simLeave
	simReturn
	simTemperature
	simTemperatureJitter
	simHumidity
	simHumidityJitter
	simPressure
	simPressureJitter
	simSteam
	simCO2
	simCO2Jitter
	simPM25
	simPM25Jitter
	simCloud
	simLightJitter
	simMotionHere
	simMotionActive
	simMotionStart
	simMotionLength
	simDoorActive
	simDoorStart
	simDoorLength
	simVoltage
	simVoltageJitter
	simPowerJitter
	simStandby
	simMeter
	simAppliance // and as many more as there are appliances: keep it last
)

// unit returns the number of stream at i, in [0, 1).
func (s simSeed) unit(stream simStream, i int64) float64 {
	h := simMix(uint64(s))
	h = simMix(h ^ uint64(stream))
	h = simMix(h ^ uint64(i))
	return float64(h>>11) / (1 << 53)
}

// simMix is the step of the generator SplitMix64 (Steele, Lea, Flood: Fast
// splittable pseudorandom number generators, 2014): every bit of x changes
// about half the bits of the result.
func simMix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// simEpoch is 2000-01-01 00:00 UTC in Unix time, s. It was a Saturday.
const simEpoch = 946684800

const simDay = 86400 // s

// simMoment is a moment in the house that a seed stands for.
type simMoment struct {
	seed simSeed
	sec  float64 // since simEpoch, in local standard time; negative before
}

func simAt(seed simSeed, t time.Time, offset float64) simMoment {
	return simMoment{seed, float64(t.Unix()-simEpoch) + float64(t.Nanosecond())/1e9 + offset}
}

// add returns the moment d seconds later.
func (m simMoment) add(d float64) simMoment {
	m.sec += d
	return m
}

// slot cuts time into slots of length seconds and returns the number of the
// one that m lies in and the seconds since its beginning.
func (m simMoment) slot(length float64) (number int64, in float64) {
	n := math.Floor(m.sec / length)
	return int64(n), m.sec - n*length
}

// hour returns the time of the day, 0 to 24.
func (m simMoment) hour() float64 {
	_, in := m.slot(simDay)
	return in / 3600
}

// weekend reports whether it is Saturday or Sunday.
func (m simMoment) weekend() bool {
	day, _ := m.slot(simDay)
	return ((day%7)+7)%7 < 2 // day 0 was a Saturday
}

// daily returns a curve over the day: 1 at the hour peak, -1 twelve hours
// later.
func (m simMoment) daily(peak float64) float64 {
	return math.Cos(2 * math.Pi * (m.hour() - peak) / 24)
}

// summer returns a curve over the year of the northern hemisphere: 1 in the
// warmest days, around 21 July, and -1 half a year later.
func (m simMoment) summer() float64 {
	return math.Cos(2 * math.Pi * (m.sec/simDay - 201) / 365.2425)
}

// sun returns the sine of the sun's elevation at 50° north, negative at
// night:
//
//	sin(elevation) = sin(lat)·sin(decl) + cos(lat)·cos(decl)·cos(hour angle)
func (m simMoment) sun() float64 {
	const lat = 50 * math.Pi / 180
	decl := 23.44 * math.Pi / 180 * math.Cos(2*math.Pi*(m.sec/simDay-171)/365.2425)
	return math.Sin(lat)*math.Sin(decl) + math.Cos(lat)*math.Cos(decl)*m.daily(12)
}

// clouds returns how much of the sun comes through, 0.15 to 1.
func (m simMoment) clouds() float64 {
	return 0.575 + 0.425*m.drift(simCloud, 3*3600)
}

// awake returns how many of the people who live here are awake, 0 to 1.
func (m simMoment) awake() float64 {
	wake, bed := 6.6, 22.6
	if m.weekend() {
		wake, bed = 8.3, 23.2
	}
	h := m.hour()
	return simRamp(h-m.around(wake, simWake)) * simRamp(m.around(bed, simBed)-h)
}

// away returns how many of them are out of the house: at work on weekdays, on
// errands at the weekend.
func (m simMoment) away() float64 {
	leave, back := 8.2, 16.8
	if m.weekend() {
		leave, back = 10.3, 12.2
	}
	h := m.hour()
	return simRamp(h-m.around(leave, simLeave)) * simRamp(m.around(back, simReturn)-h)
}

// busy returns how many of them are in the house and awake.
func (m simMoment) busy() float64 { return m.awake() * (1 - m.away()) }

// around moves an hour by up to 24 minutes, differently every day.
func (m simMoment) around(hour float64, stream simStream) float64 {
	day, _ := m.slot(simDay)
	return hour + 0.8*(m.seed.unit(stream, day)-0.5)
}

// simRamp rises smoothly from 0 to 1 in the 20 minutes that follow x = 0; x is
// in hours.
func simRamp(x float64) float64 { return simSmooth(min(max(3*x, 0), 1)) }

// simSmooth is the polynomial that goes from 0 to 1 with no slope at either
// end.
func simSmooth(x float64) float64 { return x * x * (3 - 2*x) }

// wave returns smooth noise, -1 to 1, that crosses from one random level to
// the next once in period seconds.
func (m simMoment) wave(stream simStream, period float64) float64 {
	i, in := m.slot(period)
	a, b := m.seed.unit(stream, i), m.seed.unit(stream, i+1)
	return 2*(a+(b-a)*simSmooth(in/period)) - 1
}

// drift returns noise as weather has it, -1 to 1: slow waves of the period
// with quicker and smaller ones on them. The periods have no common multiple
// worth the name, so it does not repeat.
func (m simMoment) drift(stream simStream, period float64) float64 {
	return 0.65*m.wave(stream, period) +
		0.25*m.wave(stream, period/math.Pi) +
		0.10*m.wave(stream, period/(4*math.E))
}

// jitter returns noise as a chip has it, -1 to 1: another value every few
// seconds.
func (m simMoment) jitter(stream simStream) float64 { return m.wave(stream, 2.3) }

// puffs returns what is left of short events at about the given hours of every
// day, 0 to 1: each rises within minutes and fades in fade seconds.
func (m simMoment) puffs(fade float64, hours []float64) float64 {
	const rise = 240 // s
	sum := 0.0
	day, in := m.slot(simDay)
	for ago := range int64(2) { // what began yesterday may last past midnight
		for i, hour := range hours {
			shift := 1800 * (m.seed.unit(simSteam, (day-ago)*int64(len(hours))+int64(i)) - 0.5)
			since := in + float64(ago)*simDay - hour*3600 - shift
			if since > 0 {
				sum += (1 - math.Exp(-since/rise)) * math.Exp(-since/fade)
			}
		}
	}
	return min(sum, 1)
}

// burst reports whether m lies in something that happens at most once in slot
// seconds and lasts from shortest to longest seconds. How probable it is at the
// beginning of the slot decides for all of the slot, so that nothing is cut
// short. The streams that follow active say when it begins and how long it
// lasts.
func (m simMoment) burst(active simStream, slot, shortest, longest float64, probability func(simMoment) float64) bool {
	i, in := m.slot(slot)
	if m.seed.unit(active, i) >= probability(m.add(-in)) {
		return false
	}
	length := shortest + (longest-shortest)*m.seed.unit(active+2, i)
	start := (slot - length) * m.seed.unit(active+1, i)
	return start <= in && in < start+length
}
