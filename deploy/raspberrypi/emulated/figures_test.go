//go:build linux

package emulated_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/broker/client"
	"gateway/broker/packet"
	"gateway/deploy/raspberrypi/emulated/agent"
	"gateway/deploy/raspberrypi/emulated/board"
	"gateway/deploy/raspberrypi/emulated/chips"
	"gateway/sensors/bus/bustest"
)

// The figures' board has 20 sensors that are read every 10 s, most of them chips.
const figuresConfig = open + `
sensors:
  - {driver: bme280, room: kitchen, name: climate, bus: i2c-0, address: 0x76}
  - {driver: bme280, room: attic, name: climate, bus: i2c-0, address: 0x77}
  - {driver: sht4x, room: office, name: air, bus: i2c-0, address: 0x44}
  - {driver: sht4x, room: bedroom, name: air, bus: i2c-0, address: 0x45}
  - {driver: sht4x, room: bath, name: air, bus: i2c-0, address: 0x46}
  - {driver: ads1115, room: garden, name: soil, bus: i2c-0, address: 0x48}
  - {driver: ads1115, room: greenhouse, name: soil, bus: i2c-0, address: 0x49}
  - {driver: ads1115, room: cellar, name: tank, bus: i2c-0, address: 0x4a}
  - {driver: ads1115, room: roof, name: battery, bus: i2c-0, address: 0x4b}
  - {driver: w1, room: cellar, name: fridge, id: 28-000000000001}
  - {driver: w1, room: cellar, name: freezer, id: 28-000000000002}
  - {driver: digital, room: hall, name: door, pin: GPIO17, options: {kind: door}}
  - {driver: digital, room: kitchen, name: window, pin: GPIO22, options: {kind: window}}
  - {driver: digital, room: hall, name: motion, pin: GPIO27, options: {kind: motion}}
  - {driver: host, room: gateway, name: host}
  - {driver: file, room: boiler, name: flow, options: {path: /etc/flow.json, values: "temperature"}}
  - {driver: file, room: boiler, name: return, options: {path: /etc/return.json, values: "temperature"}}
  - {driver: mqtt, room: porch, name: weather, options: {topic: outside/weather, values: "temperature, humidity"}}
  - {driver: mqtt, room: meter, name: power, options: {topic: outside/meter, values: "power"}}
  - {driver: file, room: cellar, name: water, options: {path: /etc/water.json, values: "raw"}}
`

// figuresReadings is how many readings of a sensor are measured, 10 s each.
const figuresReadings = 36

// TestFigures measures what the whole gateway takes: 20 sensors, its history, its
// page that somebody looks at. It is far too long for make test.
func TestFigures(t *testing.T) {
	if !*every {
		t.Skip("make emulated has it")
	}
	for _, a := range []board.Arch{board.ARM64, board.ARMHF} {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel() // a gateway is idle most of the time
			need(t, a)
			card := newCard(t)
			probes := []*chips.DS18B20{chips.NewDS18B20([6]byte{1}), chips.NewDS18B20([6]byte{2})}
			b := boot(t, board.Options{
				Arch: a, Config: figuresConfig, Disk: card.name(),
				Bus: bustest.New(map[uint16]bustest.Chip{
					0x76: chips.NewBME280(), 0x77: chips.NewBME280(), 0x44: chips.NewSHT4x(), 0x45: chips.NewSHT4x(), 0x46: chips.NewSHT4x(),
					0x48: bustest.NewADS1115(), 0x49: bustest.NewADS1115(), 0x4a: bustest.NewADS1115(), 0x4b: bustest.NewADS1115(),
					0x18: chips.NewDS2482(probes...),
				}),
				I2C:   []agent.Device{{Bus: "i2c-0", Driver: "ds2482", Addr: 0x18}},
				Await: []string{"/sys/bus/w1/devices/28-000000000001/w1_slave", "/sys/bus/w1/devices/28-000000000002/w1_slave"},
				Write: []agent.Write{{File: "/sys/bus/w1/devices/w1_bus_master1/w1_master_search", Text: "0"}},
				Files: map[string][]byte{"etc/flow.json": []byte(`{"temperature":61.5}`), "etc/return.json": []byte(`{"temperature":48.25}`), "etc/water.json": []byte(`{"raw":123.5}`)},
			})
			measure(t, b, a, card)
		})
	}
}

func measure(t *testing.T, b *board.Board, a board.Arch, c *card) {
	s := subscribe(t, b.MQTT)
	readings := func(n int) {
		t.Helper()
		for range n {
			delete(s.last, "board/gateway/host")
			s.await("a reading", func() bool { return s.last["board/gateway/host"] != "" })
		}
	}
	readings(1)
	v := view(t, b.Page)
	v.ended.Go(func() { outside(v.ctx, s.c) })
	readings(6) // a minute in which all settles
	before, began := c.Stats(), time.Now()
	readings(figuresReadings)
	written, took := c.Stats(), time.Since(began)
	m, err := b.Memory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	start := firstReading(t, b.Page, m.Age)
	v.end(t)
	mb := func(n int64) float64 { return float64(n) / 1e6 }
	measured.add(a, "the gateway's start to the first reading", "s", "", start)
	measured.add(a, "resident memory with 20 sensors every 10 s, history, and the page open with charts", "MB", "≤ 40", mb(m.Resident))
	measured.add(a, "of that its own", "MB", "", mb(m.Anonymous))
	measured.add(a, "of that its program's, which the kernel can drop", "MB", "", mb(m.File))
	measured.add(a, "the most it was", "MB", "", mb(m.Peak))
	perDay := float64(written.BytesWritten-before.BytesWritten) * 24 * float64(time.Hour) / float64(took)
	measured.add(a, fmt.Sprintf("written to the card in a day, ext4's journal included (from %d minutes)", int(math.Round(took.Minutes()))), "MB", "", perDay/1e6)
	measured.add(a, "flushes of the card in an hour", "", "", float64(written.Flushes-before.Flushes)*float64(time.Hour)/float64(took))
	t.Logf("%s: %.1f MB (own %.1f, files %.1f, at most %.1f), %.1f MB a day", a.Name, mb(m.Resident), mb(m.Anonymous), mb(m.File), mb(m.Peak), perDay/1e6)
	if m.Resident > 40e6 {
		t.Errorf("the gateway takes %.1f MB, more than 40", mb(m.Resident))
	}
}

// firstReading returns how long after the start of its process the gateway
// measured first, s.
func firstReading(t *testing.T, page string, age time.Duration) float64 {
	t.Helper()
	started := time.Now().Add(-age).UnixMilli()
	first := int64(math.MaxInt64)
	for _, x := range series(t, page, "%23") {
		first = min(first, x.FirstMS)
	}
	return float64(first-started) / 1e3
}

// viewer is somebody who has the page open, and looks at charts.
type viewer struct {
	ctx    context.Context // until end
	cancel context.CancelFunc
	ended  sync.WaitGroup
	err    error // of the stream
	events int
}

// view opens the page as a browser does, stays, and looks at the charts of all
// series again and again.
func view(t *testing.T, page string) *viewer {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	v := &viewer{ctx: ctx, cancel: cancel}
	t.Cleanup(func() { cancel(); v.ended.Wait() })
	for _, path := range []string{"/", "/static/main.js", "/static/app.css", "/static/icons.svg", "/api/v1/sensors", "/api/v1/series"} {
		if err := fetch(ctx, page+path, func(string) {}); err != nil {
			t.Fatal(err)
		}
	}
	v.ended.Go(func() {
		v.err = fetch(ctx, page+"/api/v1/stream", func(line string) {
			if strings.HasPrefix(line, "event:") {
				v.events++
			}
		})
	})
	v.ended.Go(func() {
		for ctx.Err() == nil {
			var all []seriesInfo
			_ = ask(ctx, page+"/api/v1/series?filter=board/%23", &all) // it looks again
			for _, x := range all {
				now := time.Now().UnixMilli()
				_ = fetch(ctx, fmt.Sprintf("%s/api/v1/history?series=%s&from=%d&to=%d&points=600", page, url.QueryEscape(x.Series), now-24*3600_000, now), func(string) {})
			}
			select {
			case <-time.After(10 * time.Second):
			case <-ctx.Done():
			}
		}
	})
	return v
}

// outside publishes what two sensors listen for.
func outside(ctx context.Context, c *client.Client) {
	for i := 0; ctx.Err() == nil; i++ {
		for topic, payload := range map[string][]byte{
			"outside/weather": fmt.Appendf(nil, `{"temperature":%d,"humidity":%d}`, i%30, 40+i%50),
			"outside/meter":   fmt.Appendf(nil, `{"power":%d}`, 100+i%400),
		} {
			_, _ = c.Publish(ctx, &packet.Publish{Topic: topic, Payload: payload}) // a reading less is no matter
		}
		select {
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
		}
	}
}

// end leaves.
func (v *viewer) end(t *testing.T) {
	t.Helper()
	v.cancel()
	v.ended.Wait()
	if !errors.Is(v.err, context.Canceled) || v.events == 0 {
		t.Errorf("the page's stream had %d events and ended: %v", v.events, v.err)
	}
}

// fetch gets a document, and hands on its lines.
func fetch(ctx context.Context, url string, line func(string)) error {
	body, err := get(ctx, url)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		line(lines.Text())
	}
	return errors.Join(lines.Err(), ctx.Err())
}
