package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/openapitest"
	"gateway/cmd/gateway/internal/history"
	"gateway/sensors"
	"gateway/sensors/reading"
)

// demoSeries returns what of history is of the simulated house.
func demoSeries(t *testing.T, g *gatewayProcess) (all []history.SeriesInfo) {
	t.Helper()
	fetch(t, g, "/api/v1/series", url.Values{"filter": {"demo/#"}}, &all)
	return all
}

func page(t *testing.T, g *gatewayProcess) (all dashboard.Snapshot) {
	t.Helper()
	fetch(t, g, "/api/v1/sensors", nil, &all)
	return all
}

// awaitThat waits until a condition holds.
func awaitThat(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain: " + what)
		}
	}
}

func post(t *testing.T, c *http.Client, g *gatewayProcess, path string) (status int, body string) {
	t.Helper()
	resp, err := c.Post(g.page+path, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	openapitest.LoadFrom(t, g.page).Check(t, "POST", path, resp.StatusCode, b)
	return resp.StatusCode, string(b)
}

// TestDemoComesAndGoes: check 5. The house and a week of its past are there at once, and are
// removed without a trace, while what is real stays. It comes again when somebody
// asks for it, also after a restart.
func TestDemoComesAndGoes(t *testing.T) {
	sub := need(t, "mosquitto_sub", "mosquitto-clients")
	config := fmt.Sprintf("sensors: []\npersistence: {path: %q}\n", filepath.Join(t.TempDir(), "store"))
	g := startGateway(t, config, "--demo")
	publish := publisherFor(t, g)
	publish("home/kitchen/climate", `{"temperature":21}`, "-r")
	publish("demo/own/thing", `{"x":1}`, "-r") // somebody's who has a site of that name
	awaitThat(t, "15 sensors and two more, with values", func() bool {
		all := page(t, g).Sensors
		return len(all) == 17 && !slices.ContainsFunc(all, func(s dashboard.Sensor) bool { return len(s.Values) == 0 })
	})
	if s := page(t, g); !s.Gateway.Demo || s.Sensors[0].Values[0].Hour == nil || len(s.Sensors[0].Values[0].History) < 50 {
		t.Errorf("no last hour of %+v", s.Sensors[0])
	}
	awaitThat(t, "a past of a week", func() bool {
		var c history.Chart
		fetch(t, g, "/api/v1/history", url.Values{"series": {"demo/bedroom/climate#temperature", "demo/cellar/power#power"}, "from": {fmt.Sprint(time.Now().Add(-demoPast).UnixMilli())}}, &c)
		if c.StartsMS == nil || time.Now().UnixMilli()-*c.StartsMS < 167*3600_000 {
			return false
		}
		outages := 0
		for i, l := 1, c.Series[0]; i < len(l.T); i++ {
			if l.T[i]-l.T[i-1] > l.GapMS {
				outages++
			}
		}
		if outages < 2 || !c.Series[0].Simulated || *c.Series[1].Stats.Max != 11_340 {
			t.Errorf("%d outages, simulated %v, at most %v W", outages, c.Series[0].Simulated, *c.Series[1].Stats.Max)
		}
		return true
	})
	admin := g.admin(t)
	if status, _ := post(t, http.DefaultClient, g, "/api/v1/demo/remove"); status != http.StatusUnauthorized {
		t.Errorf("anybody may remove it: %d", status)
	}
	if status, said := post(t, admin, g, "/api/v1/demo/remove"); status != 200 || said != "{\"demo\":false}\n" {
		t.Fatalf("%d %s", status, said)
	}
	left := func(where string) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), "GET", g.page+"/api/v1/sensors", nil)
		resp, err := admin.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var s dashboard.Snapshot
		if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
			t.Fatal(err)
		}
		if len(s.Sensors) != 2 || s.Gateway.Demo {
			t.Errorf("%s: %d sensors, demo %v", where, len(s.Sensors), s.Gateway.Demo)
		}
		series := ""
		resp, err = admin.Get(g.page + "/api/v1/series?filter=demo/%23")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		series = string(b)
		if strings.Count(series, `"series"`) != 1 || !strings.Contains(series, "demo/own/thing#x") {
			t.Errorf("%s: there is history of %s", where, series)
		}
	}
	awaitThat(t, "the tiles to go", func() bool {
		resp, err := admin.Get(g.page + "/api/v1/sensors")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return strings.Count(string(b), `"path"`) == 2
	})
	left("after it was removed")
	publish("home/end", "1", "-r")
	if got := command(t, sub, append(hostPort(t, g.mqtt), "-t", "demo/#", "-t", "home/end", "-C", "2", "-W", "20", "-F", "%t")...); strings.Count(got, "demo/") != 1 {
		t.Errorf("retained: %s", got)
	}
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	g = startGateway(t, config)
	admin = g.admin(t)
	left("after a restart")
	if status, said := post(t, admin, g, "/api/v1/demo/start"); status != 200 || said != "{\"demo\":true}\n" {
		t.Fatalf("%d %s", status, said)
	}
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	g = startGateway(t, config)
	admin = g.admin(t)
	resp, err := admin.Get(g.page + "/api/v1/history?series=demo/kitchen/climate%23temperature&from=" + fmt.Sprint(time.Now().Add(-time.Hour).UnixMilli()))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var c history.Chart
	if err := json.NewDecoder(resp.Body).Decode(&c); err != nil || c.Series[0].Stats.N < 500 {
		t.Errorf("after it was started again, and a restart: %v, %+v", err, c.Series)
	}
}

// TestDemoThatIsNoMore: without --demo the house of an earlier run leaves nothing.
func TestDemoThatIsNoMore(t *testing.T) {
	dir := t.TempDir()
	config := fmt.Sprintf("sensors: []\npersistence: {path: %q}\n", filepath.Join(dir, "store"))
	g := startGateway(t, config, "--demo")
	awaitThat(t, "its history", func() bool { return len(demoSeries(t, g)) > 20 })
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "store", "demo", "past")); err != nil {
		t.Error(err)
	}
	g = startGateway(t, config)
	awaitThat(t, "its history to go", func() bool { return len(demoSeries(t, g)) == 0 })
	if n := len(page(t, g).Sensors); n != 0 {
		t.Errorf("%d sensors", n)
	}
}

// TestDemoPastGoesOn: there is no jump between what was made up before and what is
// read now.
func TestDemoPastGoesOn(t *testing.T) {
	end := time.Date(2026, 11, 28, 15, 0, 0, 0, time.UTC)
	for _, c := range sensors.Demo().Sensors {
		count := map[reading.Quantity]int{}
		last := end.Add(-time.Hour)
		for r := range demoReadings(c, end.Add(-time.Hour), end, c.Interval) {
			if r.Time.Before(last) || !r.Time.Before(end) {
				t.Fatalf("%s: %v after %v", c.Name, r.Time, last)
			}
			last = r.Time
			for _, v := range r.Values {
				count[v.Quantity]++
			}
		}
		for q, n := range count {
			if want := int(time.Hour / c.Interval); n < want/2 || n > want {
				t.Errorf("%s %s: %d readings, want about %d", c.Name, q, n, want)
			}
		}
		if len(count) == 0 {
			t.Errorf("%s has no past", c.Name)
		}
	}
	// Once in three days an outage and a spike.
	for _, c := range sensors.Demo().Sensors {
		spikes, missing := 0, 0
		before := end.Add(-demoPast)
		for r := range demoReadings(c, end.Add(-demoPast), end, demoStep) {
			if r.Time.Sub(before) > 2*time.Hour {
				missing++
			}
			before = r.Time
			for _, v := range r.Values {
				if v.Quantity == reading.Power && v.Number == 11_340 {
					spikes++
				}
			}
		}
		if want := c.Name == "power"; (spikes >= 2) != want {
			t.Errorf("%s/%s: %d spikes", c.Room, c.Name, spikes)
		}
		if want := c.Room == "bedroom" && c.Name == "climate"; (missing >= 2) != want {
			t.Errorf("%s/%s: missing %d times", c.Room, c.Name, missing)
		}
	}
}

// TestPageDemo: check 5 in a browser.
func TestPageDemo(t *testing.T) {
	browse(t, "demo", startGateway(t, "sensors: []\n", "--demo").page, nil)
}
