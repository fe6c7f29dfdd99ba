package sensors

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus/bustest"
)

// modbusLine has the slaves 1 and 2, XY-MD02.
func modbusLine() *bustest.ModbusLine {
	slaves := make(map[byte]*bustest.ModbusSlave)
	for unit := range byte(2) {
		slaves[unit+1] = &bustest.ModbusSlave{Input: map[uint16]uint16{1: 201 + uint16(unit), 2: 500}, Delay: 10 * time.Millisecond}
	}
	return bustest.NewModbus(slaves)
}

func modbusSensor(name string, unit byte) SensorConfig {
	return SensorConfig{
		Driver: "modbus", Name: name, Port: "/dev/ttyUSB0", UnitID: unit, Interval: 10 * time.Second,
		Options: map[string]string{"template": "sht20"},
	}
}

// endsOnline tells whether a sensor was online when the house was stopped.
func endsOnline(statuses string) bool {
	all := strings.Split(statuses, ", ")
	return len(all) > 1 && strings.HasSuffix(all[len(all)-1], " offline") && strings.HasSuffix(all[len(all)-2], " online")
}

// A slave that is dead costs the other not one reading, and is read again when
// it lives. telegraf#11782.
func TestDeadModbusSlave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := modbusLine()
		h := buildWith(t, Deps{OpenSerial: l.OpenSerial}, nil, modbusSensor("alive", 1), modbusSensor("dead", 2)).run()
		time.Sleep(time.Minute + time.Second)
		l.Inject(bustest.ModbusSilence(bustest.ToSlave(2)))
		time.Sleep(10 * time.Minute)
		l.Heal()
		time.Sleep(5 * time.Minute)
		h.stop()
		all := h.readings("alive")
		if len(all) < 95 {
			t.Errorf("%d readings in 16 minutes", len(all))
		}
		for i, e := range all {
			if i > 0 && e.at-all[i-1].at > 12*time.Second {
				t.Errorf("a reading %v after %v", e.at, all[i-1].at)
			}
			if e.report.Reading.Values[0].Number != 20.1 {
				t.Errorf("%v", e)
			}
		}
		if got := h.statuses("dead"); !strings.Contains(got, "stale") || !endsOnline(got) {
			t.Errorf("the dead slave was %s", got)
		}
		if l.Opened() != 1 {
			t.Errorf("the port was opened %d times", l.Opened())
		}
	})
}

// An adapter that is pulled out and put back works again.
func TestModbusAdapterUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := modbusLine()
		h := buildWith(t, Deps{OpenSerial: l.OpenSerial}, nil, modbusSensor("one", 1), modbusSensor("two", 2)).run()
		time.Sleep(time.Minute)
		l.Unplug()
		time.Sleep(time.Minute)
		l.Plug()
		time.Sleep(5 * time.Minute)
		h.stop()
		for _, name := range []string{"one", "two"} {
			all := h.readings(name)
			if last := all[len(all)-1]; last.at < 6*time.Minute || !endsOnline(h.statuses(name)) {
				t.Errorf("%s: the last reading after %v; %s", name, last.at, h.statuses(name))
			}
		}
	})
}

func TestValidateModbus(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*SensorConfig)
		want   string
	}{
		{"a meter", func(*SensorConfig) {}, ""},
		{"registers", func(s *SensorConfig) {
			s.Options = map[string]string{"registers": "voltage input 0 u16 *0.1\nraw_7 holding 3 s32 cdab\n"}
		}, ""},
		{"neither", func(s *SensorConfig) { s.Options = nil }, "sensors[0].options: set the option template to one of"},
		{"both", func(s *SensorConfig) { s.Options["registers"] = "voltage input 0 u16" }, "sensors[0].options: options template and registers exclude each other"},
		{"a line", func(s *SensorConfig) {
			s.Options = map[string]string{"registers": "voltage input 0 u16\ncurrent input one u16"}
		},
			`sensors[0].options: option registers, line 2: "one" is not an address`},
		{"template", func(s *SensorConfig) { s.Options["template"] = "sdm12" }, `sensors[0].options.template: unknown template "sdm12"`},
		{"pause", func(s *SensorConfig) { s.Options["pause"] = "1m" }, "sensors[0].options.pause: 1m0s is out of range"},
		{"port", func(s *SensorConfig) { s.Port = "udp://meter" }, `sensors[0].port: modbus port "udp://meter": unknown scheme udp`},
	} {
		s := modbusSensor("meter", 1)
		s.Room = "cellar"
		tt.change(&s)
		err := Config{Sensors: []SensorConfig{s}}.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
