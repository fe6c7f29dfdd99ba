package sensors

import (
	"strconv"
	"time"
)

// Demo returns the sensors of a house that does not exist: site "demo", six
// rooms and fifteen simulated sensors, one of which fails for a minute or two
// in every ten, and one is not heard for so long that it is stale. It needs no
// hardware and no files. The result is the caller's.
func Demo() Config {
	return Config{Site: "demo", Sensors: []SensorConfig{
		demoSensor(1, "living_room", "climate", 5*time.Second, "climate"),
		demoSensor(2, "living_room", "co2", 10*time.Second, "co2"),
		demoSensor(3, "living_room", "light", 2*time.Second, "light"),
		demoSensor(4, "living_room", "motion", 2*time.Second, "motion"),
		demoSensor(5, "living_room", "front_door", 2*time.Second, "door"),
		demoSensor(6, "kitchen", "climate", 5*time.Second, "climate_kitchen"),
		demoSensor(7, "kitchen", "air", 10*time.Second, "air"),
		demoSensor(8, "kitchen", "motion", 2*time.Second, "motion"),
		demoSensor(9, "bedroom", "climate", 5*time.Second, "climate_bedroom"),
		demoSensor(10, "bedroom", "co2", 10*time.Second, "co2_bedroom"),
		demoFailing(demoSensor(11, "bathroom", "climate", 5*time.Second, "climate_bathroom")),
		demoSensor(12, "cellar", "climate", 10*time.Second, "climate_cellar"),
		demoSensor(13, "cellar", "power", 2*time.Second, "power"),
		demoSilent(demoSensor(14, "garden", "weather", 10*time.Second, "outdoor")),
		demoSensor(15, "garden", "light", 5*time.Second, "daylight"),
	}}
}

func demoSensor(seed int, room, name string, interval time.Duration, profile string) SensorConfig {
	return SensorConfig{
		Driver:   "sim",
		Room:     room,
		Name:     name,
		Interval: interval,
		Options:  map[string]string{"profile": profile, "seed": strconv.Itoa(seed)},
	}
}

// demoFailing makes s the sensor on which the demo shows what a fault looks like.
func demoFailing(s SensorConfig) SensorConfig {
	s.Options["fail"] = "sometimes"
	return s
}

// demoSilent makes s the sensor on which the demo shows what stale looks like: it
// has nothing new for longer than it may, and not for so long that it is a fault.
func demoSilent(s SensorConfig) SensorConfig {
	s.Options["fail"] = "silent"
	s.StaleAfter = 2 * time.Minute
	return s
}
