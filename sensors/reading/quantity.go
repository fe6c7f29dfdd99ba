package reading

import (
	"fmt"
	"slices"
	"strings"
)

// Quantity is what a value measures. It is the key in the payload, in
// configuration, in metrics and on the page, and it fixes the unit: a
// temperature is always in °C. The names are Home Assistant's device classes
// where it has one.
//
// A sensor that measures one quantity several times says which with a part
// behind it: voltage_l1, acceleration_x, temperature_2. See [Quantity.Of].
type Quantity string

// The quantities the gateway knows. A payload from elsewhere may hold others;
// they travel and show without a unit.
const (
	// Air and weather.
	Temperature      Quantity = "temperature"
	Humidity         Quantity = "humidity"
	Pressure         Quantity = "pressure"
	DewPoint         Quantity = "dew_point"
	AbsoluteHumidity Quantity = "absolute_humidity"
	SeaLevelPressure Quantity = "sea_level_pressure"
	CarbonDioxide    Quantity = "carbon_dioxide"
	ECO2             Quantity = "carbon_dioxide_equivalent" // estimated from other gases
	VOCParts         Quantity = "volatile_organic_compounds_parts"
	VOCIndex         Quantity = "voc_index"
	NOxIndex         Quantity = "nox_index"
	GasResistance    Quantity = "gas_resistance"
	AQI              Quantity = "aqi"
	PM1              Quantity = "pm1"
	PM25             Quantity = "pm25"
	PM4              Quantity = "pm4"
	PM10             Quantity = "pm10"
	Particles        Quantity = "particles" // by size: particles_0_3um
	Moisture         Quantity = "moisture"
	Illuminance      Quantity = "illuminance"
	UVIndex          Quantity = "uv_index"
	Rain             Quantity = "precipitation"
	RainRate         Quantity = "precipitation_intensity"
	WindSpeed        Quantity = "wind_speed"
	WindDirection    Quantity = "wind_direction"
	Battery          Quantity = "battery"
	SignalStrength   Quantity = "signal_strength"

	// Electricity and other meters.
	Voltage        Quantity = "voltage"
	Current        Quantity = "current"
	Power          Quantity = "power"
	ApparentPower  Quantity = "apparent_power"
	ReactivePower  Quantity = "reactive_power"
	PowerFactor    Quantity = "power_factor"
	Frequency      Quantity = "frequency"
	Energy         Quantity = "energy"
	ReactiveEnergy Quantity = "reactive_energy"
	Resistance     Quantity = "resistance"
	Tariff         Quantity = "tariff"
	Water          Quantity = "water"
	Gas            Quantity = "gas"
	Flow           Quantity = "volume_flow_rate"
	Count          Quantity = "count"
	Rate           Quantity = "rate"
	Failures       Quantity = "failures"
	LostEdges      Quantity = "lost_edges" // of a GPIO line, that the kernel had no room for
	Age            Quantity = "age"        // of another value: age_gas

	// Motion and mechanics.
	Acceleration    Quantity = "acceleration"
	AngularVelocity Quantity = "angular_velocity"
	Distance        Quantity = "distance"
	Weight          Quantity = "weight"
	FanSpeed        Quantity = "fan_speed"

	// Two states.
	Motion       Quantity = "motion"
	Door         Quantity = "door"
	State        Quantity = "state"
	Problem      Quantity = "problem"
	UnderVoltage Quantity = "under_voltage"
	Window       Quantity = "window"
	Leak         Quantity = "leak"
	Smoke        Quantity = "smoke"
	Vibration    Quantity = "vibration"
	Throttled    Quantity = "throttled" // a processor that is kept slow

	// A number whose meaning its owner knows.
	Raw Quantity = "raw"

	// Of this machine.
	CPUUsage        Quantity = "cpu_usage"
	Load            Quantity = "load"
	MemoryUsed      Quantity = "memory_used"
	MemoryAvailable Quantity = "memory_available"
	DiskUsed        Quantity = "disk_used"
	DiskFree        Quantity = "disk_free"
	Received        Quantity = "received"
	Sent            Quantity = "sent"
	Uptime          Quantity = "uptime"
)

// Info describes a Quantity to people and to other systems.
type Info struct {
	Title    string // "Temperature"
	Unit     string // "°C", as Home Assistant writes it; "" for a plain number
	Decimals int    // digits after the point worth showing
	Class    string // Home Assistant device_class, "" if it has none
	Counter  bool   // only grows, but for restarts: Home Assistant's total_increasing
	Binary   bool   // 0 or 1; Class is one of Home Assistant's binary_sensor then
}

var infos = map[Quantity]Info{
	Temperature:      {Title: "Temperature", Unit: "°C", Decimals: 1, Class: "temperature"},
	Humidity:         {Title: "Humidity", Unit: "%", Decimals: 1, Class: "humidity"},
	Pressure:         {Title: "Pressure", Unit: "hPa", Decimals: 1, Class: "atmospheric_pressure"},
	DewPoint:         {Title: "Dew point", Unit: "°C", Decimals: 1, Class: "temperature"},
	AbsoluteHumidity: {Title: "Absolute humidity", Unit: "g/m³", Decimals: 1, Class: "absolute_humidity"},
	SeaLevelPressure: {Title: "Sea-level pressure", Unit: "hPa", Decimals: 1, Class: "atmospheric_pressure"},
	CarbonDioxide:    {Title: "CO₂", Unit: "ppm", Class: "carbon_dioxide"},
	ECO2:             {Title: "CO₂ equivalent", Unit: "ppm", Class: "carbon_dioxide"},
	VOCParts:         {Title: "VOC", Unit: "ppb", Class: "volatile_organic_compounds_parts"},
	VOCIndex:         {Title: "VOC index"},
	NOxIndex:         {Title: "NOx index"},
	GasResistance:    {Title: "Gas resistance", Unit: "Ω"},
	AQI:              {Title: "Air quality index", Class: "aqi"},
	PM1:              {Title: "PM1", Unit: "µg/m³", Decimals: 1, Class: "pm1"},
	PM25:             {Title: "PM2.5", Unit: "µg/m³", Decimals: 1, Class: "pm25"},
	PM4:              {Title: "PM4", Unit: "µg/m³", Decimals: 1, Class: "pm4"},
	PM10:             {Title: "PM10", Unit: "µg/m³", Decimals: 1, Class: "pm10"},
	Particles:        {Title: "Particles", Unit: "/dL"},
	Moisture:         {Title: "Moisture", Unit: "%", Decimals: 1, Class: "moisture"},
	Illuminance:      {Title: "Illuminance", Unit: "lx", Class: "illuminance"},
	UVIndex:          {Title: "UV index", Decimals: 1},
	Rain:             {Title: "Precipitation", Unit: "mm", Decimals: 1, Class: "precipitation", Counter: true},
	RainRate:         {Title: "Precipitation intensity", Unit: "mm/h", Decimals: 1, Class: "precipitation_intensity"},
	WindSpeed:        {Title: "Wind speed", Unit: "m/s", Decimals: 1, Class: "wind_speed"},
	WindDirection:    {Title: "Wind direction", Unit: "°", Class: "wind_direction"},
	Battery:          {Title: "Battery", Unit: "%", Class: "battery"},
	SignalStrength:   {Title: "Signal strength", Unit: "dBm", Class: "signal_strength"},

	Voltage:        {Title: "Voltage", Unit: "V", Decimals: 2, Class: "voltage"},
	Current:        {Title: "Current", Unit: "A", Decimals: 3, Class: "current"},
	Power:          {Title: "Power", Unit: "W", Decimals: 1, Class: "power"},
	ApparentPower:  {Title: "Apparent power", Unit: "VA", Decimals: 1, Class: "apparent_power"},
	ReactivePower:  {Title: "Reactive power", Unit: "var", Decimals: 1, Class: "reactive_power"},
	PowerFactor:    {Title: "Power factor", Decimals: 2, Class: "power_factor"},
	Frequency:      {Title: "Frequency", Unit: "Hz", Decimals: 2, Class: "frequency"},
	Energy:         {Title: "Energy", Unit: "kWh", Decimals: 3, Class: "energy", Counter: true},
	ReactiveEnergy: {Title: "Reactive energy", Unit: "kvarh", Decimals: 3, Class: "reactive_energy", Counter: true},
	Resistance:     {Title: "Resistance", Unit: "Ω", Decimals: 1},
	Tariff:         {Title: "Tariff"},
	Water:          {Title: "Water", Unit: "m³", Decimals: 3, Class: "water", Counter: true},
	Gas:            {Title: "Gas", Unit: "m³", Decimals: 3, Class: "gas", Counter: true},
	Flow:           {Title: "Flow", Unit: "L/min", Decimals: 2, Class: "volume_flow_rate"},
	Count:          {Title: "Count", Counter: true},
	Rate:           {Title: "Rate", Unit: "/min", Decimals: 2},
	Failures:       {Title: "Failures", Counter: true},
	LostEdges:      {Title: "Lost edges", Counter: true},
	Age:            {Title: "Age", Unit: "s", Class: "duration"},

	Acceleration:    {Title: "Acceleration", Unit: "m/s²", Decimals: 2},
	AngularVelocity: {Title: "Angular velocity", Unit: "°/s", Decimals: 1},
	Distance:        {Title: "Distance", Unit: "mm", Class: "distance"},
	Weight:          {Title: "Weight", Unit: "g", Decimals: 1, Class: "weight"},
	FanSpeed:        {Title: "Fan speed", Unit: "rpm"},

	Motion:       {Title: "Motion", Class: "motion", Binary: true},
	Door:         {Title: "Door", Class: "door", Binary: true},
	State:        {Title: "State", Binary: true},
	Problem:      {Title: "Problem", Class: "problem", Binary: true},
	UnderVoltage: {Title: "Under-voltage", Class: "problem", Binary: true},
	Window:       {Title: "Window", Class: "window", Binary: true},
	Leak:         {Title: "Leak", Class: "moisture", Binary: true},
	Smoke:        {Title: "Smoke", Class: "smoke", Binary: true},
	Vibration:    {Title: "Vibration", Class: "vibration", Binary: true},
	Throttled:    {Title: "Throttled", Class: "problem", Binary: true},

	Raw: {Title: "Raw", Decimals: 3},

	CPUUsage:        {Title: "CPU usage", Unit: "%", Decimals: 1},
	Load:            {Title: "Load average (1 min)", Decimals: 2},
	MemoryUsed:      {Title: "Memory used", Unit: "%", Decimals: 1},
	MemoryAvailable: {Title: "Memory available", Unit: "MB", Class: "data_size"},
	DiskUsed:        {Title: "Disk used", Unit: "%", Decimals: 1},
	DiskFree:        {Title: "Disk free", Unit: "GB", Decimals: 1, Class: "data_size"},
	Received:        {Title: "Network received", Unit: "MB", Decimals: 1, Class: "data_size", Counter: true},
	Sent:            {Title: "Network sent", Unit: "MB", Decimals: 1, Class: "data_size", Counter: true},
	Uptime:          {Title: "Uptime", Unit: "s", Class: "duration", Counter: true},
}

// Quantities returns every quantity the gateway knows, ordered by name,
// without parts. The slice is the caller's.
func Quantities() []Quantity {
	all := make([]Quantity, 0, len(infos))
	for q := range infos {
		all = append(all, q)
	}
	slices.Sort(all)
	return all
}

// Of returns q of a part: Voltage.Of("l1") is voltage_l1. It has the unit of q
// if the part is one that [IsPart] knows.
func (q Quantity) Of(part string) Quantity { return q + "_" + Quantity(part) }

// parts are the words that may stand behind a quantity, with what people read.
// Only these, so that power_on_count of some foreign payload is not taken for
// a power in watts.
var parts = map[string]string{
	"x": "X", "y": "Y", "z": "Z",
	"l1": "L1", "l2": "L2", "l3": "L3", "n": "N",
	"l1_l2": "L1–L2", "l2_l3": "L2–L3", "l3_l1": "L3–L1",
	"import": "import", "export": "export",
	"import_l1": "import L1", "import_l2": "import L2", "import_l3": "import L3",
	"export_l1": "export L1", "export_l2": "export L2", "export_l3": "export L3",
	"t1": "tariff 1", "t2": "tariff 2", "t3": "tariff 3", "t4": "tariff 4",
	"import_t1": "import, tariff 1", "import_t2": "import, tariff 2",
	"export_t1": "export, tariff 1", "export_t2": "export, tariff 2",
	"min": "least", "max": "most", "mean": "mean", "rms": "RMS", "peak": "peak", "total": "total",
	"rms_x": "RMS X", "rms_y": "RMS Y", "rms_z": "RMS Z", "peak_x": "peak X", "peak_y": "peak Y", "peak_z": "peak Z",
	"probe": "probe", "ambient": "ambient", "internal": "internal", "external": "external", "board": "board",
	"object": "object", "cpu": "CPU", "gpu": "GPU", "disk": "disk", "battery": "battery", "bus": "bus", "shunt": "shunt",
	"supply": "supply", "visible": "visible", "infrared": "infrared", "indoor": "indoor", "outdoor": "outdoor",
	"flow": "flow", "return": "return", "gas": "gas", "water": "water", "thermal": "heat",
	"0_3um": "≥ 0.3 µm", "0_5um": "≥ 0.5 µm", "1um": "≥ 1 µm", "2_5um": "≥ 2.5 µm", "5um": "≥ 5 µm", "10um": "≥ 10 µm",
	"long": "long", "short": "short", "voc": "VOC", "nox": "NOx",
	"0_1": "0–1", "0_3": "0–3", "1_3": "1–3", "2_3": "2–3", // between two inputs
}

// IsPart tells whether s is a word that may stand behind a quantity: one that
// the gateway knows, or a number from 0 to 999.
func IsPart(s string) bool {
	if s == "" {
		return false
	}
	_, known := parts[s]
	return known || len(s) <= 3 && strings.Trim(s, "0123456789") == ""
}

// split returns the quantity in front of a part, and the part; the part is ""
// if there is none.
func (q Quantity) split() (base Quantity, part string) {
	for i := range len(q) {
		if q[i] != '_' {
			continue
		}
		if _, known := infos[q[:i]]; known && IsPart(string(q[i+1:])) {
			return q[:i], string(q[i+1:])
		}
	}
	return q, ""
}

// conversion makes another unit of a quantity's own. The quantity gets suffix
// behind its name, so that temperature stays °C everywhere.
type conversion struct {
	suffix, from, unit string
	factor, offset     float64 // unit = factor × from + offset
	digits             int     // more digits after the point than in the own unit
}

var conversions = []conversion{
	{"fahrenheit", "°C", "°F", 1.8, 32, 0},
	{"kelvin", "°C", "K", 1, 273.15, 0},
	{"kpa", "hPa", "kPa", 0.1, 0, 1},
	{"inhg", "hPa", "inHg", 1 / 33.86389, 0, 1},
	{"mmhg", "hPa", "mmHg", 1 / 1.333224, 0, 0},
	{"cm", "mm", "cm", 0.1, 0, 1},
	{"m", "mm", "m", 0.001, 0, 3},
	{"in", "mm", "in", 1 / 25.4, 0, 2},
	{"kg", "g", "kg", 0.001, 0, 2},
	{"lb", "g", "lb", 1 / 453.59237, 0, 2},
	{"liters", "m³", "L", 1000, 0, -3},
	{"kmh", "m/s", "km/h", 3.6, 0, 0},
	{"mph", "m/s", "mph", 3600 / 1609.344, 0, 0},
	{"kw", "W", "kW", 0.001, 0, 2},
	{"wh", "kWh", "Wh", 1000, 0, -3},
	{"mv", "V", "mV", 1000, 0, -1},
	{"ma", "A", "mA", 1000, 0, -2},
	{"g", "m/s²", "g", 1 / 9.80665, 0, 1},
}

// In returns what q is called in another unit, and how to convert:
// converted = factor × number + offset. Temperature.In("°F") is
// temperature_fahrenheit.
func (q Quantity) In(unit string) (converted Quantity, factor, offset float64, err error) {
	own := q.Unit()
	if unit == own && own != "" {
		return q, 1, 0, nil
	}
	var units []string
	for _, c := range conversions {
		if c.from != own {
			continue
		}
		if c.unit == unit {
			return q + "_" + Quantity(c.suffix), c.factor, c.offset, nil
		}
		units = append(units, c.unit)
	}
	if len(units) == 0 {
		return q, 1, 0, fmt.Errorf("%s has no other unit than %q", q, own)
	}
	return q, 1, 0, fmt.Errorf("%q is no unit of %s: %s, or %s as it is", unit, q, strings.Join(units, ", "), own)
}

// converted returns the quantity that q is in another unit, and that unit.
func (q Quantity) converted() (own Quantity, c conversion, ok bool) {
	i := strings.LastIndexByte(string(q), '_')
	if i < 0 {
		return q, c, false
	}
	for _, c := range conversions {
		if c.suffix != string(q[i+1:]) {
			continue
		}
		if info, known := q[:i].Info(); known && info.Unit == c.from {
			return q[:i], c, true
		}
	}
	return q, c, false
}

// Base returns q without its part: voltage for voltage_l1.
func (q Quantity) Base() Quantity {
	if _, ok := infos[q]; ok {
		return q
	}
	base, _ := q.split()
	return base
}

// Info returns what is known of q; ok is false for a quantity the gateway
// does not know, and Info then holds only the name as title.
func (q Quantity) Info() (info Info, ok bool) {
	if info, ok = infos[q]; ok {
		return info, true
	}
	if own, c, ok := q.converted(); ok {
		info, _ = own.Info()
		info.Unit, info.Decimals = c.unit, max(info.Decimals+c.digits, 0)
		return info, true
	}
	base, part := q.split()
	if part == "" {
		return Info{Title: string(q), Decimals: -1}, false
	}
	info = infos[base]
	if word, known := parts[part]; known {
		part = word
	}
	info.Title += " " + part
	return info, true
}

// Unit returns the unit of q, "" if it has none or is not known.
func (q Quantity) Unit() string {
	info, _ := q.Info()
	return info.Unit
}
