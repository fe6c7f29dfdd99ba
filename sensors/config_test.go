package sensors

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	if c := Default().WithDefaults("pi"); c.Site != "pi" || c.Sensors[0].Driver != "host" || c.Sensors[0].Room != "gateway" {
		t.Errorf("%+v", c)
	}
}

func TestWithDefaults(t *testing.T) {
	c := Config{Sensors: []SensorConfig{
		{Driver: "bme280", Room: "cellar"},
		{Driver: "bme280", Room: "attic", Bus: "/dev/i2c-3", Address: 0x77, Interval: time.Minute, StaleAfter: time.Hour, Name: "climate"},
		{Driver: "w1", Room: "cellar", Bus: ""},
		{Driver: "unknown", Room: "cellar"},
	}}
	full := c.WithDefaults("pi")
	want := []SensorConfig{
		{Driver: "bme280", Room: "cellar", Name: "bme280", Bus: "i2c-1", Address: 0x76, Interval: 10 * time.Second, StaleAfter: 30 * time.Second},
		{Driver: "bme280", Room: "attic", Name: "climate", Bus: "i2c-3", Address: 0x77, Interval: time.Minute, StaleAfter: time.Hour},
		{Driver: "w1", Room: "cellar", Name: "w1", Bus: "w1", Interval: 10 * time.Second, StaleAfter: 30 * time.Second},
		{Driver: "unknown", Room: "cellar", Name: "unknown", Interval: 10 * time.Second, StaleAfter: 30 * time.Second},
	}
	for i := range want {
		if got := full.Sensors[i]; !equal(got, want[i]) {
			t.Errorf("sensors[%d] %+v, want %+v", i, got, want[i])
		}
	}
	if full.Site != "pi" || c.Sensors[0].Name != "" {
		t.Errorf("site %q, and the original has become %+v", full.Site, c.Sensors[0])
	}
}

func equal(a, b SensorConfig) bool {
	return a.Driver == b.Driver && a.Room == b.Room && a.Name == b.Name && a.Bus == b.Bus && a.Address == b.Address &&
		a.ID == b.ID && a.Interval == b.Interval && a.StaleAfter == b.StaleAfter
}

func TestSiteOfHostName(t *testing.T) {
	for name, want := range map[string]string{
		"raspberrypi": "raspberrypi", "pi.local": "pi.local", "": "gateway", "a/b+c#d": "a-b-c-d", "$SYS": "SYS", "$": "gateway",
		"line\nbreak": "line-break", strings.Repeat("x", 100): strings.Repeat("x", 64), strings.Repeat("x", 63) + "ä": strings.Repeat("x", 63),
	} {
		if got := siteOf(name); got != want {
			t.Errorf("siteOf(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestI2CName(t *testing.T) {
	for name, want := range map[string]string{"": "i2c-1", "1": "i2c-1", "i2c-1": "i2c-1", "/dev/i2c-10": "i2c-10", "spi": "spi"} {
		if got := i2cName(name); got != want {
			t.Errorf("i2cName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	sensor := func(change func(*SensorConfig)) Config {
		s := SensorConfig{Driver: "bme280", Room: "cellar"}
		change(&s)
		return Config{Sensors: []SensorConfig{s}}
	}
	for _, test := range []struct {
		name string
		cfg  Config
		want string // beginnings or parts of the errors, one per line
	}{
		{"nothing", Config{}, ""},
		{"a sensor", sensor(func(*SensorConfig) {}), ""},
		{"site", Config{Site: "a/b"}, `site: "a/b" contains '/'`},
		{"site of the broker", Config{Site: "$SYS"}, `site: "$SYS" begins with '$'`},
		{"no driver", sensor(func(s *SensorConfig) { s.Driver = "" }), "sensors[0].driver: is missing; gateway drivers lists what there is"},
		{"unknown driver", sensor(func(s *SensorConfig) { s.Driver = "bme208" }), `sensors[0].driver: unknown driver "bme208"`},
		{"no room", sensor(func(s *SensorConfig) { s.Room = "" }), "sensors[0].room: is missing"},
		{"bad room", sensor(func(s *SensorConfig) { s.Room = "a#" }), `sensors[0].room: "a#" contains '#'`},
		{"bad name", sensor(func(s *SensorConfig) { s.Name = "a/b" }), `sensors[0].name: "a/b" contains '/'`},
		{"address in decimal", sensor(func(s *SensorConfig) { s.Address = 76 }), "sensors[0].address: 0x4c is not an address of bme280 (0x76 or 0x77); 76 is decimal, did you mean 0x76?"},
		{"address", sensor(func(s *SensorConfig) { s.Address = 0x99 }), "sensors[0].address: 0x99 is not an address of bme280 (0x76 or 0x77)"},
		{"address without I²C", sensor(func(s *SensorConfig) { s.Driver = "host"; s.Address = 0x76 }), "sensors[0].address: host has no I²C address; leave it out"},
		{"id without 1-Wire", sensor(func(s *SensorConfig) { s.ID = "28-1" }), "sensors[0].id: bme280 has no id; leave it out"},
		{"bus without bus", sensor(func(s *SensorConfig) { s.Driver = "sim"; s.Bus = "i2c-1" }), "sensors[0].bus: sim is not attached to a bus"},
		{"odd bus", sensor(func(s *SensorConfig) { s.Bus = "/dev/spidev0.0" }), `sensors[0].bus: "/dev/spidev0.0" is not an I²C bus`},
		{"interval", sensor(func(s *SensorConfig) { s.Interval = time.Millisecond }), "sensors[0].interval: 1ms is too short; bme280 can be read every 100ms at most"},
		{"negative interval", sensor(func(s *SensorConfig) { s.Interval = -time.Second }), "sensors[0].interval: -1s is too short"},
		{"stale_after", sensor(func(s *SensorConfig) { s.StaleAfter = 5 * time.Second }), "sensors[0].stale_after: 5s is shorter than the interval 10s"},
		{"option", sensor(func(s *SensorConfig) { s.Driver = "sim"; s.Options = map[string]string{"profil": "co2"} }),
			`sensors[0].options.profil: unknown option "profil" (`},
		{"no options", sensor(func(s *SensorConfig) { s.Driver = "host"; s.Options = map[string]string{"a": "b"} }), "sensors[0].options.a: host has no options"},
		{"option's value", sensor(func(s *SensorConfig) { s.Driver = "sim"; s.Options = map[string]string{"fail": "maybe"} }),
			`sensors[0].options.fail: unknown fail "maybe" (`},
		{"one topic twice", Config{Sensors: []SensorConfig{{Driver: "sim", Room: "r", Name: "n"}, {Driver: "host", Room: "r", Name: "n"}}},
			"sensors[1].name: sensors[0] publishes to <site>/r/n already"},
		{"one chip twice", Config{Sensors: []SensorConfig{{Driver: "bme280", Room: "a"}, {Driver: "bme280", Room: "b", Bus: "/dev/i2c-1"}}},
			"sensors[1].address: sensors[0] has address 0x76 of i2c-1 already"},
		{"two chips of one address", Config{Sensors: []SensorConfig{{Driver: "bme280", Room: "a"}, {Driver: "bme280", Room: "b", Bus: "i2c-3"}}}, ""},
		{"one id twice", Config{Sensors: []SensorConfig{{Driver: "w1", Room: "a", ID: "28-1"}, {Driver: "w1", Room: "b", ID: "28-1"}}},
			"sensors[1].id: sensors[0] has 1-Wire id 28-1 already"},
		{"many at once", Config{Site: "+", Sensors: []SensorConfig{{}, {Driver: "x", Room: "r"}}},
			"site: \nsensors[0].room: \nsensors[0].driver: \nsensors[1].driver: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantErrors(t, test.cfg.Validate(), test.want)
		})
	}
}

// wantErrors compares joined errors with their beginnings, one a line.
func wantErrors(t *testing.T, err error, beginnings string) {
	t.Helper()
	if beginnings == "" {
		if err != nil {
			t.Errorf("error %v, want none", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("no error, want %q", beginnings)
	}
	got, want := strings.Split(err.Error(), "\n"), strings.Split(beginnings, "\n")
	if len(got) != len(want) {
		t.Fatalf("errors %q, want %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("error %q, want it to begin with %q", got[i], want[i])
		}
	}
}

func TestUnknownErrorNamesTheChoices(t *testing.T) {
	err := Config{Sensors: []SensorConfig{{Driver: "bme208", Room: "r"}}}.Validate()
	var unknown *UnknownError
	if !errors.As(err, &unknown) {
		t.Fatalf("error %v is no UnknownError", err)
	}
	word, allowed := unknown.Choices()
	if word != "bme208" || !slices.Contains(allowed, "bme280") || !slices.Contains(allowed, "sht41") { // an alias
		t.Errorf("choices of %q: %q", word, allowed)
	}
}

func TestOrList(t *testing.T) {
	for want, words := range map[string][]string{"there are none": nil, "a": {"a"}, "a or b": {"a", "b"}, "a, b or c": {"a", "b", "c"}} {
		if got := orList(words); got != want {
			t.Errorf("orList(%q) = %q, want %q", words, got, want)
		}
	}
}

func TestValidatePlaces(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  []SensorConfig
		want string
	}{
		{"sample too long", []SensorConfig{{Driver: "sim", Room: "r", Sample: time.Minute}}, "sensors[0].sample: 1m0s is longer than the interval 10s"},
		{"sample too short", []SensorConfig{{Driver: "sim", Room: "r", Sample: time.Millisecond}}, "sensors[0].sample: 1ms is too short"},
		{"policy", []SensorConfig{{Driver: "sim", Room: "r", Publish: "sometimes"}}, `sensors[0].publish: unknown policy "sometimes" (every or on_change)`},
		{"heartbeat without policy", []SensorConfig{{Driver: "sim", Room: "r", Heartbeat: time.Minute}}, "sensors[0].heartbeat: belongs to publish: on_change"},
		{"heartbeat", []SensorConfig{{Driver: "sim", Room: "r", Publish: PublishOnChange, Heartbeat: -1}}, "sensors[0].heartbeat: -1ns is no time"},
		{"compensated by nobody", []SensorConfig{{Driver: "sim", Room: "r", CompensateFrom: "r/x"}, {Driver: "host", Room: "r"}},
			`sensors[0].compensate_from: unknown sensor "r/x" (r/host)`},
		{"compensated by itself", []SensorConfig{{Driver: "sim", Room: "r", CompensateFrom: "r/sim"}}, `sensors[0].compensate_from: unknown sensor "r/sim" (there are none)`},
		{"compensated", []SensorConfig{{Driver: "sim", Room: "r", CompensateFrom: "r/host"}, {Driver: "host", Room: "r"}}, ""},
		{"filter of nothing", []SensorConfig{{Driver: "bme280", Room: "r", Filters: map[string]FilterConfig{"voltage": {}}}},
			`sensors[0].filters.voltage: unknown quantity "voltage" (temperature, humidity or pressure)`},
		{"two wrong filters", []SensorConfig{{Driver: "bme280", Room: "r", Filters: map[string]FilterConfig{"humidity": {Delta: -1}, "pressure": {Unit: "bar"}}}},
			"sensors[0].filters.humidity.delta: -1 is no change\nsensors[0].filters.pressure.unit: \"bar\" is no unit of pressure"},
		{"altitude without use", []SensorConfig{{Driver: "bme280", Room: "r", Altitude: 300}}, "sensors[0].altitude: is for sea_level_pressure"},
		{"altitude", []SensorConfig{{Driver: "bme280", Room: "r", Altitude: 30000, Derive: []string{"sea_level_pressure"}}}, "sensors[0].altitude: 30000 m is not on this earth"},
		{"derived", []SensorConfig{{Driver: "bme280", Room: "r", Altitude: 300, Derive: []string{"sea_level_pressure", "dew_point"}}}, ""},
		{"pin of a chip", []SensorConfig{{Driver: "bme280", Room: "r", Pin: "17", Pins: map[string]string{"a": "1"}, Port: "/dev/x", UnitID: 1, Serial: SerialConfig{Baud: 1}}},
			"sensors[0].pin: bme280 has no GPIO line; leave it out\nsensors[0].pins: bme280 has no GPIO lines\nsensors[0].port: bme280 has no serial port\nsensors[0].serial: \nsensors[0].unit_id: bme280 is no Modbus slave"},
	} {
		t.Run(tt.name, func(t *testing.T) { wantErrors(t, Config{Sensors: tt.cfg}.Validate(), tt.want) })
	}
	wantErrors(t, Config{Sensors: []SensorConfig{{Driver: "exec", Room: "r", Options: map[string]string{"timeout": "1h"}}}}.Validate(),
		"sensors[0].options.timeout: 1h0m0s is out of range\nsensors[0].options.command: is missing: The program")
	wantErrors(t, Config{Sensors: []SensorConfig{{Driver: "modbus", Room: "r"}, {Driver: "modbus", Room: "q", Port: "/dev/ttyUSB0", UnitID: 250, Serial: SerialConfig{Parity: "mark", StopBits: 3, DataBits: 9, Baud: -1}}}}.Validate(),
		"sensors[0].port: is missing\nsensors[0].unit_id: 0 is not the address\nsensors[0].options: \n"+
			"sensors[1].serial.baud: \nsensors[1].serial.data_bits: \nsensors[1].serial.stop_bits: \nsensors[1].serial.parity: unknown parity \"mark\"\nsensors[1].unit_id: 250 is not\nsensors[1].options: ")
	modbus := func(room string, unit uint8, baud int) SensorConfig {
		return SensorConfig{Driver: "modbus", Room: room, Port: "/dev/ttyUSB0", UnitID: unit, Options: map[string]string{"template": "sdm120"}, Serial: SerialConfig{Baud: baud}}
	}
	wantErrors(t, Config{Sensors: []SensorConfig{modbus("a", 1, 0), modbus("b", 2, 0)}}.Validate(), "")
	wantErrors(t, Config{Sensors: []SensorConfig{modbus("a", 1, 0), modbus("b", 2, 19200)}}.Validate(),
		"sensors[1].serial: /dev/ttyUSB0 is set up in another way by sensors[0]")
	wantErrors(t, Config{Sensors: []SensorConfig{modbus("a", 1, 0), {Driver: "pms5003", Room: "b", Port: "/dev/ttyUSB0"}}}.Validate(),
		"sensors[1].port: sensors[0] has /dev/ttyUSB0 already")
	wantErrors(t, Config{Sensors: []SensorConfig{{Driver: "max6675", Room: "a", Bus: "/dev/spidev0.1"}, {Driver: "max31855", Room: "b", Bus: "0.1"}}}.Validate(),
		"sensors[1].bus: sensors[0] has spi0.1 already")
	wantErrors(t, Config{Sensors: []SensorConfig{{Driver: "max6675", Room: "a", Bus: "i2c-1"}}}.Validate(), "sensors[0].bus: \"i2c-1\" is not a chip select of SPI")
	wantErrors(t, Config{Buses: []BusConfig{{Name: "spi0"}}}.Validate(),
		"buses[0].name: \"spi0\" is not an I²C bus\nbuses[0].power_pin: is missing")
	wantErrors(t, Config{Buses: []BusConfig{{Name: "i2c-1", PowerPin: "4"}, {Name: "/dev/i2c-1", PowerPin: "5"}}}.Validate(),
		"buses[1].name: buses[0] is i2c-1 already")
}
