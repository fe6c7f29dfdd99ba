package dashboard

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"gateway/broker"
	"gateway/sensors/reading"
)

func TestSensorPage(t *testing.T) {
	d := testDashboard(Default())
	d.SetReaders(func(p reading.Path) Reader {
		if p.Sensor() == "climate" && p.Room() == "kitchen" {
			return Reader{"bme280", "Bosch BME280", "i2c-1 0x76"}
		}
		return Reader{}
	})
	api := describedAPI(t)
	ask := func(path string, want int) (p SensorPage) {
		t.Helper()
		w := request(d, "/api/v1/sensor?path="+path)
		api.Check(t, "GET", "/api/v1/sensor", w.Code, w.Body.Bytes())
		if w.Code != want {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		if w.Code == http.StatusOK {
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	publish := func(topic, payload string) {
		t.Helper()
		if err := d.b.Publish(&broker.Message{Topic: topic, Payload: []byte(payload), Retain: true}); err != nil {
			t.Fatal(err)
		}
	}
	ask("", http.StatusBadRequest)
	ask("home/kitchen", http.StatusBadRequest)
	ask("home/attic/climate", http.StatusNotFound)
	if p := ask("home/kitchen/climate", http.StatusOK); p.Driver != "bme280" || p.Title != "Bosch BME280" || p.Where != "i2c-1 0x76" { // configured, and never read
		t.Errorf("a configured sensor: %+v", p)
	}

	// Of another device there is what it publishes, and nothing else.
	d.model.take(msg("home/kitchen/climate", `{"temperature":21.5}`), time.Now())
	if p := ask("home/kitchen/climate", http.StatusOK); p.Payload != `{"temperature":21.5}` || p.PayloadBytes != 20 || p.Meta != nil || p.Detail != nil {
		t.Errorf("a plain sensor: %+v", p)
	}
	publish("home/kitchen/climate/meta", `no "meta"`)
	publish("home/kitchen/climate/status/detail", `[1]`)
	if p := ask("home/kitchen/climate", http.StatusOK); p.Meta != nil || p.Detail != nil {
		t.Errorf("what is published there is nothing of ours: %+v", p)
	}

	publish("home/kitchen/climate/meta", `{"driver":"bme280","title":"Bosch BME280","interval":10,"stale_after":30,"values":{"temperature":{"title":"Temperature","unit":"°C","decimals":2,"min":-40,"max":85}},"settings":{"total":[0,100]}}`)
	publish("home/kitchen/climate/status/detail", `{"status":"fault","since":"2026-11-28T12:00:00.000Z","reason":"no answer at 0x76","errors":{"timeout":3}}`)
	p := ask("home/kitchen/climate", http.StatusOK)
	if p.Meta == nil || p.Meta.Driver != "bme280" || p.Meta.Settings["total"] != [2]float64{0, 100} {
		t.Errorf("meta: %+v", p.Meta)
	}
	if p.Detail == nil || p.Detail.Reason != "no answer at 0x76" || p.Detail.Errors["timeout"] != 3 || p.Detail.SinceMS == nil || *p.Detail.SinceMS != 1795867200000 || p.Detail.LastGoodMS != nil {
		t.Errorf("detail: %+v", p.Detail)
	}

	// A large payload is cut, and says so.
	d.model.take(msg("home/kitchen/note", strings.Repeat("ä", 100_000)), time.Now())
	if p := ask("home/kitchen/note", http.StatusOK); p.PayloadBytes != 200_000 || len(p.Payload) > 4*maxPayload || !strings.HasPrefix(p.Payload, "äää") {
		t.Errorf("a large payload: %d bytes of %d", len(p.Payload), p.PayloadBytes)
	}
	// A sensor that was never read is known by its meta.
	publish("home/attic/co2/meta", `{"driver":"scd41","title":"Sensirion SCD41","interval":30,"stale_after":90,"values":{}}`)
	if p := ask("home/attic/co2", http.StatusOK); p.Meta == nil || p.Payload != "" {
		t.Errorf("never read: %+v", p)
	}
}
