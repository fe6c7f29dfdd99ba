package history

import (
	"testing"

	"gateway/sensors/reading"
)

func TestDescribe(t *testing.T) {
	metas := func(p reading.Path) (reading.Meta, bool) {
		return reading.Meta{Simulated: true, Values: map[reading.Quantity]reading.Axis{
			"flow_rate": {Title: "Flow", Unit: "L/min", Decimals: 2},
		}}, p.String() == "home/cellar/meter"
	}
	for series, want := range map[string]Meta{
		"home/kitchen/climate#temperature":            {Path: "home/kitchen/climate", Quantity: "temperature", Title: "Temperature", Unit: "°C", Decimals: 1},
		"home/cellar/meter#flow_rate":                 {Path: "home/cellar/meter", Quantity: "flow_rate", Title: "Flow", Unit: "L/min", Decimals: 2, Simulated: true},
		"home/cellar/meter#energy":                    {Path: "home/cellar/meter", Quantity: "energy", Title: "Energy", Unit: "kWh", Decimals: 3, Counter: true, Simulated: true},
		"home/hall/counter#count":                     {Path: "home/hall/counter", Quantity: "count", Title: "Count", Counter: true},
		"home/kitchen/temperature":                    {Path: "home/kitchen/temperature", Quantity: "temperature", Title: "Temperature", Unit: "°C", Decimals: 1},
		"tele/plug/SENSOR#ENERGY.Power":               {Path: "tele/plug/SENSOR", Quantity: "power", Title: "Power", Unit: "W", Decimals: 1},
		"tele/plug/SENSOR#ENERGY.Power.1":             {Path: "tele/plug/SENSOR", Quantity: "power", Title: "Power", Unit: "W", Decimals: 1},
		"tele/plug/SENSOR#ENERGY.Total":               {Path: "tele/plug/SENSOR", Quantity: "energy", Title: "Energy", Unit: "kWh", Decimals: 3, Counter: true},
		"shelly/events/rpc#params.switch:0.apower":    {Path: "shelly/events/rpc", Quantity: "power", Title: "Power", Unit: "W", Decimals: 1},
		"shelly/events/rpc#params.temperature:0.tF":   {Path: "shelly/events/rpc", Quantity: "temperature_fahrenheit", Title: "Temperature", Unit: "°F", Decimals: 1},
		"zigbee2mqtt/door#contact":                    {Quantity: "state", Title: "State", Binary: true},
		"zigbee2mqtt/door#linkquality":                {Quantity: "linkquality", Title: "linkquality", Decimals: -1},
		"node/sensor/attic_temperature/state":         {Quantity: "attic_temperature", Title: "attic_temperature", Decimals: -1},
		"node/sensor/temperature/state":               {Quantity: "temperature", Title: "Temperature", Unit: "°C", Decimals: 1},
		"somebody/elses#gas":                          {Quantity: "gas", Title: "gas", Decimals: -1},
		"somebody/elses#deep.TemperatureOfNobody.abc": {Quantity: "abc", Title: "abc", Decimals: -1},
	} {
		want.Series = series
		want.Topic, want.Key = split(series)
		if got := describe(series, metas); got != want {
			t.Errorf("%s\n is   %+v\n want %+v", series, got, want)
		}
	}
}

func TestAbout(t *testing.T) {
	for topic, want := range map[string]bool{
		"home/kitchen/climate":                       false,
		"home/kitchen/climate/temperature":           false,
		"home/kitchen/climate/status":                true,
		"home/kitchen/climate/status/detail":         true,
		"home/kitchen/climate/meta":                  true,
		"home/kitchen/climate/status/x":              false,
		"home/kitchen/status":                        false,
		"homie/node/$state":                          true,
		"homie/node/thermometer/temperature/$format": true,
		"homie/node/thermometer/temperature":         false,
		"home/alerts/freezer/detail":                 true,
		"home/alerts/any/home/bath/climate/detail":   true,
		"home/alerts/freezer/state":                  false,
		"$SYS/broker/uptime":                         false,
	} {
		if got := about(topic); got != want {
			t.Errorf("%s: %v", topic, got)
		}
	}
}

func TestChosen(t *testing.T) {
	for _, tt := range []struct {
		series, filter string
		want           bool
	}{
		{"home/kitchen/climate#temperature", "#", true},
		{"home/kitchen/climate#temperature", "home/+/climate", true},
		{"home/kitchen/climate#temperature", "home/cellar/#", false},
		{"demo/kitchen/climate#temperature", "#", false},
		{"demo/kitchen/climate#temperature", "+/kitchen/#", false},
		{"demo/kitchen/climate#temperature", "demo/#", true},
		{"demolition/x#y", "#", true},
		{"$SYS/broker/uptime", "#", false},
	} {
		if got := chosen(tt.series, tt.filter); got != tt.want {
			t.Errorf("%s by %s: %v", tt.series, tt.filter, got)
		}
	}
}
