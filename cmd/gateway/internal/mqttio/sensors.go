package mqttio

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/sensors"
	"gateway/sensors/driver"
)

// sensors makes a sensor of each module and the inputs that name it.
func (c *conversion) sensors(root table) {
	inputs := make(map[string][]table)
	for _, e := range c.entries(root, "sensor_inputs") {
		e.required("name")
		if m, ok := c.module(e, c.modules, "sensor_modules"); ok {
			inputs[m.text("name")] = append(inputs[m.text("name")], e)
		}
	}
	for _, m := range c.entries(root, "sensor_modules") {
		name, of := m.text("name"), inputs[m.text("name")]
		kind := m.text("module")
		k, ok := chips[kind]
		switch {
		case kind == "":
		case !ok:
			c.lose(m.line, "sensor_modules "+name, or(others[kind], fmt.Sprintf("there is no driver for %s; gateway drivers lists what there is", kind)))
		case len(of) == 0:
			c.lose(m.line, "sensor_modules "+name, "no entry of sensor_inputs names it, so that MQTT IO does not read it either")
		case k.each: // a sensor of its own for each input
			for _, e := range of {
				c.sensor(k, m, e.text("name"), []table{e})
			}
		default:
			c.sensor(k, m, name, of)
		}
	}
}

// chip is how a module of MQTT IO becomes a sensor of ours.
type chip struct {
	driver string // "": set decides
	each   bool   // each input is a sensor
	// set fills in what is not common; nil: nothing. It returns what there is to
	// know, and false if the gateway cannot read that.
	set func(c *conversion, s *sensors.SensorConfig, m table, of []table) (know string, ok bool)
	// quantities are what the types of its inputs are called here.
	quantities map[string]string
}

// climate are types that are called the same.
var climate = map[string]string{"temperature": "temperature", "humidity": "humidity", "pressure": "pressure", "gas": "gas_resistance"}

// chips are the modules that there is a driver for.
var chips = map[string]chip{
	"adxl345":  {driver: "adxl345"},
	"aht20":    {driver: "aht20", quantities: climate},
	"bh1750":   {driver: "bh1750", quantities: map[string]string{"": "illuminance"}},
	"bme280":   {driver: "bme280", quantities: climate},
	"bme680":   {driver: "bme680", quantities: climate},
	"bmp085":   {driver: "bmp180", quantities: climate},
	"ens160":   {driver: "ens160"},
	"lm75":     {driver: "lm75", quantities: map[string]string{"": "temperature"}},
	"mpu6050":  {driver: "mpu6050"},
	"sht4x":    {driver: "sht4x", quantities: climate},
	"tsl2561":  {driver: "tsl2561", set: tsl2561, quantities: map[string]string{"": "illuminance", "lux": "illuminance"}},
	"veml7700": {driver: "veml7700", quantities: map[string]string{"": "illuminance", "lux": "illuminance", "lux_corrected": "illuminance"}},
	"pms5003":  {driver: "pms5003", set: serial},
	"mhz19":    {driver: "mhz19", set: serial, quantities: map[string]string{"": "carbon_dioxide"}},
	"ds18b":    {driver: "w1", set: oneWire, quantities: map[string]string{"": "temperature"}},
	"dht22":    {driver: "iio", set: dht, quantities: climate},
	"hcsr04":   {driver: "hcsr04", each: true, set: ultrasonic},
	"ina219":   {driver: "ina219", set: ina219, quantities: map[string]string{"power": "power", "current": "current", "bus_voltage": "voltage"}},
	"ads1x15":  {set: ads1x15},
	"mcp3008":  {driver: "mcp3008", set: mcp3008},
	"mcp3xxx":  {set: mcp3xxx},
}

// others say what there is in place of modules without a driver of the same name.
var others = map[string]string{
	"flowsensor":       "the driver counter counts pulses and tells the rate, see gateway drivers counter; pulses per litre are its pulses_per_unit for 1 m³",
	"yfs201":           "the driver counter counts pulses and tells the rate, see gateway drivers counter",
	"frequencycounter": "the driver counter tells the rate of pulses, see gateway drivers counter",
	"gpiozero_adc":     "the drivers mcp3008 and mcp3208 read the chip behind it",
	"mock":             "is for tests; the driver sim is here",
}

// sensor makes one.
func (c *conversion) sensor(k chip, m table, name string, of []table) {
	s := sensors.SensorConfig{Driver: k.driver, Room: c.room, Values: true, Options: map[string]string{}}
	if m.has("i2c_bus_num") {
		s.Bus = fmt.Sprintf("i2c-%d", m.whole("i2c_bus_num", 1, 0, 255))
	}
	if m.has("chip_addr") && !strings.HasPrefix(m.text("module"), "mcp3") {
		s.Address = uint16(m.whole("chip_addr", 0, 3, 0x77))
	}
	know, ok := "", true
	if k.set != nil {
		know, ok = k.set(c, &s, m, of)
	}
	if !ok {
		c.lose(m.line, "sensor_modules "+name, know)
		return
	}
	if c.merged(s, m) {
		return
	}
	s.Name = c.free(name)
	c.interval(&s, of)
	c.round(&s, k, of)
	var was []string
	for _, e := range of {
		was = append(was, c.under("sensor/"+e.text("name")))
	}
	lines := []string{fmt.Sprintf("Line %d, was %s.", m.line, strings.Join(was, ", "))}
	if know != "" {
		lines = append(lines, know)
	}
	c.add(m, s, lines...)
}

// merged adds the inputs of a converter that several modules are about to the
// sensor that it is already.
func (c *conversion) merged(s sensors.SensorConfig, m table) bool {
	for i, first := range c.out.Sensors.Sensors {
		if first.Driver != s.Driver || first.Bus != s.Bus || first.Address != s.Address {
			continue
		}
		for _, key := range []string{"inputs", "channels"} {
			if s.Options[key] == "" || first.Options[key] == "" {
				continue
			}
			all := append(strings.Split(first.Options[key], ","), strings.Split(s.Options[key], ",")...)
			slices.Sort(all)
			first.Options[key] = strings.Join(slices.Compact(all), ",")
			at := fmt.Sprintf("sensors[%d]", i)
			c.above[at] = append(c.above[at], fmt.Sprintf("Line %d, another input of it.", m.line))
			return true
		}
	}
	return false
}

// interval takes the shortest of the inputs', or as the chip needs.
func (c *conversion) interval(s *sensors.SensorConfig, of []table) {
	for _, e := range of {
		d := time.Duration(e.whole("interval", 60, 1, 86_400)) * time.Second
		if s.Interval == 0 || d < s.Interval {
			s.Interval = d
		}
	}
	i := slices.IndexFunc(driver.All(), func(d driver.Driver) bool { return d.Name == s.Driver })
	if i >= 0 {
		s.Interval = max(s.Interval, driver.All()[i].MinPeriod)
	}
}

// round takes the digits that an input says.
func (c *conversion) round(s *sensors.SensorConfig, k chip, of []table) {
	for _, e := range of {
		kind := e.text("type")
		q, known := k.quantities[kind]
		if !known && kind == "" {
			q, known = k.quantities["temperature"] // MQTT IO's default where it has a choice
		}
		if !known || !e.has("digits") {
			continue
		}
		digits := e.whole("digits", 2, 0, 9)
		if s.Filters == nil {
			s.Filters = make(map[string]sensors.FilterConfig)
		}
		s.Filters[q] = sensors.FilterConfig{Round: &digits}
	}
}

func tsl2561(_ *conversion, s *sensors.SensorConfig, m table, _ []table) (string, bool) {
	if s.Address != 0x29 && s.Address != 0x49 {
		s.Address = 0 // MQTT IO takes 0x39 for all others
	}
	return "Gain and integration time are chosen by the light.", true
}

// serial takes the port.
func serial(_ *conversion, s *sensors.SensorConfig, m table, _ []table) (string, bool) {
	key := "serial_port"
	if m.text("module") == "mhz19" {
		key = "device"
	}
	s.Port = m.required(key)
	return "", true
}

// families are the first bytes of 1-Wire ids.
var families = map[string]string{"DS18S20": "10", "DS1822": "22", "DS18B20": "28", "DS1825": "3b", "DS28EA00": "42", "MAX31850K": "3b"}

func oneWire(_ *conversion, s *sensors.SensorConfig, m table, _ []table) (string, bool) {
	kind, address := strings.ToUpper(m.required("type")), strings.ToLower(m.required("address"))
	family, ok := families[kind]
	if !ok && kind != "" {
		m.wrong("type", "%q is unknown; DS18S20, DS1822, DS18B20, DS1825, DS28EA00 or MAX31850K", kind)
	}
	if strings.Trim(address, "0123456789abcdef") != "" {
		m.wrong("address", "%q is not hexadecimal", address)
	}
	s.ID = family + "-" + address
	return "", true
}

func dht(c *conversion, s *sensors.SensorConfig, m table, _ []table) (string, bool) {
	pin := m.whole("pin", 0, 0, 63)
	m.required("pin")
	m.required("type")
	s.ID = fmt.Sprintf("dht11@%x", pin)
	return fmt.Sprintf("The kernel reads it: put dtoverlay=dht11,gpiopin=%d into /boot/firmware/config.txt and start again; gateway scan says its id, if it is not this one.", pin), true
}

func ultrasonic(_ *conversion, s *sensors.SensorConfig, m table, of []table) (string, bool) {
	e := of[0]
	if !e.has("pin_trigger") && m.has("pin_trigger") {
		e = m
	}
	s.Pins = map[string]string{"trigger": gpioLine(e.required("pin_trigger")), "echo": gpioLine(e.required("pin_echo"))}
	if e.has("burst") {
		s.Options["samples"] = strconv.Itoa(min(15, e.whole("burst", 5, 1, 1000)))
	}
	s.Address = 0
	return "The distance is in mm, and was in cm.", true
}

func ina219(_ *conversion, s *sensors.SensorConfig, m table, _ []table) (string, bool) {
	if m.has("shunt_ohms") {
		s.Options["shunt"] = decimal(m.number("shunt_ohms", 0.1))
	}
	if key := "max_amps"; m.has(key) || m.has("amps") {
		if !m.has(key) {
			key = "amps"
		}
		s.Options["max_current"] = decimal(m.number(key, 1))
	}
	return "Current is in A, power in W and voltage in V.", true
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// ranges are the voltages in V that a gain has room for.
var ranges = map[string]string{"1": "4.096", "2": "2.048", "4": "1.024", "8": "0.512", "16": "0.256"}

func ads1x15(_ *conversion, s *sensors.SensorConfig, m table, of []table) (string, bool) {
	switch kind := strings.ToUpper(m.required("type")); kind {
	case "ADS1015", "ADS1115":
		s.Driver = strings.ToLower(kind)
	case "":
	default:
		m.wrong("type", "%q is unknown; ADS1015 or ADS1115", kind)
	}
	var inputs []string
	for _, e := range of {
		inputs = append(inputs, e.wholes("pin")...)
	}
	if len(inputs) == 0 {
		inputs = append(m.wholes("pins"), m.wholes("pin")...)
	}
	slices.Sort(inputs)
	if inputs = slices.Compact(inputs); len(inputs) > 0 {
		s.Options["inputs"] = strings.Join(inputs, ",")
	}
	if gain := m.text("gain"); gain != "" {
		s.Options["range"] = or(ranges[gain], "6.144") // 2/3
	}
	return "Voltages are in V; type: value was the number of the converter.", true
}

func mcp3008(_ *conversion, s *sensors.SensorConfig, m table, of []table) (string, bool) {
	s.Bus = fmt.Sprintf("spi%d.%d", m.whole("spi_port", 0, 0, 9), m.whole("chip_addr", 0, 0, 9))
	var channels []string
	for _, e := range of {
		ch, ok := strings.CutPrefix(strings.ToUpper(or(e.text("channel"), "CH0")), "CH")
		if !ok {
			return "differences between two inputs are not measured", false
		}
		channels = append(channels, ch)
	}
	slices.Sort(channels)
	s.Options["channels"] = strings.Join(slices.Compact(channels), ",")
	return "Voltages are in V, and were 0 to 1023; reference_voltage is that at VREF.", true
}

func mcp3xxx(_ *conversion, s *sensors.SensorConfig, m table, _ []table) (string, bool) {
	kind := strings.ToUpper(m.required("type"))
	switch kind {
	case "MCP3004", "MCP3008":
		s.Driver = "mcp3008"
	case "MCP3204", "MCP3208":
		s.Driver = "mcp3208"
	default:
		return fmt.Sprintf("there is no driver for %s; mcp3008 reads MCP3004 and MCP3008, mcp3208 MCP3204 and MCP3208", kind), false
	}
	if m.truth("differential", false) {
		return "differences between two inputs are not measured", false
	}
	s.Bus = fmt.Sprintf("spi%d.%d", m.whole("spi_port", 0, 0, 9), m.whole("spi_device", 0, 0, 9))
	s.Options["channels"] = strconv.Itoa(m.whole("channel", 0, 0, 7))
	if m.has("max_voltage") {
		s.Options["reference_voltage"] = decimal(m.number("max_voltage", 3.3))
	}
	return "Voltages are in V, and were 0 to 1.", true
}
