package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gateway/cmd/gateway/internal/history"
)

// peakRSS is the most memory that a process has had so far, bytes.
func peakRSS(t *testing.T, p *process) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Skip("there is no /proc here")
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	kb, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

// TestExportTakesNoMemory exports everything that the simulated house has, some
// 600,000 samples, and wants the gateway not to grow with it.
func TestExportTakesNoMemory(t *testing.T) {
	g := startGateway(t, "sensors: []\n", "--demo")
	g.await("has a past of a week")
	query := func(format string) string {
		return "/api/v1/export?" + url.Values{"filter": {"demo/#"}, "from": {fmt.Sprint(time.Now().Add(-8 * 24 * time.Hour).UnixMilli())}, "format": {format}}.Encode()
	}
	get := func(path string) (lines int, size int64) {
		t.Helper()
		resp, err := http.Get(g.page + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		in := bufio.NewScanner(resp.Body)
		for in.Scan() {
			lines++
			size += int64(len(in.Bytes())) + 1
		}
		if in.Err() != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %s, %v", path, resp.Status, in.Err())
		}
		return lines, size
	}
	get("/api/v1/series")
	before := peakRSS(t, g.process)
	for _, format := range []string{"line", "csv", "json"} {
		lines, size := get(query(format))
		grown := peakRSS(t, g.process) - before
		t.Logf("%s: %d lines, %.1f MB, the gateway grew by %.1f MB", format, lines, float64(size)/1e6, float64(grown)/1e6)
		if want := map[string]int{"line": 400_000, "csv": 20_000, "json": 20_000}[format]; lines < want {
			t.Errorf("%s: %d lines, want at least %d", format, lines, want)
		}
		if grown > 16<<20 {
			t.Errorf("%s: the gateway grew by %.1f MB for %.1f MB", format, float64(grown)/1e6, float64(size)/1e6)
		}
	}
}

// TestExportToInfluxDB has Debian's InfluxDB take the line protocol, of topics that
// need every escape, and give back what was recorded.
func TestExportToInfluxDB(t *testing.T) {
	influx := startInflux(t)
	g := startGateway(t, "sensors: []\n")
	publish := publisherFor(t, g)
	at := time.Now().Add(-time.Hour).Truncate(time.Second).UTC()
	keys := []string{"x", "a b", "a,b", "a=b", `a"b`, `a\b`, "ä", "switch:0", "#"}
	topics := []string{"home/kitchen/climate", "a b/c,d/e=f", `quo"te/back\slash`, "ends/with\\", "mehr/Größe/°C"}
	for i, topic := range topics {
		values := map[string]float64{}
		for k, key := range keys {
			values[key] = float64(100*i+k) + 0.5
		}
		body, err := json.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		publish(topic, fmt.Sprintf(`{"time":%q,%s`, at.Format(time.RFC3339), body[1:]))
	}
	awaitThat(t, "everything to be recorded", func() bool {
		var all []history.SeriesInfo
		fetch(t, g, "/api/v1/series", nil, &all)
		return len(all) == len(topics)*len(keys)
	})
	resp, err := http.Get(g.page + "/api/v1/export?filter=%23&format=line")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	resp, err = http.Post(influx+"/write?db=g", "text/plain", bytes.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("InfluxDB does not take it: %s %s\n%s", resp.Status, said, lines)
	}
	for i, topic := range topics {
		want := strings.TrimRight(topic, `\`)
		for k, key := range keys {
			q := fmt.Sprintf(`SELECT "%s" FROM gateway WHERE topic='%s'`, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key), strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(want))
			got := influxQuery(t, influx, q)
			if x := fmt.Sprint(float64(100*i+k) + 0.5); !strings.Contains(got, fmt.Sprintf("[[%d,%s]]", at.UnixMilli(), x)) {
				t.Errorf("%s of %s: %s, want %s", key, topic, got, x)
			}
		}
	}
	if got := influxQuery(t, influx, `SELECT "x" FROM gateway WHERE site='home' AND room='kitchen' AND sensor='climate'`); !strings.Contains(got, "0.5") {
		t.Errorf("by its place: %s", got)
	}
}

// startInflux runs InfluxDB on free ports and returns its address.
func startInflux(t *testing.T) string {
	t.Helper()
	bin := need(t, "influxd", "influxdb")
	dir := t.TempDir()
	port := freePort(t)
	for name, value := range map[string]string{
		"INFLUXDB_HTTP_BIND_ADDRESS": "127.0.0.1:" + port, "INFLUXDB_BIND_ADDRESS": "127.0.0.1:" + freePort(t),
		"INFLUXDB_META_DIR": dir + "/meta", "INFLUXDB_DATA_DIR": dir + "/data", "INFLUXDB_DATA_WAL_DIR": dir + "/wal",
		"INFLUXDB_REPORTING_DISABLED": "true", "INFLUXDB_MONITOR_STORE_ENABLED": "false",
	} {
		t.Setenv(name, value)
	}
	p := spawn(t, bin)
	influx := "http://127.0.0.1:" + port
	awaitThat(t, "InfluxDB", func() bool {
		select {
		case <-p.done:
			t.Fatalf("InfluxDB ended: %s", p.text())
		default:
		}
		resp, err := http.Get(influx + "/ping")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
	influxQuery(t, influx, "CREATE DATABASE g")
	return influx
}

func influxQuery(t *testing.T, influx, q string) string {
	t.Helper()
	resp, err := http.PostForm(influx+"/query?db=g&epoch=ms", url.Values{"q": {q}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s: %s %s", q, resp.Status, b)
	}
	return string(b)
}
