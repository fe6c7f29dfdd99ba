package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

// A vector is the option values, a line's end, and the payload.
var _ = vectors("mqtt", 1e-9, extractVector,
	vector{in: "ENERGY.Power=power,ENERGY.Total=energy,ENERGY.Voltage=voltage\n" +
		`{"Time":"2026-11-28T14:00:00","ENERGY":{"TotalStartTime":"2026-01-01T00:00:00","Total":12.345,"Power":"42","Voltage":231}}`,
		want: []float64{42, 12.345, 231}, source: "Tasmota documentation, tele/+/SENSOR, from memory"},
	vector{in: "DS18B20-1.Temperature=temperature_1,DS18B20-2.Temperature=temperature_2\n" +
		`{"Time":"2026-11-28T14:00:00","DS18B20-1":{"Id":"0316A2795CFF","Temperature":21.2},"DS18B20-2":{"Id":"0316A2796C11","Temperature":-3.5},"TempUnit":"C"}`,
		want: []float64{21.2, -3.5}, source: "Tasmota documentation, DS18x20, from memory"},
	vector{in: "temperature,humidity,battery,linkquality=raw\n" +
		`{"battery":97,"humidity":43.7,"linkquality":115,"temperature":21.53,"voltage":2995}`,
		want: []float64{21.53, 43.7, 97, 115}, source: "Zigbee2MQTT documentation, WSDCGQ11LM, from memory"},
	vector{in: "!contact=door\n" + `{"battery":100,"contact":false}`, want: []float64{1}, source: "Zigbee2MQTT documentation, MCCGQ11LM, from memory"},
	vector{in: "apower=power,voltage,aenergy.total=energy*0.001\n" +
		`{"id":0,"source":"init","output":true,"apower":8.9,"voltage":237.5,"current":0.11,"aenergy":{"total":6532.1,"by_minute":[45.2,47.1,47.0],"minute_ts":1626935779}}`,
		want: []float64{8.9, 237.5, 6.5321}, source: "Shelly API documentation, Gen2 Switch status, from memory"},
	vector{in: "power\n12.34", want: []float64{12.34}, source: "Shelly API documentation, Gen1 relay power, from memory"},
	vector{in: "temperature_C=temperature,humidity\n" +
		`{"time":"2026-11-28 14:00:00","model":"Nexus-TH","id":42,"channel":1,"battery_ok":1,"temperature_C":4.9,"humidity":81}`,
		want: []float64{4.9, 81}, source: "rtl_433 docs/DATA_FORMAT.md, from memory"},
	vector{in: "temperature\n" + `{"battery":97,"linkquality":115,"temperature":null}`, source: "Zigbee2MQTT, a device that has not reported yet"},
)

func mqttSlot(feed *bustest.Feed, more map[string]string) *bus.Slot {
	o := map[string]string{"topic": "dev/t", "values": "temperature,humidity", "match": "", "time": ""}
	for k, v := range more {
		o[k] = v
	}
	return &bus.Slot{Name: "home/kitchen/air", Options: o, Subscribe: feed.Subscribe}
}

func openMQTTTest(t *testing.T, feed *bustest.Feed, more map[string]string) *feedSensor {
	t.Helper()
	s, err := openMQTT(t.Context(), mqttSlot(feed, more))
	if err != nil {
		t.Fatal(err)
	}
	return s.(*feedSensor)
}

// awaitAndMeasure is what the scheduler does when a message comes.
func awaitAndMeasure(t *testing.T, s *feedSensor) ([]float64, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Await(ctx); err != nil {
		return nil, err
	}
	out := slices.Repeat([]float64{-1}, len(s.Channels()))
	if err := s.Measure(ctx, out); err != nil {
		if slices.ContainsFunc(out, func(x float64) bool { return x != -1 }) {
			t.Errorf("out was written on error: %v", out)
		}
		return nil, err
	}
	return out, nil
}

func TestMQTTMeasures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := bustest.NewFeed()
		s := openMQTTTest(t, feed, nil)
		if !slices.Equal(feed.Filters(), []string{"dev/t"}) {
			t.Errorf("subscribed to %q", feed.Filters())
		}
		for i := range 3 {
			sent := time.Now()
			feed.SendText("dev/t", fmt.Sprintf(`{"humidity":40,"temperature":%d}`, i))
			time.Sleep(time.Second)
			out, err := awaitAndMeasure(t, s)
			if err != nil || !slices.Equal(out, []float64{float64(i), 40}) || !s.Measured().Equal(sent) {
				t.Errorf("%v, %v, of %v, sent at %v", out, err, s.Measured(), sent)
			}
		}
		// Nothing new: neither an error, nor for long, nor the old one again.
		out, began := []float64{-1, -1}, time.Now()
		if err := s.Measure(t.Context(), out); !errors.Is(err, ErrNothingNew) || out[0] != -1 || time.Since(began) > feedPoll {
			t.Errorf("without a message: %v, %v, after %v", out, err, time.Since(began))
		}
		// Measure alone takes what is there, in order.
		feed.SendText("dev/t", `{"humidity":40,"temperature":7}`)
		feed.SendText("dev/t", `{"humidity":40,"temperature":8}`)
		for _, want := range []float64{7, 8} {
			if err := s.Measure(t.Context(), out); err != nil || out[0] != want {
				t.Errorf("%v, %v; want %v", out, err, want)
			}
		}
		if err := s.Close(); err != nil || !feed.Closed() {
			t.Errorf("closed: %v, %v", err, feed.Closed())
		}
	})
}

func TestMQTTPassesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := bustest.NewFeed()
		s := openMQTTTest(t, feed, map[string]string{"topic": "#", "match": "id=42, model=Nexus-TH"})
		const good = `{"id":42,"model":"Nexus-TH","temperature":1,"humidity":2}`
		feed.Send(bus.FeedMessage{Topic: "dev/t", Payload: []byte(good), Retained: true})
		feed.SendText("dev/t", "")
		feed.SendText("home/kitchen/air", good)
		feed.SendText("home/kitchen/air/status", good)
		feed.SendText("dev/t", strings.Replace(good, "42", "43", 1))
		feed.SendText("dev/t", strings.Replace(good, "Nexus-TH", "Other", 1))
		feed.SendText("dev/t", "17")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Await(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("of all that is not ours something is: %v, %+v", err, s.next)
		}
		// The first that should be one tells why it is not.
		feed.SendText("dev/t", `{"id":42,"model":"Nexus-TH","temperature":1}`)
		if _, err := awaitAndMeasure(t, s); err == nil || !strings.Contains(err.Error(), `message on "dev/t": humidity: there is no "humidity" in it, but id, model, temperature`) {
			t.Errorf("half a message: %v", err)
		}
		if err := s.Measure(t.Context(), make([]float64, 2)); err == nil || errors.Is(err, ErrNothingNew) {
			t.Errorf("half a message, asked again at once: %v", err)
		}
		feed.SendText("dev/t", good)
		if out, err := awaitAndMeasure(t, s); err != nil || !slices.Equal(out, []float64{1, 2}) {
			t.Errorf("a whole one: %v, %v", out, err)
		}
		// Then it publishes others, too.
		for _, other := range []string{`{"id":42,"model":"Nexus-TH","temperature":1}`, "warm", string(make([]byte, maxDocument+1))} {
			feed.SendText("dev/t", other)
		}
		if err := s.Measure(t.Context(), make([]float64, 2)); !errors.Is(err, ErrNothingNew) || !strings.Contains(err.Error(), `passed over a message on "dev/t": it is longer`) {
			t.Errorf("others: %v", err)
		}
	})
}

func TestMQTTTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour) // the bubble begins in 2000
		local := time.Now().Add(-time.Minute).Truncate(time.Second)
		for text, want := range map[string]time.Time{
			`"` + local.UTC().Format(time.RFC3339) + `"`:           local,
			`"` + local.Format("2006-01-02T15:04:05") + `"`:        local,
			`"` + local.Format("2006-01-02 15:04:05") + `"`:        local,
			`"` + local.UTC().Format("2006-01-02 15:04:05Z") + `"`: local,
			fmt.Sprint(local.Unix()):                               local,
			fmt.Sprintf("%d.5", local.Unix()):                      local.Add(500 * time.Millisecond),
			fmt.Sprint(local.UnixMilli() + 250):                    local.Add(250 * time.Millisecond),
			`"` + fmt.Sprint(local.Unix()) + `"`:                   local,
			fmt.Sprint(time.Now().Add(time.Hour).Unix()):           time.Now(), // cannot be
		} {
			feed := bustest.NewFeed()
			s := openMQTTTest(t, feed, map[string]string{"time": "at.t"})
			feed.SendText("dev/t", `{"temperature":1,"humidity":2,"at":{"t":`+text+`}}`)
			if _, err := awaitAndMeasure(t, s); err != nil || s.Measured().Sub(want).Abs() > time.Millisecond {
				t.Errorf("%s: %v, %v; want %v", text, s.Measured(), err, want)
			}
		}
		for _, text := range []string{`"yesterday"`, "12", "null", "1e30", "{}",
			`"1970-01-01T00:00:12"`, `"1970-01-01T00:00:12Z"`, `"0001-01-01 00:00:00"`} { // a clock that is not set yet
			feed := bustest.NewFeed()
			s := openMQTTTest(t, feed, map[string]string{"time": "t"})
			feed.SendText("dev/t", `{"temperature":1,"humidity":2,"t":`+text+`}`)
			if _, err := awaitAndMeasure(t, s); err == nil || !strings.Contains(err.Error(), "no time") {
				t.Errorf("%s: %v", text, err)
			}
		}
	})
}

// In the hour that is there twice, a time without a zone is the later of both
// unless that has not come yet.
func TestMQTTWhichHour(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	once := time.Date(2026, 10, 24, 22, 30, 0, 0, time.UTC)
	first := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC) // 02:30 in summer time
	for _, tt := range []struct{ at, arrived, want time.Time }{
		{first, first.Add(2 * time.Second), first},
		{first.Add(time.Hour), first.Add(2 * time.Second), first},
		{first, first.Add(time.Hour), first.Add(time.Hour)},
		{first.Add(time.Hour), first.Add(time.Hour + 2*time.Second), first.Add(time.Hour)},
		{once, once.Add(48 * time.Hour), once},
		{first.Add(2 * time.Hour), first.Add(3 * time.Hour), first.Add(2 * time.Hour)},
	} {
		if got := whichHour(tt.at.In(berlin), tt.arrived); !got.Equal(tt.want) {
			t.Errorf("%v, which arrived at %v: %v, want %v", tt.at, tt.arrived, got.UTC(), tt.want)
		}
	}
}

func TestMQTTFails(t *testing.T) {
	for _, test := range []struct{ option, value, want string }{
		{"topic", "", "option topic: is missing"},
		{"topic", "a/b+", "+ stands for a whole level"},
		{"topic", "a/#/b", "# for all that follows"},
		{"values", "", "option values names nothing"},
		{"values", "t=warmth", "is no quantity"},
		{"match", "id", `"id" is not path=text`},
	} {
		_, err := openMQTT(t.Context(), mqttSlot(bustest.NewFeed(), map[string]string{test.option: test.value}))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %q: error %v, want %q in it", test.option, test.value, err, test.want)
		}
	}
	broken := errors.New("the broker is full")
	feed := bustest.NewFeed()
	s := openMQTTTest(t, feed, nil)
	feed.Fail(broken)
	if err := s.Await(t.Context()); !errors.Is(err, broken) || !strings.Contains(err.Error(), `"dev/t"`) {
		t.Errorf("a feed that fails: %v", err)
	}
	if err := s.Measure(t.Context(), make([]float64, 2)); !errors.Is(err, broken) {
		t.Errorf("a feed that fails: %v", err)
	}
	if _, err := openMQTT(t.Context(), mqttSlot(feed, nil)); !errors.Is(err, broken) {
		t.Errorf("subscribing fails: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	feed.Fail(nil)
	if err := s.Measure(ctx, make([]float64, 2)); !errors.Is(err, context.Canceled) {
		t.Errorf("stopping: %v", err)
	}
}

func FuzzMQTTPayload(f *testing.F) {
	f.Add(`{"t":{"x":"2026-11-28T14:00:00"},"temperature":1}`)
	f.Add(`{"t":{"x":1e300},"temperature":1}`)
	f.Fuzz(func(t *testing.T, payload string) {
		m, _ := parseMapping("temperature")
		s := &feedSensor{mapping: m, timeAt: "t.x"}
		now := time.Now()
		if r := s.take(bus.FeedMessage{Topic: "a", Payload: []byte(payload), Time: now}); r != nil && r.err == nil && r.time.After(now) {
			t.Errorf("%q is of %v", payload, r.time)
		}
	})
}
