package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/cmd/gateway/internal/dashboard/openapitest"
	"gateway/cmd/gateway/internal/history"
)

// fetch asks a gateway, holds the answer against its description, and reads it.
func fetch(t *testing.T, g *gatewayProcess, path string, query url.Values, into any) {
	t.Helper()
	resp, err := http.Get(g.page + path + "?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s: %s %v %s", path, resp.Status, err, body)
	}
	openapitest.LoadFrom(t, g.page).Check(t, "GET", path, resp.StatusCode, body)
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatal(err)
	}
}

// awaitSeries waits until there is as much of a series, and returns its chart.
func awaitSeries(t *testing.T, g *gatewayProcess, series string, samples uint64) history.Lines {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		var c history.Chart
		fetch(t, g, "/api/v1/history", url.Values{"series": {series}}, &c)
		if l := c.Series[0]; l.Stats.N >= samples {
			return l
		} else if time.Now().After(deadline) {
			t.Fatalf("%s has %d samples, want %d", series, l.Stats.N, samples)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// publisherFor returns what publishes with Debian's client.
func publisherFor(t *testing.T, g *gatewayProcess) func(topic, payload string, more ...string) {
	pub := need(t, "mosquitto_pub", "mosquitto-clients")
	return func(topic, payload string, more ...string) {
		t.Helper()
		command(t, pub, slices.Concat(hostPort(t, g.mqtt), []string{"-q", "1", "-t", topic, "-m", payload}, more)...)
	}
}

// TestHistoryOfDevices publishes what devices send, and finds it as series.
func TestHistoryOfDevices(t *testing.T) {
	g := startGateway(t, "sensors: []\n")
	publish := publisherFor(t, g)
	publish("tele/plug/SENSOR", fmt.Sprintf(`{"Time":%q,"ENERGY":{"Total":12.345,"Power":[5,7]},"TempUnit":"C"}`, time.Now().Format("2006-01-02T15:04:05")))
	publish("tele/plug/STATE", `{"POWER":"ON","UptimeSec":5}`)
	publish("zigbee2mqtt/attic", `{"temperature":19.5,"battery":97,"voltage":3000,"linkquality":120,"update":{"installed_version":5}}`)
	publish("zigbee2mqtt/attic/set", `{"calibration":2}`)
	publish("node/sensor/temperature/state", "21.75")
	publish("node/binary_sensor/door/state", "OFF")
	publish("shellyplus1-a8/events/rpc", fmt.Sprintf(`{"method":"NotifyStatus","params":{"ts":%.2f,"switch:0":{"id":0,"apower":12.5,"output":true}}}`, float64(time.Now().UnixMilli())/1000))
	publish("homeassistant/sensor/x/config", `{"expire_after":60}`)
	publish("home/kitchen/climate", fmt.Sprintf(`{"time":%q,"temperature":21.5}`, time.Now().UTC().Format(time.RFC3339Nano)), "-r")
	awaitSeries(t, g, "home/kitchen/climate#temperature", 1)
	var all []history.SeriesInfo
	fetch(t, g, "/api/v1/series", nil, &all)
	var got []string
	for _, s := range all {
		if !strings.HasPrefix(s.Series, "home/kitchen") {
			got = append(got, fmt.Sprintf("%s=%v %s", s.Series, s.Last, s.Unit))
		}
		if age := time.Now().UnixMilli() - s.LastMS; age < -5000 || age > 60_000 {
			t.Errorf("%s is %d ms old", s.Series, age)
		}
	}
	want := []string{
		"node/binary_sensor/door/state=0 ", "node/sensor/temperature/state=21.75 °C",
		"shellyplus1-a8/events/rpc#params.switch:0.apower=12.5 W", "shellyplus1-a8/events/rpc#params.switch:0.output=1 ",
		"tele/plug/SENSOR#ENERGY.Power.0=5 W", "tele/plug/SENSOR#ENERGY.Power.1=7 W", "tele/plug/SENSOR#ENERGY.Total=12.345 kWh",
		"tele/plug/STATE#POWER=1 ", "tele/plug/STATE#UptimeSec=5 ",
		"zigbee2mqtt/attic#battery=97 %", "zigbee2mqtt/attic#linkquality=120 ", "zigbee2mqtt/attic#temperature=19.5 °C", "zigbee2mqtt/attic#voltage=3000 mV",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestHistoryLeavesOutDescriptions: what says to Home Assistant what there is has
// numbers, and none of them is a series, whatever the prefix, and with a history that
// excludes nothing. What else is below the prefix is recorded.
func TestHistoryLeavesOutDescriptions(t *testing.T) {
	t.Parallel() // it waits more than it works
	config := "sensors: []\nhistory: {exclude: [], batch: 1s}\n"
	g, _ := startReloadable(t, config+"home_assistant: {prefix: a/b}\n"+freePorts, 2)
	there := awaitGateway(g.process)
	publish := publisherFor(t, there)
	for _, topic := range []string{"a/b/sensor/x/config", "a/b/sensor/x/y/config", "c/sensor/x/config", "a/b/sensor"} {
		publish(topic, `{"expire_after":60}`)
	}
	g.reload(t, config+"home_assistant: {prefix: c}\n"+freePorts)
	for _, topic := range []string{"a/b/sensor/x/config", "c/sensor/y/config", "c/device/y/config", "c/last"} {
		publish(topic, `{"n":1}`)
	}
	awaitSeries(t, there, "c/last#n", 1)
	var got []string
	var all []history.SeriesInfo
	fetch(t, there, "/api/v1/series", nil, &all)
	for _, s := range all {
		got = append(got, s.Series)
	}
	if want := []string{"a/b/sensor#expire_after", "a/b/sensor/x/config#n", "c/last#n", "c/sensor/x/config#expire_after"}; !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

// TestHistoryOutlivesKill: check 13. What was recorded is there after kill -9, but
// for the last batch; the outage draws as a gap, and what waited meanwhile on a
// device lands in it.
func TestHistoryOutlivesKill(t *testing.T) {
	t.Parallel() // it waits more than it works
	config := fmt.Sprintf("sensors: []\npersistence: {path: %q}\nhistory: {batch: 1s}\n", filepath.Join(t.TempDir(), "store"))
	g := startGateway(t, config)
	publish := publisherFor(t, g)
	const series = "home/kitchen/climate#temperature"
	now := time.Now().Truncate(time.Second)
	at := func(ago time.Duration, x float64) string {
		return fmt.Sprintf(`{"time":%q,"temperature":%v}`, now.Add(-ago).UTC().Format(time.RFC3339Nano), x)
	}
	for i := range 10 {
		publish("home/kitchen/climate", at(2*time.Hour-time.Duration(i)*10*time.Second, 20+float64(i)))
	}
	awaitSeries(t, g, series, 10)
	g.awaitMetric("gateway_history_pending_samples 0")
	g.kill()
	g = startGateway(t, config)
	publish = publisherFor(t, g)
	before := awaitSeries(t, g, series, 10)
	if *before.Stats.FirstMS != now.Add(-2*time.Hour).UnixMilli() {
		t.Errorf("%+v", before.Stats)
	}
	for i := range 10 {
		publish("home/kitchen/climate", at(time.Hour-time.Duration(i)*10*time.Second, 30))
	}
	l := awaitSeries(t, g, series, 20)
	gaps := 0
	for i := 1; i < len(l.T); i++ {
		if l.T[i]-l.T[i-1] > l.GapMS {
			gaps++
		}
	}
	if gaps != 1 {
		t.Errorf("%d gaps, want 1 of an hour: %v, %d", gaps, l.T, l.GapMS)
	}
	publish("home/kitchen/climate", at(90*time.Minute, 40)) // late
	if l := awaitSeries(t, g, series, 21); !slices.IsSorted(l.T) || slices.Index(l.Last, 40) < 1 {
		t.Errorf("%+v", l)
	}
	// And in the files that people get.
	resp, err := http.Get(g.page + "/api/v1/export?format=csv&series=" + url.QueryEscape(series))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	rows, err := csv.NewReader(resp.Body).ReadAll()
	if err != nil || len(rows) != 22 || rows[0][2] != series+" (°C)" {
		t.Errorf("%v, %d rows: %q", err, len(rows), rows[0])
	}
	// A token that may look may not delete; who set the password may.
	admin := g.admin(t)
	for _, c := range []struct {
		client *http.Client
		status int
	}{{http.DefaultClient, http.StatusUnauthorized}, {admin, http.StatusOK}} {
		r, err := http.NewRequestWithContext(t.Context(), "DELETE", g.page+"/api/v1/history?filter=home/%23", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("deleting: %s, want %d", resp.Status, c.status)
		}
	}
}

// TestHistoryThatIsOff: whoever asks hears which key it is.
func TestHistoryThatIsOff(t *testing.T) {
	_, page, _ := runHere(t, "history: {enabled: false}\n"+freePorts+"persistence: {enabled: false}\n")
	for _, path := range []string{"/api/v1/series", "/api/v1/history?series=a", "/api/v1/export?series=a"} {
		if status, said := ask(t, "GET", page+path, ""); status != 404 || !strings.Contains(said, "history.enabled") {
			t.Errorf("%s: %d %s", path, status, said)
		}
	}
}
