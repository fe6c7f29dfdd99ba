package reading

import (
	"encoding/json"
	"fmt"
)

// Meta is what does not change from reading to reading of a sensor: what it is,
// and what its values are. It is published retained on the MetaTopic of its
// Path:
//
//	{"driver":"bme280","title":"Bosch BME280 …","interval":10,"stale_after":30,
//	 "values":{"temperature":{"title":"Temperature","unit":"°C","device_class":"temperature","decimals":2,"min":-40,"max":85}}}
type Meta struct {
	Driver     string                `json:"driver"`
	Title      string                `json:"title"`
	Interval   float64               `json:"interval"`            // s, between two readings
	StaleAfter float64               `json:"stale_after"`         // s
	Heartbeat  float64               `json:"heartbeat,omitempty"` // s, after which one that has not changed is published all the same; 0: each is
	Simulated  bool                  `json:"simulated,omitempty"`
	Values     map[Quantity]Axis     `json:"values"`
	Settings   map[string][2]float64 `json:"settings,omitempty"` // what can be set, with its bounds
}

// Axis is what a value is.
type Axis struct {
	Title    string   `json:"title"`
	Unit     string   `json:"unit,omitempty"`
	Class    string   `json:"device_class,omitempty"` // Home Assistant's
	Decimals int      `json:"decimals"`
	Min      *float64 `json:"min,omitempty"` // what the chip can measure; nil if a filter has made something else of it
	Max      *float64 `json:"max,omitempty"`
	Counter  bool     `json:"counter,omitempty"`
	Binary   bool     `json:"binary,omitempty"`
}

// MetaTopic returns the topic of the sensor's [Meta], "site/room/sensor/meta".
func (p Path) MetaTopic() string { return p.String() + "/meta" }

// Payload returns the JSON of m. The slice is the caller's. It fails on bounds
// that JSON cannot hold.
func (m Meta) Payload() ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("meta of a sensor: %w", err)
	}
	return b, nil
}

// ParseMeta reads what Payload wrote.
func ParseMeta(payload []byte) (Meta, error) {
	var m Meta
	if err := json.Unmarshal(payload, &m); err != nil {
		return Meta{}, fmt.Errorf("meta of a sensor: %w", err)
	}
	return m, nil
}
