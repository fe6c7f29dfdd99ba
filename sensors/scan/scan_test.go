package scan

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"periph.io/x/conn/v3/i2c"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
	"gateway/sensors/driver"
)

func dev(names ...string) fstest.MapFS {
	tree := fstest.MapFS{}
	for _, n := range names {
		tree["dev/"+n] = &fstest.MapFile{Mode: fs.ModeDevice}
	}
	return tree
}

func TestSafeBuses(t *testing.T) {
	for there, want := range map[string]string{
		"":                           "",
		"i2c-1":                      "i2c-1",
		"i2c-0 i2c-1 i2c-20 i2c-21":  "i2c-1",
		"i2c-0 i2c-10 i2c-20 i2c-21": "",
		"i2c-2 i2c-3 i2c-22":         "i2c-2 i2c-3",
	} {
		if got := strings.Join(SafeBuses(dev(strings.Fields(there)...)), " "); got != want {
			t.Errorf("of %q: %q, want %q", there, got, want)
		}
	}
}

// scanned scans a bus with chips, within a bubble, and returns what is printed
// of each place.
func scanned(t *testing.T, b *bustest.Bus, root fstest.MapFS) string {
	t.Helper()
	places, err := Scan(t.Context(), Deps{Root: root, OpenI2C: func(string) (i2c.BusCloser, error) { return b, nil }})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range places {
		line := fmt.Sprintf("%s %#02x %v", p.Name, p.Addr, titles(p.Candidates))
		if p.Certain() {
			line += " certain"
		}
		if p.Kernel != "" {
			line += " kernel " + p.Kernel
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unknown := new(bustest.Registers) // zeros everywhere, at an address of thermometers without an identity
		unknown.OnWrite = func(reg, v byte) (byte, error) {
			t.Errorf("register %#x was written", reg)
			return 0, nil
		}
		b := bustest.New(map[uint16]bustest.Chip{0x44: bustest.NewSHT4x(), 0x76: bustest.NewBME280(), 0x77: unknown})
		root := dev("i2c-1")
		got := scanned(t, b, root)
		if !strings.Contains(got, "i2c-1 0x44 [sht4x] certain") || !strings.Contains(got, "i2c-1 0x76 [bme280] certain") {
			t.Errorf("found\n%s", got)
		}
		for _, tx := range b.Log() {
			if tx.Addr == 0x76 && len(tx.W) > 1 {
				t.Errorf("something was written to a chip that its register had identified: %v", tx)
			}
		}
	})
}

func TestNothingIsFoundOnABusOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if got := scanned(t, bustest.New(nil), dev("i2c-1")); got != "" {
			t.Errorf("found\n%s", got)
		}
	})
}

// On a bus that hangs the scan ends with an error and does not go through all
// addresses.
func TestScanOfABusThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bustest.New(nil)
		b.Inject(bustest.Timeout(nil))
		_, err := Scan(t.Context(), Deps{Root: dev("i2c-1"), OpenI2C: func(string) (i2c.BusCloser, error) { return b, nil }})
		if err == nil || b.Count() > 20 {
			t.Errorf("%v, after %d transactions", err, b.Count())
		}
	})
}

func TestScanSeveralBuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := func(name string) (i2c.BusCloser, error) {
			if name == "i2c-9" {
				return nil, fs.ErrNotExist
			}
			return bustest.New(map[uint16]bustest.Chip{0x44: bustest.NewSHT4x()}), nil
		}
		places, err := Scan(t.Context(), Deps{Root: fstest.MapFS{}, OpenI2C: open, Buses: []string{"i2c-9", "i2c-3"}})
		if err == nil || len(places) != 1 || places[0].Name != "i2c-3" {
			t.Errorf("%+v, %v", places, err)
		}
	})
}

func TestBlock(t *testing.T) {
	bme, _ := driver.Lookup("bme280")
	w1, _ := driver.Lookup("w1")
	var names Names
	names.Take("new", "bme280")
	certain := Place{Kind: bus.I2C, Name: "i2c-1", Addr: 0x76, Candidates: []Candidate{{bme, driver.Found{Certain: true, Model: "BME280", Serial: "77"}}}}
	ask := Place{Kind: bus.I2C, Name: "i2c-1", Addr: 0x77, Candidates: []Candidate{{Driver: bme}, {Driver: w1}}}
	thermometer := Place{Kind: bus.OneWire, Name: "28-1", Candidates: []Candidate{{w1, driver.Found{Certain: true, ID: "28-0316a2795cff", Options: map[string]string{"resolution": "9"}}}}}
	for _, tt := range []struct {
		p    Place
		want string
	}{
		{certain, "# BME280, serial number 77\n- driver: bme280\n  room: new\n  name: bme280_2\n  bus: i2c-1\n  address: 0x76\n"},
		{ask, "# Not certain: this may be bme280 or w1. Choose one and take the # away.\n#- driver: bme280\n#  room: new\n#  name: bme280\n#  bus: i2c-1\n#  address: 0x77\n"},
		{thermometer, "- driver: w1\n  room: new\n  name: w1\n  id: \"28-0316a2795cff\"\n  options:\n    resolution: \"9\"\n"},
		{Place{Kernel: "bmp280"}, ""},
	} {
		if got := tt.p.Block("new", &names); got != tt.want {
			t.Errorf("got\n%s\nwant\n%s", got, tt.want)
		}
	}
}

// No probe of any driver sends more than a register's number or a command of
// two bytes, whatever is there.
func TestProbesAreShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, addr := range addresses() {
			b := bustest.New(map[uint16]bustest.Chip{addr: new(bustest.Registers)})
			if _, err := candidates(context.Background(), b, "i2c-1", addr); err != nil {
				t.Errorf("%#02x: %v", addr, err)
			}
			for _, tx := range b.Log() {
				if len(tx.W) > 2 {
					t.Errorf("%v is more than a register or a command", tx)
				}
			}
		}
	})
}
