//go:build linux

package emulated_test

import (
	"context"
	"debug/elf"
	"flag"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/deploy/raspberrypi/emulated/board"
	"gateway/sensors/bus/bustest"
)

var every = flag.Bool("every", false, "both boards, and the long form of what has one; make emulated")

// TestBoard is the gateway as it ships, on a board with every chip: what is done
// to the chips is seen at an MQTT client of this machine and on the page.
func TestBoard(t *testing.T) {
	besideOthers(t)
	boards := []board.Arch{board.ARM64}
	if *every {
		boards = append(boards, board.ARMHF)
	}
	for _, a := range boards {
		t.Run(a.Name, func(t *testing.T) {
			h := bootHouse(t, a)
			steps := []struct {
				name string
				do   func(*testing.T)
			}{
				{"binary", h.binary}, {"readings", h.readings}, {"page", h.page}, {"GPIO", h.gpio}, {"scan", h.scan}, {"doctor", h.doctor},
				{"reset", h.reset}, {"NACK", h.nack}, {"wedged", h.wedged}, {"slow", h.slow}, {"figures", h.figures}, {"unplugged", h.unplugged}, {"cut", h.cut},
			}
			for _, s := range steps {
				began := time.Now()
				if !t.Run(s.name, s.do) {
					return
				}
				t.Logf("%-10s %.1f s", s.name, time.Since(began).Seconds())
			}
		})
	}
}

// binary looks whether what runs is what ships.
func (h *house) binary(t *testing.T) {
	programs, err := built[h.arch.Name]()
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(programs.Gateway)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Section(".interp") != nil || f.Section(".dynamic") != nil {
		t.Error("it is not static: it needs libraries of the system")
	}
	if f.Section(".symtab") != nil || f.Section(".debug_info") != nil {
		t.Error("it is not stripped: see make cross")
	}
}

// in has the failures of what h does be those of a step.
func (h *house) in(t *testing.T) { h.t = t }

// readings changes each chip, and waits for what it says.
func (h *house) readings(t *testing.T) {
	h.in(t)
	h.value("kitchen/climate", "temperature", 20, 0.02)
	h.value("kitchen/climate", "humidity", 50, 0.1)
	h.value("kitchen/climate", "pressure", 1000, 0.1)
	h.value("cellar/fridge", "temperature", 20, 0.001)
	h.bus.Between(func() {
		h.climate.Set(-7.25, 81, 987.6)
		h.air.Set(35.1, 22.2)
		h.adc.Inputs = [4]float64{1.234, 0.5, 2.5, 3.1}
		h.probes[0].Celsius = 4.5
		h.probes[1].Celsius = -18.0625
	})
	h.value("kitchen/climate", "temperature", -7.25, 0.02)
	h.value("kitchen/climate", "humidity", 81, 0.1)
	h.value("kitchen/climate", "pressure", 987.6, 0.1)
	h.value("office/air", "temperature", 35.1, 0.01)
	h.value("office/air", "humidity", 22.2, 0.01)
	for i, v := range []float64{1.234, 0.5, 2.5, 3.1} {
		h.value("garden/soil", "voltage_"+string(rune('0'+i)), v, 0.001)
	}
	h.value("cellar/fridge", "temperature", 4.5, 0.001)
	h.value("cellar/freezer", "temperature", -18.06, 0.01)
	for _, s := range []string{"kitchen/climate", "office/air", "garden/soil", "cellar/fridge", "cellar/freezer"} {
		h.status(s, "online")
	}
}

// gpio opens and closes a door from outside.
func (h *house) gpio(t *testing.T) {
	h.in(t)
	for _, open := range []bool{true, false, true, false} {
		if err := h.Set("GPIO17", open); err != nil {
			t.Fatal(err)
		}
		want := 0.0
		if open {
			want = 1
		}
		h.value("hall/door", "door", want, 0)
	}
}

// scan finds every chip, beside the gateway that reads them. When a reading comes
// between a question of the scan and its answer, as it does on a busy machine, a chip
// says nothing to it that once, whence it may ask again.
func (h *house) scan(t *testing.T) {
	h.in(t)
	var out, missing string
	for range 5 {
		var status int
		var err error
		if out, status, err = h.Run(h.soon(), "scan", "--bus", "i2c-0"); err != nil || status != 0 {
			t.Fatalf("exit status %d, %v\n%s", status, err, out)
		}
		if missing = notFound(out); missing == "" {
			return
		}
		t.Logf("scan does not say %q this time", missing)
	}
	t.Errorf("scan does not say %q:\n%s", missing, out)
}

// notFound returns what a scan should say of the board and does not, or "".
func notFound(scan string) string {
	for _, want := range []string{
		`i2c-0 0x76 +bme280\b`, `i2c-0 0x44 +sht4x\b`, `i2c-0 0x48 +ask: .*ads1115`, `i2c-0 0x18 +the kernel's driver ds2482 has it`,
		`28-000000000001 +w1: DS18B20`, `28-000000000002 +w1: DS18B20`,
	} {
		if !regexp.MustCompile(want).MatchString(scan) {
			return want
		}
	}
	return ""
}

// doctor finds nothing that keeps the gateway from working.
func (h *house) doctor(t *testing.T) {
	h.in(t)
	out, status, err := h.Run(h.soon(), "doctor", "-c", board.ConfigFile)
	if err != nil || status != 0 {
		t.Errorf("exit status %d, %v\n%s", status, err, out)
	}
	for _, want := range []string{"/dev/i2c-0", "2 devices", "/dev/gpiochip0"} {
		if !strings.Contains(out, want) {
			t.Errorf("doctor does not say %q:\n%s", want, out)
		}
	}
}

// reset has the chip lose its power for a moment between two readings: its
// settings are gone, and have to be written anew for its humidity. A converter
// does, too; and a thermometer loses it whenever it converts, which is no 85 °C.
func (h *house) reset(t *testing.T) {
	h.in(t)
	before := h.errors("cellar/fridge")
	h.bus.Between(func() {
		h.climate.PowerOn()
		h.climate.Set(24, 33, 1001)
		h.adc.PowerOn()
		h.adc.Inputs[0] = 1.75
		h.probes[0].Weak = true
	})
	h.value("garden/soil", "voltage_0", 1.75, 0.001)
	h.value("kitchen/climate", "temperature", 24, 0.02)
	h.value("kitchen/climate", "humidity", 33, 0.1)
	h.status("kitchen/climate", "online")
	h.await("an error of cellar/fridge, and no 85 °C", func() bool {
		if got := h.values("cellar/fridge")["temperature"]; got == 85.0 {
			t.Fatalf("%v °C is published, which nobody measured", got)
		}
		return h.errors("cellar/fridge") > before
	})
	h.bus.Between(func() { h.probes[0].Weak, h.probes[0].Celsius = false, 85 })
	h.value("cellar/fridge", "temperature", 85, 0.001) // measured by now
}

// nack takes one chip away: it becomes stale, then a fault, while the others go
// on; it comes back reset, and is back.
func (h *house) nack(t *testing.T) {
	h.in(t)
	before := h.errors("kitchen/climate")
	h.bus.Inject(bustest.NACK(func(tx bustest.Tx) bool { return tx.Addr == 0x76 }))
	h.status("kitchen/climate", "stale")
	h.bus.Between(func() { h.air.Set(11.5, 60) })
	h.status("kitchen/climate", "fault")
	h.value("office/air", "temperature", 11.5, 0.01)
	h.status("office/air", "online")
	h.await("an error of kitchen/climate that is counted and said", func() bool {
		return h.errors("kitchen/climate") > before && strings.Contains(h.reason("kitchen/climate"), "0x76")
	})
	h.bus.Between(func() {
		h.climate.PowerOn()
		h.climate.Set(18, 44, 1002)
	})
	h.bus.Heal()
	h.value("kitchen/climate", "temperature", 18, 0.02)
	h.value("kitchen/climate", "humidity", 44, 0.1)
	h.status("kitchen/climate", "online")
}

// wedged holds the bus: all its chips stop, what is elsewhere goes on; and all
// are back when it is free.
func (h *house) wedged(t *testing.T) {
	h.in(t)
	all := []string{"kitchen/climate", "office/air", "garden/soil"}
	h.Adapter.Wedge()
	for _, s := range all {
		h.await(s+" not online", func() bool { return slices.Contains([]string{"stale", "fault"}, h.last["board/"+s+"/status"]) })
	}
	h.status("kitchen/climate", "fault") // by now the kernel has given transfers up
	h.await("a reason that says that the bus is held", func() bool {
		return slices.ContainsFunc(all, func(s string) bool { return strings.Contains(h.reason(s), "a chip or a loose wire holds it") })
	})
	if err := h.Set("GPIO17", true); err != nil {
		t.Fatal(err)
	}
	h.value("hall/door", "door", 1, 0)
	h.Adapter.Free()
	h.bus.Between(func() { h.air.Set(21.25, 48) })
	h.value("office/air", "temperature", 21.25, 0.01)
	for _, s := range all {
		h.status(s, "online")
	}
}

// slow has each message take 30 ms, as chips do that stretch the clock: the
// readings still come.
func (h *house) slow(t *testing.T) {
	h.in(t)
	h.Adapter.Slow(30 * time.Millisecond)
	defer h.Adapter.Slow(0)
	h.bus.Between(func() { h.climate.Set(-20, 70, 990) })
	h.value("kitchen/climate", "temperature", -20, 0.02)
	h.value("kitchen/climate", "humidity", 70, 0.1)
}

// unplugged pulls the adapter out, as somebody does who dusts, and puts it back:
// the bus is gone and comes again under its number, and so do its sensors.
func (h *house) unplugged(t *testing.T) {
	h.in(t)
	if err := h.Adapter.Unplug(); err != nil {
		t.Fatal(err)
	}
	h.await("a reason that says that the adapter is gone", func() bool {
		return strings.Contains(h.reason("kitchen/climate"), "adapter") && strings.Contains(h.reason("kitchen/climate"), "is gone")
	})
	h.bus.Between(func() { h.climate.Set(1.5, 90, 1020) })
	if err := h.Adapter.Plug(); err != nil {
		t.Fatal(err)
	}
	h.value("kitchen/climate", "temperature", 1.5, 0.02)
	for _, s := range []string{"kitchen/climate", "office/air", "garden/soil"} {
		h.status(s, "online")
	}
}

// reason returns why a sensor is not online.
func (h *house) reason(sensor string) string {
	reason, _ := h.values(sensor + "/status/detail")["reason"].(string)
	return reason
}

// errors returns how many failed attempts a sensor has counted.
func (h *house) errors(sensor string) float64 {
	n := 0.0
	kinds, _ := h.values(sensor + "/status/detail")["errors"].(map[string]any)
	for _, v := range kinds {
		f, _ := v.(float64)
		n += f
	}
	return n
}

// soon returns a context for what does not take long.
func (h *house) soon() context.Context {
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	h.t.Cleanup(cancel)
	return ctx
}

// figures measures what the board takes, and how soon a change is known.
func (h *house) figures(t *testing.T) {
	h.in(t)
	measured.add(h.arch, "power on to the gateway's start (kernel, modules, USB, 1-Wire)", "s", "", h.Times.Started.Seconds())
	measured.add(h.arch, "its start to the first answer over MQTT", "s", "", (h.Times.Ready - h.Times.Started).Seconds())
	edges, readings := 4, 2
	if *every {
		edges, readings = 20, 10
	}
	var gpio, chip []float64
	for i := range edges {
		began := time.Now()
		if err := h.Set("GPIO17", i%2 == 1); err != nil {
			t.Fatal(err)
		}
		h.value("hall/door", "door", float64(i%2), 0)
		gpio = append(gpio, time.Since(began).Seconds()*1e3)
	}
	for i := range readings {
		h.bus.Between(func() { h.air.Set(float64(10+i), 50) })
		h.value("office/air", "temperature", float64(10+i), 0.01)
		chip = append(chip, time.Since(h.lastRead(0x44)).Seconds()*1e3)
	}
	measured.add(h.arch, "from a GPIO line that changes to an MQTT client of another machine (median; 50 of it is debouncing)", "ms", "", median(gpio))
	measured.add(h.arch, "from a chip's answer on the bus to the same (median)", "ms", "", median(chip))
	m, err := h.Memory(h.soon())
	if err != nil {
		t.Fatal(err)
	}
	measured.add(h.arch, "resident memory of the gateway with 7 sensors, history and the page", "MB", "≤ 40", float64(m.Resident)/1e6)
	measured.add(h.arch, "and the most it was", "MB", "", float64(m.Peak)/1e6)
	if m.Resident > 40e6 {
		t.Errorf("the gateway takes %.1f MB, more than 40", float64(m.Resident)/1e6)
	}
}

// lastRead returns when the chip at addr was read last.
func (h *house) lastRead(addr uint16) time.Time {
	for _, tx := range slices.Backward(h.bus.Log()) {
		if tx.Addr == addr && len(tx.R) > 0 {
			return tx.Time
		}
	}
	return time.Time{}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// off stops the gateway as systemd does, and the board.
func (h *house) off(t *testing.T) {
	h.in(t)
	if err := h.PowerOff(h.soon()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(h.Serial(), "guest: gateway ended: exit status 0") {
		t.Error("the gateway did not end well")
	}
}
