package driver

import (
	"math"
	"slices"

	"gateway/sensors/reading"
)

// simProfile is a kind of simulated sensor.
type simProfile struct {
	name     string
	channels []Channel
	measure  func(m simMoment, out []float64) // out[i] is the value of channels[i]
}

// The ranges are those of usual chips: SHT4x, BMP280, SCD41, VEML7700, SPS30,
// and of a meter for one phase of 63 A.
var (
	simClimate = []Channel{
		{reading.Temperature, -40, 85, 2},
		{reading.Humidity, 0, 100, 1},
	}
	simOutdoor = []Channel{
		{reading.Temperature, -40, 85, 2},
		{reading.Humidity, 0, 100, 1},
		{reading.Pressure, 300, 1100, 2},
	}
	simCarbonDioxide = []Channel{{reading.CarbonDioxide, 400, 5000, 0}}
	simAir           = []Channel{{reading.PM25, 0, 1000, 1}}
	simLight         = []Channel{{reading.Illuminance, 0, 120_000, 1}}
	simMotion        = []Channel{{reading.Motion, 0, 1, 0}}
	simDoor          = []Channel{{reading.Door, 0, 1, 0}}
	simMains         = []Channel{
		{reading.Power, 0, 14_500, 1},
		{reading.Energy, 0, 1_000_000, 3},
		{reading.Voltage, 0, 300, 1},
		{reading.Current, 0, 63, 3},
	}
)

// simProfiles is the table of profiles, in the order people see.
var simProfiles = []simProfile{
	{"climate", simClimate, simRoom{
		temperature: 20.9, year: 1.8, day: 0.7, warmest: 19, humidity: 44}.measure},
	{"climate_bedroom", simClimate, simRoom{
		temperature: 18.6, year: 2.2, day: 1.2, warmest: 18, humidity: 49}.measure},
	{"climate_kitchen", simClimate, simRoom{
		temperature: 20.6, year: 1.9, day: 0.6, warmest: 19, humidity: 46,
		heat: 1.8, steam: 18, hours: []float64{7.2, 12.5, 18.6}}.measure},
	{"climate_bathroom", simClimate, simRoom{
		temperature: 21.8, year: 1.5, day: 0.5, warmest: 17, humidity: 52,
		heat: 1.4, steam: 34, hours: []float64{7, 21.8}}.measure},
	{"climate_cellar", simClimate, simRoom{
		temperature: 13.4, year: 2.6, day: 0.1, warmest: 20, humidity: 66}.measure},
	{"outdoor", simOutdoor, simMeasureOutdoor},
	{"co2", simCarbonDioxide, simMeasureCO2},
	{"co2_bedroom", simCarbonDioxide, simMeasureBedroomCO2},
	{"air", simAir, simMeasureAir},
	{"light", simLight, simMeasureLight},
	{"daylight", simLight, simMeasureDaylight},
	{"motion", simMotion, simMeasureMotion},
	{"door", simDoor, simMeasureDoor},
	{"power", simMains, simMeasureMains},
}

func simLookup(name string) (simProfile, bool) {
	i := slices.IndexFunc(simProfiles, func(p simProfile) bool { return p.name == name })
	if i < 0 {
		return simProfile{}, false
	}
	return simProfiles[i], true
}

func simProfileNames(profiles []simProfile) []string {
	names := make([]string, len(profiles))
	for i, p := range profiles {
		names[i] = p.name
	}
	return names
}

// simChannels returns the channels of all profiles, each quantity once with
// the widest range and the most decimals of any.
func simChannels(profiles []simProfile) []Channel {
	var all []Channel
	for _, p := range profiles {
		for _, c := range p.channels {
			i := slices.IndexFunc(all, func(a Channel) bool { return a.Quantity == c.Quantity })
			if i < 0 {
				all = append(all, c)
				continue
			}
			all[i].Min = min(all[i].Min, c.Min)
			all[i].Max = max(all[i].Max, c.Max)
			all[i].Decimals = max(all[i].Decimals, c.Decimals)
		}
	}
	return all
}

// simRoom is the climate of a heated room, or of a cellar.
type simRoom struct {
	temperature float64   // mean, °C
	year        float64   // how much warmer it is in summer, °C
	day         float64   // how much warmer it is at the hour warmest, °C
	warmest     float64   // hour of the day
	humidity    float64   // mean, %
	heat, steam float64   // what cooking and showers add, °C and %
	hours       []float64 // when people cook and shower
}

func (r simRoom) measure(m simMoment, out []float64) {
	puffs := m.puffs(1500, r.hours)
	warmer := r.day*m.daily(r.warmest) + 0.4*m.drift(simTemperature, 5*3600)
	out[0] = r.temperature + r.year*m.summer() + warmer + r.heat*puffs +
		0.03*m.jitter(simTemperatureJitter)
	// The same water in warmer air is less relative humidity.
	out[1] = r.humidity + 8*m.summer() - 2.5*warmer + r.steam*puffs +
		4*m.drift(simHumidity, 9*3600) + 0.15*m.jitter(simHumidityJitter)
}

func simMeasureOutdoor(m simMoment, out []float64) {
	day := (1.5 + 4*m.clouds()) * m.daily(15)
	out[0] = 9.5 + 9*m.summer() + day + 5*m.drift(simTemperature, 3*simDay) +
		0.06*m.jitter(simTemperatureJitter)
	out[1] = 74 - 5*m.summer() - 2.6*day + 9*m.drift(simHumidity, simDay) +
		0.3*m.jitter(simHumidityJitter)
	// The air has a tide: highest at ten in the morning and in the evening.
	tide := 0.5 * math.Cos(2*math.Pi*(m.hour()-10)/12)
	out[2] = 1014.5 + tide + 16*m.drift(simPressure, 4*simDay) +
		0.04*m.jitter(simPressureJitter)
}

func simMeasureCO2(m simMoment, out []float64) {
	out[0] = m.carbonDioxide(simMoment.busy, 900)
}

func simMeasureBedroomCO2(m simMoment, out []float64) {
	asleep := func(m simMoment) float64 { return 1 - m.awake() }
	out[0] = m.carbonDioxide(asleep, 1150)
}

// carbonDioxide returns what people breathe out into a room, ppm: rise is what
// they add if all of them stay. The room follows them as a first-order lag,
// filling and airing with a time constant of 80 minutes.
func (m simMoment) carbonDioxide(people func(simMoment) float64, rise float64) float64 {
	const step, constant = 600, 80 * 60 // s
	level, weights := 0.0, 0.0
	for ago := 0.0; ago < 5*constant; ago += step {
		w := math.Exp(-ago / constant)
		level += w * people(m.add(-ago))
		weights += w
	}
	return 440 + rise*level/weights*(1+0.15*m.drift(simCO2, 2*3600)) +
		12*m.drift(simCO2, 1200) + 4*m.jitter(simCO2Jitter)
}

func simMeasureAir(m simMoment, out []float64) {
	out[0] = 6 + 4*m.drift(simPM25, 12*3600) +
		32*m.puffs(2400, []float64{7.2, 12.5, 18.6}) + 0.3*m.jitter(simPM25Jitter)
}

// sky returns the light outside, lx: up to 100,000 at noon, a few hundred in
// twilight, and none at night.
func (m simMoment) sky() float64 {
	sun := m.sun()
	direct := 100_000 * math.Pow(max(sun, 0), 1.2) * m.clouds()
	twilight := 400 * simSmooth(min(max((sun+0.1)/0.2, 0), 1))
	return (direct + twilight) * (1 + 0.01*m.jitter(simLightJitter))
}

func simMeasureDaylight(m simMoment, out []float64) { out[0] = m.sky() }

// simMeasureLight is a room with a window, and a lamp that burns while people
// are there and the window does not give enough.
func simMeasureLight(m simMoment, out []float64) {
	window := 0.012 * m.sky()
	lamp := 0.0
	if m.busy() > 0.5 && window < 60 {
		lamp = 180 * (1 + 0.005*m.jitter(simLightJitter))
	}
	out[0] = window + lamp
}

// simMeasureMotion has bursts of 8 to 50 s. People are in this room for a
// quarter of an hour or so, then in another.
func simMeasureMotion(m simMoment, out []float64) {
	out[0] = simBinary(m.burst(simMotionActive, 75, 8, 50, func(m simMoment) float64 {
		if m.wave(simMotionHere, 1100) < -0.2 {
			return 0.004
		}
		return 0.004 + 0.8*m.busy()
	}))
}

// simMeasureDoor is opened for 5 to 30 s, most of all when people leave and
// when they come home.
func simMeasureDoor(m simMoment, out []float64) {
	const slot = 600 // s
	out[0] = simBinary(m.burst(simDoorActive, slot, 5, 30, func(m simMoment) float64 {
		coming := math.Abs(m.add(slot).away() - m.add(-slot).away())
		return 0.12*m.busy() + 0.8*coming
	}))
}

func simBinary(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
