package discovery

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker"
	"gateway/sensors/reading"
)

const (
	metaTopic = "home/kitchen/climate/meta"
	meta      = `{"driver":"bme280","title":"Bosch BME280","interval":10,"stale_after":30,"values":{
		"temperature":{"title":"Temperature","unit":"°C","device_class":"temperature","decimals":1},
		"energy":{"title":"Energy","unit":"kWh","device_class":"energy","decimals":3,"counter":true},
		"door":{"title":"Door","device_class":"door","binary":true}},"settings":{"total":[0,1000],"zero":[400,400]}}`
	climate = "homeassistant/device/gateway_home-kitchen-climate/config"
	hubs    = "homeassistant/device/gateway_home/config"
)

func newTree() *broker.Broker {
	return broker.New(broker.Default(), slog.New(slog.DiscardHandler))
}

func put(t *testing.T, b *broker.Broker, topic, payload string) {
	t.Helper()
	if err := b.Publish(&broker.Message{Topic: topic, Payload: []byte(payload), Retain: !strings.HasSuffix(topic, "/status")}); err != nil {
		t.Fatal(err)
	}
}

// run runs discovery of the site home in a bubble; the function that it returns ends it.
func run(t *testing.T, b *broker.Broker, cfg Config) (*Discovery, func()) {
	t.Helper()
	d := makeAt(b, cfg, "home", "")
	return d, start(t, d)
}

// makeAt makes discovery of a site, with a folder for what outlives it.
func makeAt(b *broker.Broker, cfg Config, site, folder string) *Discovery {
	return New(cfg, Deps{Tree: b, Site: func() string { return site }, Page: func() string { return "http://pi:8080" }, Folder: folder, Version: "1.2", Log: slog.New(slog.DiscardHandler)})
}

// start runs discovery until the function that it returns is called.
func start(t *testing.T, d *Discovery) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	time.Sleep(time.Second) // of the bubble
	synctest.Wait()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func retained(b *broker.Broker, topic string) string {
	if m := b.Retained(topic); m != nil {
		return string(m.Payload)
	}
	return ""
}

// topics are those retained that end with config.
func topics(b *broker.Broker) (all []string) {
	for _, m := range b.RetainedMatching("#") {
		if strings.HasSuffix(m.Topic, "/config") {
			all = append(all, m.Topic)
		}
	}
	slices.Sort(all)
	return all
}

func TestDeviceIsDescribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTree()
		put(t, b, metaTopic, meta)
		put(t, b, "demo/kitchen/climate/meta", meta)
		put(t, b, "home/alerts/hot/detail", `{}`)
		put(t, b, "$SYS/broker/connection/cloud/state", "1")
		_, end := run(t, b, Default())
		defer end()
		const status = `"availability_topic":"home/kitchen/climate/status","availability_template":"{{ 'online' if value == 'online' else 'offline' }}"`
		want := `{"device":{"identifiers":["gateway_home-kitchen-climate"],"name":"kitchen climate","model":"Bosch BME280","suggested_area":"kitchen","via_device":"gateway_home"},` +
			`"origin":{"name":"gateway","sw_version":"1.2"},"components":{` +
			`"door":{"platform":"binary_sensor","name":"Door","unique_id":"gateway_home-kitchen-climate-door","state_topic":"home/kitchen/climate","value_template":"{{ value_json.door | default('') }}","device_class":"door","expire_after":60,"payload_on":"1","payload_off":"0",` + status + `,"qos":1},` +
			`"energy":{"platform":"sensor","name":"Energy","unique_id":"gateway_home-kitchen-climate-energy","state_topic":"home/kitchen/climate","value_template":"{{ value_json.energy | default('') }}","device_class":"energy","state_class":"total_increasing","unit_of_measurement":"kWh","suggested_display_precision":3,"expire_after":60,` + status + `,"qos":1},` +
			`"read":{"platform":"button","name":"Read now","unique_id":"gateway_home-kitchen-climate-read","command_topic":"home/kitchen/climate/set/read","payload_press":"1","entity_category":"diagnostic","enabled_by_default":false,"qos":1},` +
			`"set_total":{"platform":"number","name":"Set total","unique_id":"gateway_home-kitchen-climate-set_total","command_topic":"home/kitchen/climate/set/total","min":0,"max":1000,"step":0.001,"mode":"box",` + status + `,"entity_category":"config","qos":1},` +
			`"set_zero":{"platform":"button","name":"Set zero","unique_id":"gateway_home-kitchen-climate-set_zero","command_topic":"home/kitchen/climate/set/zero","payload_press":"400",` + status + `,"entity_category":"config","enabled_by_default":false,"qos":1},` +
			`"status":{"platform":"sensor","name":"Status","unique_id":"gateway_home-kitchen-climate-status","state_topic":"home/kitchen/climate/status","device_class":"enum","options":["online","stale","fault","offline"],"json_attributes_topic":"home/kitchen/climate/status/detail","entity_category":"diagnostic","qos":1},` +
			`"temperature":{"platform":"sensor","name":"Temperature","unique_id":"gateway_home-kitchen-climate-temperature","state_topic":"home/kitchen/climate","value_template":"{{ value_json.temperature | default('') }}","device_class":"temperature","state_class":"measurement","unit_of_measurement":"°C","suggested_display_precision":1,"expire_after":60,` + status + `,"qos":1}}}`
		if got := retained(b, climate); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		want = `{"device":{"identifiers":["gateway_home"],"name":"Gateway home","model":"IoT sensor gateway","sw_version":"1.2","configuration_url":"http://pi:8080"},"origin":{"name":"gateway","sw_version":"1.2"},"components":{` +
			`"alert_hot":{"platform":"binary_sensor","name":"Alert hot","unique_id":"gateway_home-alert_hot","state_topic":"home/alerts/hot/state","device_class":"problem","payload_on":"on","payload_off":"off","json_attributes_topic":"home/alerts/hot/detail","qos":1},` +
			`"bridge_cloud":{"platform":"binary_sensor","name":"Bridge cloud","unique_id":"gateway_home-bridge_cloud","state_topic":"$SYS/broker/connection/cloud/state","device_class":"connectivity","payload_on":"1","payload_off":"0","entity_category":"diagnostic"},` +
			`"clients":{"platform":"sensor","name":"MQTT clients","unique_id":"gateway_home-clients","state_topic":"$SYS/broker/clients/connected","state_class":"measurement","entity_category":"diagnostic"}}}`
		if got := retained(b, hubs); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if got := topics(b); len(got) != 2 {
			t.Errorf("announced %v", got)
		}
	})
}

func TestWhatIsGoneIsTakenBackAndNothingOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTree()
		foreign := map[string]string{
			"homeassistant/sensor/x/y/config":                            `{"unique_id":"gateway_home-x","origin":{"name":"zigbee2mqtt"},"device":{"identifiers":["gateway_home"]}}`,
			"homeassistant/device/gateway_other-room-sensor/config":      `{"origin":{"name":"gateway"},"device":{"identifiers":["gateway_other-room-sensor"]}}`,
			"homeassistant/device/gateway_home_2-kitchen-x/config":       `{"origin":{"name":"gateway"},"device":{"identifiers":["gateway_home_2-kitchen-x"]}}`,
			"homeassistant/sensor/gateway_home-kitchen-lamp/z/config":    `not JSON`,
			"homeassistant/device/gateway_home-kitchen-elsewhere/config": `{"origin":{"name":"gateway"},"device":{"identifiers":["gateway_home-a-b"]}}`,
		}
		for topic, payload := range foreign {
			put(t, b, topic, payload)
		}
		put(t, b, metaTopic, meta)
		_, end := run(t, b, Default())
		end()
		put(t, b, metaTopic, "") // while it was off
		_, end = run(t, b, Default())
		if retained(b, climate) == "" {
			t.Error("taken back at once, though what it is may just not have been on disk")
		}
		time.Sleep(patience)
		synctest.Wait()
		if got := retained(b, climate); got != "" {
			t.Errorf("still announced: %s", got)
		}
		put(t, b, metaTopic, meta)
		end()
		other := Default()
		other.Prefix = "a/b"
		_, end = run(t, b, other)
		if retained(b, hubs) != "" || retained(b, "a/b/device/gateway_home/config") == "" {
			t.Errorf("another prefix: %v", topics(b))
		}
		end()
		other.Discovery = Off
		_, end = run(t, b, other)
		defer end()
		if got := topics(b); len(got) != len(foreign) {
			t.Errorf("off: %v", got)
		}
		for topic, payload := range foreign {
			if retained(b, topic) != payload {
				t.Errorf("%s was touched", topic)
			}
		}
	})
}

// watch collects what is published on discovery topics from now on.
func watch(t *testing.T, b *broker.Broker) func() []string {
	t.Helper()
	sub, err := b.Subscribe(broker.SubscribeOptions{}, "homeassistant/#")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sub.Close)
	return func() (all []string) {
		synctest.Wait()
		for {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			m, err := sub.Next(ctx)
			cancel()
			if err != nil {
				return all
			}
			if !m.Replay {
				all = append(all, m.Topic+" "+string(m.Payload[:min(len(m.Payload), 26)]))
			}
		}
	}
}

func TestBirthHasAllSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTree()
		put(t, b, metaTopic, meta)
		put(t, b, "home/kitchen/stays/meta", meta)
		_, end := run(t, b, Default())
		defer end()
		put(t, b, metaTopic, "")
		time.Sleep(patience)
		news := watch(t, b)
		put(t, b, "homeassistant/status", "offline")
		time.Sleep(birthDelay)
		if got := news(); len(got) != 1 {
			t.Errorf("sent %v", got)
		}
		put(t, b, "homeassistant/status", "online")
		time.Sleep(birthDelay)
		got := news()
		if len(got) != 4 || !strings.HasPrefix(got[1], hubs+` {"device"`) || got[3] != climate+" " {
			t.Errorf("sent %q, want what there is, and that what is gone is gone", got)
		}
	})
}

// Home Assistant keeps names and history of entities if it is told of the migration
// before the new form is there, and the old form is cleared after. A message for a
// device that comes while a component is being unloaded would lose the others: the
// loop of async_discovery_message_received in homeassistant/components/mqtt/discovery.py
// returns at the first that is pending.
func TestMigration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTree()
		put(t, b, metaTopic, meta)
		d, end := run(t, b, Default())
		defer end()
		news := watch(t, b)
		ids := uniqueIDs(t, b)
		for _, mode := range []string{ByComponent, ByDevice} {
			cfg := Default()
			cfg.Discovery = mode
			if err := d.Change(cfg); err != nil {
				t.Fatal(err)
			}
			time.Sleep(handOver)
			sent := news()
			for _, m := range sent {
				if !strings.HasSuffix(m, `{"migrate_discovery":true}`) {
					t.Errorf("%s: sent before Home Assistant has let go: %s", mode, m)
				}
			}
			time.Sleep(time.Second)
			var order []int
			for _, m := range append(sent, news()...) {
				switch {
				case strings.HasSuffix(m, `{"migrate_discovery":true}`):
					order = append(order, 0)
				case strings.HasSuffix(m, "config "):
					order = append(order, 2)
				default:
					order = append(order, 1)
				}
			}
			if !slices.IsSorted(order) || order[0] != 0 || order[len(order)-1] != 2 {
				t.Errorf("%s: %v", mode, order)
			}
			if now := uniqueIDs(t, b); !slices.Equal(now, ids) {
				t.Errorf("%s: entities are %v, were %v", mode, now, ids)
			}
		}
	})
}

func uniqueIDs(t *testing.T, b *broker.Broker) (all []string) {
	t.Helper()
	for _, topic := range topics(b) {
		var m struct {
			component
			Components map[string]component `json:"components"`
		}
		if err := json.Unmarshal([]byte(retained(b, topic)), &m); err != nil {
			t.Fatal(err)
		}
		if m.UniqueID != "" {
			all = append(all, m.UniqueID)
		}
		for _, c := range m.Components {
			all = append(all, c.UniqueID)
		}
	}
	slices.Sort(all)
	return all
}

func TestComponentThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTree()
		put(t, b, metaTopic, meta)
		_, end := run(t, b, Default())
		defer end()
		put(t, b, metaTopic, `{"values":{"temperature":{"title":"Temperature","unit":"°C","device_class":"temperature"}}}`)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := retained(b, climate); !strings.Contains(got, `"door":{"platform":"binary_sensor"}`) || !strings.Contains(got, `"temperature":{"platform":"sensor","name"`) {
			t.Errorf("got %s", got)
		}
	})
}

func TestABrokerAloneIsNotAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTree()
		put(t, b, "$SYS/broker/connection/cloud/state", "1")
		_, end := run(t, b, Default())
		defer end()
		if got := topics(b); len(got) > 0 {
			t.Errorf("announced %v", got)
		}
	})
}

// A value does not expire because a reading is late, or has not changed and so is not
// published before the heartbeat.
func TestExpireAfter(t *testing.T) {
	for _, x := range []struct {
		interval, staleAfter, heartbeat float64
		want                            int
	}{
		{10, 30, 0, 60}, {10, 10, 0, 50}, {0.2, 0.6, 0, 31}, {60, 180, 600, 810}, {3600, 10800, 0, 10830},
		{0, 45, 0, 75}, {10, 0, 0, 0}, {1, 1e300, 0, 0}, {-9, 30, -9, 60},
	} {
		if got := expireAfter(reading.Meta{Interval: x.interval, StaleAfter: x.staleAfter, Heartbeat: x.heartbeat}); got != x.want {
			t.Errorf("%+v: got %d", x, got)
		}
	}
}

func TestWords(t *testing.T) {
	seen := make(map[string]string)
	for _, s := range []string{"a-b", "a_b", "a b", "Küche", "Kuche", "부엌", "温度"} {
		w := word(s)
		if before, ok := seen[w]; ok {
			t.Errorf("%s and %s are both %s", s, before, w)
		}
		seen[w] = s
		if strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			t.Errorf("%q is no word", w)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range []Config{{"on", "a", "b"}, {"off", "", "b"}, {"off", "a", "b/#"}, {"off", "/a", "b"}, {"off", "$SYS", "b"}, {"off", strings.Repeat("a", 201), "b"}} {
		if c.Validate() == nil {
			t.Errorf("%+v passed", c)
		}
	}
}
