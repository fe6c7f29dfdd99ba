package reading

import (
	"math"
	"reflect"
	"testing"
)

func TestMeta(t *testing.T) {
	least, most := -40.0, 85.0
	m := Meta{Driver: "bme280", Title: "Bosch BME280", Interval: 10, StaleAfter: 30, Values: map[Quantity]Axis{
		Temperature: {Title: "Temperature", Unit: "°C", Class: "temperature", Decimals: 2, Min: &least, Max: &most},
	}, Settings: map[string][2]float64{"total": {0, 5}}}
	b, err := m.Payload()
	want := `{"driver":"bme280","title":"Bosch BME280","interval":10,"stale_after":30,` +
		`"values":{"temperature":{"title":"Temperature","unit":"°C","device_class":"temperature","decimals":2,"min":-40,"max":85}},"settings":{"total":[0,5]}}`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v; want %s", b, err, want)
	}
	if back, err := ParseMeta(b); err != nil || !reflect.DeepEqual(back, m) {
		t.Errorf("%+v, %v", back, err)
	}
	if _, err := ParseMeta([]byte("[]")); err == nil {
		t.Error("a list is a meta")
	}
	infinite := math.Inf(1)
	if b, err := (Meta{Values: map[Quantity]Axis{Raw: {Max: &infinite}}}).Payload(); err == nil {
		t.Errorf("infinity became %s", b)
	}
	if got := kitchen.MetaTopic(); got != kitchen.String()+"/meta" {
		t.Error(got)
	}
}
