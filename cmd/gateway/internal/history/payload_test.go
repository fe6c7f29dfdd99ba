package history

import (
	"fmt"
	"strings"
	"testing"
)

// shown is what read finds, "key=value …", b behind what was a word.
func shown(payload string) string {
	var all []string
	for _, l := range read([]byte(payload)).leaves {
		s := fmt.Sprintf("%s=%v", l.key, l.value)
		if l.binary {
			s += "b"
		}
		all = append(all, s)
	}
	return strings.Join(all, " ")
}

// TestRead has payloads as devices send them.
func TestRead(t *testing.T) {
	for _, tt := range []struct{ name, payload, want string }{
		{"a reading of ours", `{"time":"2026-11-23T04:05:06.789Z","temperature":21.53,"humidity":43.7,"simulated":true}`, "temperature=21.53 humidity=43.7"},
		{"Tasmota, a plug", `{"Time":"2026-11-28T20:37:58","ENERGY":{"TotalStartTime":"2023-01-01T00:00:00","Total":12.34,"Yesterday":0.5,"Today":0.1,"Power":[5,7],"Factor":0.87}}`,
			"ENERGY.Total=12.34 ENERGY.Yesterday=0.5 ENERGY.Today=0.1 ENERGY.Power.0=5 ENERGY.Power.1=7 ENERGY.Factor=0.87"},
		{"Tasmota, a climate", `{"Time":"2026-11-28T20:37:58","AM2301":{"Temperature":71.2,"Humidity":48.1,"DewPoint":50.3},"TempUnit":"F"}`,
			"AM2301.Temperature=71.2 AM2301.Humidity=48.1 AM2301.DewPoint=50.3"},
		{"Tasmota, its state", `{"Time":"2026-11-28T20:37:58","Uptime":"0T01:02:03","UptimeSec":3723,"POWER":"ON","Wifi":{"AP":1,"SSId":"home","RSSI":78,"Signal":-61}}`,
			"UptimeSec=3723 POWER=1b Wifi.AP=1 Wifi.RSSI=78 Wifi.Signal=-61"},
		{"zigbee2mqtt, a climate", `{"battery":97,"humidity":45.1,"linkquality":120,"temperature":21.3,"voltage":3000,"last_seen":"2026-11-28T20:37:58+09:00"}`,
			"battery=97 humidity=45.1 linkquality=120 temperature=21.3 voltage=3000"},
		{"zigbee2mqtt, a contact", `{"contact":false,"battery_low":false,"linkquality":90,"update":{"installed_version":17,"latest_version":18,"state":"idle"},"update_available":false}`,
			"contact=0b battery_low=0b linkquality=90"},
		{"zigbee2mqtt, a lamp", `{"brightness":254,"color":{"x":0.4,"y":0.38},"color_mode":"xy","state":"OFF"}`, "brightness=254 color.x=0.4 color.y=0.38 state=0b"},
		{"Shelly, the second generation", `{"src":"shellyplus1pm-a8","dst":"x/events","method":"NotifyStatus","params":{"ts":1764362278.12,"switch:0":{"id":0,"apower":12.5,"voltage":230.1,"output":true,"temperature":{"tC":41.2,"tF":106.2}}}}`,
			"params.switch:0.apower=12.5 params.switch:0.voltage=230.1 params.switch:0.output=1b params.switch:0.temperature.tC=41.2 params.switch:0.temperature.tF=106.2"},
		{"Shelly, the first", "on", "=1b"},
		{"ESPHome", "21.5", "=21.5"},
		{"ESPHome, a switch", "OFF", "=0b"},
		{"a window", "Open", "=1b"},
		{"with a line feed", "-3.5e1\n", "=-35"},
		{"JSON of a word", `"closed"`, "=0b"},
		{"rtl_433", `{"time":"2026-11-28 20:37:58","model":"Nexus-TH","id":52,"channel":1,"battery_ok":1,"temperature_C":21.1,"humidity":50}`,
			"channel=1 battery_ok=1 temperature_C=21.1 humidity=50"},
		{"a list", `[1,[2,3],{"a":4}]`, "0=1 1.0=2 1.1=3 2.a=4"},
		{"numbers in quotes are names", `{"serial":"12345","x":"1.5"}`, ""},
		{"keys that name", `{"id":7,"seq":8,"mac":9,"device":{"x":1}}`, ""},
		{"a key twice", `{"a":1,"a":2}`, "a=1 a=2"},
		{"null and texts", `{"a":null,"b":"x","c":1}`, "c=1"},
		{"no number", "21.5 °C", ""},
		{"no number for us", "0x10", ""},
		{"nor NaN", "NaN", ""},
		{"nor this", "1e999", ""},
		{"half a payload", `{"a":1,`, ""},
		{"more behind it", `{"a":1} {"b":2}`, ""},
		{"a number too large", `{"a":1e999,"b":1}`, "b=1"},
		{"control characters in a key", "{\"a\\u0001\":1,\"b\":2}", "b=2"},
		{"an empty key", `{"":1,"b":2}`, "b=2"},
		{"a text", "hello", ""},
		{"nothing", " ", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := shown(tt.payload); got != tt.want {
				t.Errorf("%s\n gives %q\n want  %q", tt.payload, got, tt.want)
			}
			if tt.want != "" && !begins([]byte(tt.payload)) {
				t.Error("it is skipped by its beginning")
			}
		})
	}
}

func TestReadIsBounded(t *testing.T) {
	many := "{" + strings.Repeat(`"a":1,`, 5000) + `"b":1}`
	deep := strings.Repeat(`{"a":`, 50) + "1" + strings.Repeat("}", 50)
	long := "[" + strings.Repeat("1,", 500) + "1]"
	key := `{"` + strings.Repeat("k", maxKey+1) + `":1,"b":1}`
	for payload, want := range map[string]int{many: maxLeaves, deep: 0, long: maxItems, key: 1, strings.Repeat(" ", maxPayload) + "1": 0} {
		if got := len(read([]byte(payload)).leaves); got != want {
			t.Errorf("%.40s…: %d numbers, want %d", payload, got, want)
		}
	}
}

// FuzzRead holds what whoever records relies on.
func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"a":1}`, "21.5", "ON", `[{"a":[true,"x"]}]`, `{"params":{"ts":1}}`, `{"time":1,"TempUnit":{}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		m := read(payload)
		if len(m.leaves) > maxLeaves {
			t.Errorf("%d numbers", len(m.leaves))
		}
		if len(m.leaves) > 0 && !begins(payload) {
			t.Errorf("%q would be skipped", payload)
		}
		for _, l := range m.leaves {
			if l.value-l.value != 0 || len(l.key) > maxKey || l.binary && l.value != 0 && l.value != 1 {
				t.Errorf("%+v", l)
			}
		}
		for _, s := range m.times {
			parseTime(s.value)
		}
	})
}
