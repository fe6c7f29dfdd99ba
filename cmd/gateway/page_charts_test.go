package main

import (
	"fmt"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestPageCharts: the charts and a sensor's page. Checks 11 to 16 of the
// dashboard's document.
func TestPageCharts(t *testing.T) {
	mqtt, page := freePort(t), freePort(t)
	config := writeConfig(t, fmt.Sprintf(`
sensors: []
persistence: {path: %q}
broker:
  listeners: [{protocol: tcp, address: "127.0.0.1:%s"}]
dashboard: {address: "127.0.0.1:%s"}
`, t.TempDir(), mqtt, page))
	start := func() *process {
		p := spawn(t, needBinary(t), "run", "-c", config)
		p.await(`(?m)^ *[Pp]age\s+(http://\S+)$`)
		return p
	}
	g := start()
	pub := func(topic string, lines ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), need(t, "mosquitto_pub", "mosquitto-clients"), "-h", "127.0.0.1", "-p", mqtt, "-q", "1", "-t", topic, "-l")
		cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("mosquitto_pub: %v\n%s", err, out)
		}
	}
	begin := time.Now().Truncate(5 * time.Minute)
	browse(t, "charts", "http://127.0.0.1:"+page, func(what string) string {
		name, rest, _ := strings.Cut(what, " ")
		switch name {
		case "fill":
			pub("home/kitchen/climate", monthOfClimate(begin)...)
			pub("home/garden/weather", twoDaysOfWeather(begin)...)
			pub("home/hall/entrance", doorByTheHour(begin)...)
			pub("home/attic/young", toldLate(begin, 0, `"temperature":18`), toldLate(begin, -5*time.Minute, `"temperature":18.5`))
			return fmt.Sprint(begin.UnixMilli())
		case "restart":
			if err := g.stop(); err != nil {
				t.Errorf("stopping: %v", err)
			}
			g = start()
		case "publish":
			topic, payload, _ := strings.Cut(rest, " ")
			pub(topic, strings.ReplaceAll(payload, "$NOW", time.Now().UTC().Format("2006-01-02T15:04:05.000Z")))
		default:
			t.Errorf("the script asks for %q", what)
		}
		return ""
	})
}

// toldLate is a reading that is told late.
func toldLate(begin time.Time, since time.Duration, values string) string {
	return fmt.Sprintf(`{"time":%q,%s}`, begin.Add(since).UTC().Format("2006-01-02T15:04:05.000Z"), values)
}

// monthOfClimate is a month of a room, a reading each five minutes: an outage from the
// 6th to the 5th day before begin, and one single reading of 80 °C 10 days before.
func monthOfClimate(begin time.Time) (lines []string) {
	const day = 24 * time.Hour
	for since := -30 * day; since <= 0; since += 5 * time.Minute {
		if since > -6*day && since < -5*day {
			continue
		}
		days := since.Hours() / 24
		temperature := 20 + 3*math.Sin(2*math.Pi*days)
		if since == -10*day {
			temperature = 80
		}
		lines = append(lines, toldLate(begin, since, fmt.Sprintf(`"temperature":%.2f,"humidity":%.1f`, temperature, 50+10*math.Cos(2*math.Pi*days))))
	}
	return lines
}

func twoDaysOfWeather(begin time.Time) (lines []string) {
	for since := -48 * time.Hour; since <= 0; since += 10 * time.Minute {
		lines = append(lines, toldLate(begin, since, fmt.Sprintf(`"pressure":%.1f`, 1010+since.Hours()/10)))
	}
	return lines
}

func doorByTheHour(begin time.Time) (lines []string) {
	for i := -40; i <= 0; i++ {
		lines = append(lines, toldLate(begin, time.Duration(i)*time.Hour, fmt.Sprintf(`"door":%d`, (i+40)%2)))
	}
	return lines
}
