package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ecosystem is the folder of what other programs need to use the gateway.
const ecosystem = "../../deploy/raspberrypi/ecosystem/"

// grafana is a dashboard of Grafana, as much of it as has a meaning here.
type grafana struct {
	UID        string `json:"uid"`
	Title      string `json:"title"`
	Templating struct {
		List []struct {
			Name       string `json:"name"`
			Type       string `json:"type"`
			Definition string `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
	Panels []struct {
		ID      int    `json:"id"`
		Type    string `json:"type"`
		Title   string `json:"title"`
		GridPos struct{ H, W, X, Y int }
		Targets []struct {
			RefID      string                     `json:"refId"`
			Expr       string                     `json:"expr"`
			Datasource struct{ Type, UID string } `json:"datasource"`
		} `json:"targets"`
	} `json:"panels"`
}

func readDashboard(t *testing.T) (d grafana) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, ecosystem+"grafana.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestGrafanaDashboard holds what Grafana wants of a dashboard: ids that differ, panels
// beside each other, every query with a source that the reader chooses.
func TestGrafanaDashboard(t *testing.T) {
	d := readDashboard(t)
	ids, taken, queries := map[int]bool{}, map[[2]int]string{}, 0
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("panel %q: id %d is taken", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok || x >= 24 {
					t.Fatalf("panel %q is where %q is, or beyond 24 columns", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, q := range p.Targets {
			queries++
			if q.Datasource.UID != "${datasource}" || q.RefID == "" || q.Expr == "" {
				t.Errorf("panel %q: %+v", p.Title, q)
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", p.Title)
		}
	}
	if d.UID == "" || d.Title == "" || queries < 20 {
		t.Errorf("%q %q, %d queries", d.UID, d.Title, queries)
	}
}

// prometheus is a server under test.
type prometheus struct {
	t    *testing.T
	base string
}

// startPrometheus runs one with the configuration of the guide, but for where the
// gateway is and how often it is asked.
func startPrometheus(t *testing.T, gateway, token string) *prometheus {
	t.Helper()
	program := need(t, "prometheus", "prometheus")
	dir := t.TempDir()
	config := read(t, ecosystem+"prometheus.yml")
	for old, is := range map[string]string{
		"raspberrypi.local:8080":        strings.TrimPrefix(gateway, "http://"),
		"/etc/prometheus/gateway.token": filepath.Join(dir, "gateway.token"),
		"scrape_interval: 30s":          "scrape_interval: 1s",
	} {
		if strings.Count(config, old) != 1 {
			t.Fatalf("prometheus.yml does not have %q once", old)
		}
		config = strings.ReplaceAll(config, old, is)
	}
	writeFile(t, filepath.Join(dir, "prometheus.yml"), config)
	writeFile(t, filepath.Join(dir, "gateway.token"), token)
	command(t, need(t, "promtool", "prometheus"), "check", "config", filepath.Join(dir, "prometheus.yml"))
	address := "127.0.0.1:" + freePort(t)
	spawn(t, program, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address).
		await("Server is ready to receive web requests")
	return &prometheus{t, "http://" + address}
}

// ask makes a request of its API, and returns what is in data.
func (p *prometheus) ask(path string, query url.Values, data any) error {
	resp, err := http.Get(p.base + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(bodyOf(p.t, resp), &answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", query, answer.Error)
	}
	return json.Unmarshal(answer.Data, data)
}

// series returns how many series a query has now.
func (p *prometheus) series(expr string) int {
	p.t.Helper()
	var data struct {
		Result []json.RawMessage `json:"result"`
	}
	if err := p.ask("/api/v1/query", url.Values{"query": {expr}}, &data); err != nil {
		p.t.Fatalf("%s: %v", expr, err)
	}
	return len(data.Result)
}

// TestPrometheusAndGrafana runs Debian's Prometheus with the guide's configuration
// against the real gateway, which has a password and gives Prometheus a token, and asks
// it every question of the dashboard: each has an answer.
func TestPrometheusAndGrafana(t *testing.T) {
	t.Parallel() // it waits more than it works
	upstream := startGateway(t, "sensors: []\n")
	g := startGateway(t, fmt.Sprintf(`
sensors:
  - {driver: host, room: board, name: host, interval: 1s}
bridges:
  - {name: cloud, address: "mqtt://%s", topics: [{filter: "+/board/#"}]}
`, upstream.mqtt), "--demo")
	// This machine may have no thermometer; a Raspberry Pi with a gateway of its own has.
	command(t, need(t, "mosquitto_pub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-t", "pi/board/host", "-m", `{"temperature": 48.2, "cpu_usage": 7.1}`)...)
	token := newToken(t, g.admin(t), g.page, "viewer")
	p := startPrometheus(t, g.page, token)
	awaitThat(t, "a scrape", func() bool { return p.series(`up{job="gateway"} == 1`) == 1 })
	d := readDashboard(t)
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		label := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`).FindStringSubmatch(v.Definition)
		if label == nil {
			t.Fatalf("variable %s: %s", v.Name, v.Definition)
		}
		var values []string
		awaitThat(t, v.Definition, func() bool {
			if err := p.ask("/api/v1/label/"+label[2]+"/values", url.Values{"match[]": {filled(label[1])}}, &values); err != nil {
				t.Fatal(err)
			}
			return len(values) > 0
		})
	}
	for _, panel := range d.Panels {
		for _, q := range panel.Targets {
			awaitThat(t, panel.Title+": "+q.Expr, func() bool { return p.series(filled(q.Expr)) > 0 })
		}
	}
	if n := p.series(`scrape_samples_scraped{job="gateway"} != scrape_samples_post_metric_relabeling`); n != 0 {
		t.Error("Prometheus has not taken all samples")
	}
}

// TestPrometheusRules: they are rules, and of metrics that there are.
func TestPrometheusRules(t *testing.T) {
	rules := read(t, ecosystem+"alerts.yml")
	command(t, need(t, "promtool", "prometheus"), "check", "rules", ecosystem+"alerts.yml")
	g := startGateway(t, "bridges: [{name: cloud, address: 'mqtt://127.0.0.1:1', topics: [{filter: a}]}]\n")
	for _, name := range regexp.MustCompile(`gateway_\w+`).FindAllString(rules, -1) {
		g.awaitMetric("# TYPE " + name + " .*") // some are there once a sensor has said something
	}
}

// TestMonitoringGuide holds the guide to the metrics that there are.
func TestMonitoringGuide(t *testing.T) {
	g := startGateway(t, "sensors: [{driver: bme280, room: attic, name: gone, bus: i2c-99, interval: 1s}]\n", "--demo")
	guide := read(t, "../../deploy/raspberrypi/MONITORING.md")
	for _, name := range regexp.MustCompile(`gateway_\w*[a-z]\b`).FindAllString(guide, -1) {
		if name != "gateway_alert_firing" {
			g.awaitMetric("# TYPE " + name + " .*") // some are there once a sensor has said something
		}
	}
}

// filled puts values for Grafana's variables into a query.
func filled(expr string) string {
	return strings.NewReplacer("$job", "gateway", "$instance", ".*", "$site", ".*", "$room", ".*", "$quantity", "temperature", "$__rate_interval", "1m").Replace(expr)
}

// A gateway that asks for a password tells Prometheus so.
func TestMetricsNeedAToken(t *testing.T) {
	g := startGateway(t, "sensors: []\n")
	token := newToken(t, g.admin(t), g.page, "viewer")
	if status, _ := ask(t, "GET", g.page+"/metrics", ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	if status, _ := ask(t, "GET", g.page+"/metrics", token); status != http.StatusOK {
		t.Errorf("with one: %d", status)
	}
}

// TestNodeRED runs the flow of the guide in Node-RED, against the real gateway: it
// tells once that it is too warm, and what has changed with a sensor.
func TestNodeRED(t *testing.T) {
	node := needNode(t, "node-red")
	sub, pub := need(t, "mosquitto_sub", "mosquitto-clients"), need(t, "mosquitto_pub", "mosquitto-clients")
	stdbuf := need(t, "stdbuf", "coreutils")
	g := startGateway(t, "sensors: []\n")
	host, port, _ := strings.Cut(g.mqtt, ":")
	dir := t.TempDir()
	flow := read(t, ecosystem+"nodered.json")
	for old, is := range map[string]string{`"broker": "raspberrypi.local"`: `"broker": "` + host + `"`, `"port": "1883"`: `"port": "` + port + `"`} {
		if strings.Count(flow, old) != 1 {
			t.Fatalf("the flow does not have %s once", old)
		}
		flow = strings.ReplaceAll(flow, old, is)
	}
	writeFile(t, filepath.Join(dir, "flows.json"), flow)
	writeFile(t, filepath.Join(dir, "settings.js"), `module.exports = { flowFile: "flows.json", uiHost: "127.0.0.1", uiPort: `+freePort(t)+`, disableEditor: true, telemetry: { enabled: false } };`)
	red := spawnIn(t, dir, node, filepath.Join(os.Getenv("GATEWAY_NPM"), "node-red/red.js"), "--userDir", dir, "--settings", filepath.Join(dir, "settings.js"))
	red.await("Connected to broker")
	notices := spawn(t, stdbuf, append([]string{"-oL", sub, "-d"}, append(hostPort(t, g.mqtt), "-t", "home/notices/#", "-v")...)...)
	notices.await(`(?m)^Subscribed \(mid: \d+\)`)
	say := func(topic, payload string) {
		command(t, pub, append(hostPort(t, g.mqtt), "-q", "1", "-t", topic, "-m", payload)...)
	}
	say("home/kitchen/text", "no JSON at all")
	awaitThat(t, "a notice", func() bool {
		say("home/kitchen/climate", `{"time":"2026-11-29T08:00:00Z","temperature":31.5}`)
		return strings.Contains(notices.text(), `home/notices/kitchen/climate/warm {"temperature":31.5,"warm":true}`)
	})
	say("home/kitchen/climate", `{"temperature":27.5}`) // between the limits
	say("home/kitchen/climate", `{"temperature":26.5}`)
	notices.await(`home/notices/kitchen/climate/warm {"temperature":26.5,"warm":false}`)
	say("home/kitchen/climate/status", "online")
	say("home/kitchen/climate/status", "fault")
	say("home/kitchen/climate/status", "fault")
	say("home/kitchen/climate/status", "online")
	notices.await(`home/notices/kitchen/climate/status {"status":"fault","was":"online"}`)
	notices.await(`home/notices/kitchen/climate/status {"status":"online","was":"fault"}`)
	if lines := regexp.MustCompile(`(?m)^home/notices/`).FindAllString(notices.text(), -1); len(lines) != 4 {
		t.Errorf("%d notices, want 4:\n%s", len(lines), notices.text())
	}
	if strings.Contains(red.text(), "[error]") {
		t.Errorf("Node-RED is not content:\n%s", red.text())
	}
}

// TestTelegraf runs the configuration of the guide in Telegraf, which Debian does not
// have: make ecosystem builds it.
func TestTelegraf(t *testing.T) {
	telegraf := os.Getenv("GATEWAY_TELEGRAF")
	if telegraf == "" {
		t.Skip("GATEWAY_TELEGRAF does not name a Telegraf: run make ecosystem")
	}
	pub := need(t, "mosquitto_pub", "mosquitto-clients")
	g := startGateway(t, "site: home\nsensors:\n  - {driver: sim, room: kitchen, name: climate, interval: 1s}\n")
	config := read(t, ecosystem+"telegraf.conf")
	if strings.Count(config, "raspberrypi.local:1883") != 2 {
		t.Fatal("telegraf.conf does not have raspberrypi.local:1883 twice")
	}
	config = strings.ReplaceAll(config, "raspberrypi.local:1883", g.mqtt)
	file := filepath.Join(t.TempDir(), "telegraf.conf")
	writeFile(t, file, config+"\n[agent]\n  interval = \"1s\"\n  flush_interval = \"1s\"\n  omit_hostname = true\n[[outputs.file]]\n  files = [\"stdout\"]\n")
	p := spawn(t, telegraf, "--config", file)
	p.await(`(?m)^sensor,room=kitchen,sensor=climate,site=home \S*temperature=[0-9.]+\S* \d{19}$`)
	p.await(`(?m)^sensor_status,room=kitchen,sensor=climate,site=home value="online" \d{19}$`)
	command(t, pub, append(hostPort(t, g.mqtt), "-q", "1", "-t", "home/shed/climate", "-m", `{"time":"2026-11-29T08:00:00.5Z","humidity":43.7}`)...)
	p.await(`(?m)^sensor,room=shed,sensor=climate,site=home humidity=43\.7 1795939200500000000$`)
}
