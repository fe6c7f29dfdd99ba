package scan

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
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

// A gateway that runs reads a chip too: when it measures for somebody else it says
// nothing to the scan.
func TestScanBesideSomebodyWhoReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &busyOnce{Bus: bustest.New(map[uint16]bustest.Chip{0x44: bustest.NewSHT4x(), 0x76: bustest.NewBME280()}), busy: map[uint16]bool{0x44: true, 0x76: true}}
		places, err := Scan(t.Context(), Deps{Root: dev("i2c-1"), OpenI2C: func(string) (i2c.BusCloser, error) { return b, nil }})
		if err != nil || len(places) != 2 || places[0].Addr != 0x44 || !places[0].Certain() || places[1].Addr != 0x76 || !places[1].Certain() {
			t.Errorf("%v, %+v", err, places)
		}
	})
}

// busyOnce has chips that do not answer until another address was asked.
type busyOnce struct {
	*bustest.Bus
	busy map[uint16]bool
	last uint16
}

func (b *busyOnce) Tx(addr uint16, w, r []byte) error {
	if b.last != addr {
		delete(b.busy, b.last)
		b.last = addr
	}
	if b.busy[addr] {
		return bustest.ErrNACK
	}
	return b.Bus.Tx(addr, w, r)
}

// The console of the kernel is no port for a sensor.
func TestScanLeavesTheConsoleOut(t *testing.T) {
	root := dev("ttyAMA0", "ttyUSB0")
	root["sys/class/tty/console/active"] = &fstest.MapFile{Data: []byte("tty1 ttyAMA0\n")}
	places, err := Scan(t.Context(), Deps{Root: root})
	if err != nil || len(places) != 1 || places[0].Name != "/dev/ttyUSB0" {
		t.Errorf("%v, %+v", err, places)
	}
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
	alone := Place{Kind: bus.I2C, Name: "i2c-1", Addr: 0x77, Candidates: []Candidate{{Driver: bme}}}
	thermometer := Place{Kind: bus.OneWire, Name: "28-1", Candidates: []Candidate{{w1, driver.Found{Certain: true, ID: "28-0316a2795cff", Options: map[string]string{"resolution": "9"}}}}}
	for _, tt := range []struct {
		p    Place
		want string
	}{
		{certain, "# BME280, serial number 77\n- driver: bme280\n  room: new\n  name: bme280_2\n  bus: i2c-1\n  address: 0x76\n"},
		{ask, "# Not certain: this may be bme280 or w1. Choose one and take the # away.\n#- driver: bme280\n#  room: new\n#  name: bme280\n#  bus: i2c-1\n#  address: 0x77\n"},
		{alone, "# Not certain: if this is bme280, take the # away.\n#- driver: bme280\n#  room: new\n#  name: bme280\n#  bus: i2c-1\n#  address: 0x77\n"},
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
		for _, addr := range allAddresses() {
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

// Every chip is found as what it is at each of its addresses, by its driver and
// by no other, if it can be told at all, and among the choices otherwise.
func TestEveryChipIsFoundAsItself(t *testing.T) {
	chips := map[string]func() bustest.Chip{
		"bme280":   func() bustest.Chip { return bustest.NewBME280() },
		"bmp280":   func() bustest.Chip { return bustest.NewBMP280() },
		"bmp180":   func() bustest.Chip { return bustest.NewBMP180() },
		"bmp388":   func() bustest.Chip { return bustest.NewBMP388() },
		"bme680":   func() bustest.Chip { return bustest.NewBME680() },
		"sht3x":    func() bustest.Chip { return bustest.NewSHT3x() },
		"sht4x":    func() bustest.Chip { return bustest.NewSHT4x() },
		"hdc302x":  func() bustest.Chip { return bustest.NewHDC302x() },
		"aht20":    func() bustest.Chip { return bustest.NewAHT20() },
		"htu21d":   func() bustest.Chip { return bustest.NewHTU21D() },
		"hdc1080":  func() bustest.Chip { return bustest.NewHDC1080() },
		"th02":     func() bustest.Chip { return bustest.NewTH02() },
		"am2320":   func() bustest.Chip { return bustest.NewAM2320() },
		"scd4x":    func() bustest.Chip { return bustest.NewSCD4x() },
		"scd30":    func() bustest.Chip { return bustest.NewSCD30() },
		"sgp30":    func() bustest.Chip { return bustest.NewSGP30() },
		"opt3001":  func() bustest.Chip { return bustest.NewOPT3001() },
		"ina219":   func() bustest.Chip { return bustest.NewINA219() },
		"ina226":   func() bustest.Chip { return bustest.NewINA226() },
		"ina3221":  func() bustest.Chip { return bustest.NewINA3221() },
		"tmp117":   func() bustest.Chip { return bustest.NewTMP117() },
		"mcp9808":  func() bustest.Chip { return bustest.NewMCP9808() },
		"ccs811":   func() bustest.Chip { return bustest.NewCCS811() },
		"ens160":   func() bustest.Chip { return bustest.NewENS160() },
		"tsl2591":  func() bustest.Chip { return bustest.NewTSL2591() },
		"tsl2561":  func() bustest.Chip { return bustest.NewTSL2561() },
		"aht10":    func() bustest.Chip { return bustest.NewAHT10() },
		"sgp40":    func() bustest.Chip { return bustest.NewSGP40() },
		"sgp41":    func() bustest.Chip { return bustest.NewSGP41() },
		"ina260":   func() bustest.Chip { return bustest.NewINA260() },
		"ltr390":   func() bustest.Chip { return bustest.NewLTR390() },
		"veml7700": func() bustest.Chip { return bustest.NewVEML7700() },
		"bh1750":   func() bustest.Chip { return bustest.NewBH1750() },
		"tmp102":   func() bustest.Chip { return bustest.NewTMP102() },
		"lm75":     func() bustest.Chip { return bustest.NewLM75() },
		"pct2075":  func() bustest.Chip { return bustest.NewPCT2075() },
		"ads1115":  func() bustest.Chip { return bustest.NewADS1115() },
		"ads1015":  func() bustest.Chip { return bustest.NewADS1015() },
		"lis3dh":   func() bustest.Chip { return bustest.NewLIS3DH() },
		"mpu6050":  func() bustest.Chip { return bustest.NewMPU6050() },
		"adxl345":  func() bustest.Chip { return bustest.NewADXL345() },
	}
	for _, d := range driver.All() {
		if d.Bus == bus.I2C && chips[d.Name] == nil {
			t.Errorf("driver %s has no model here", d.Name)
		}
	}
	for name, chip := range chips {
		d, _ := driver.Lookup(name)
		for _, addr := range d.Addrs {
			synctest.Test(t, func(t *testing.T) {
				b := bustest.New(map[uint16]bustest.Chip{addr: chip()})
				found, err := candidates(t.Context(), b, "i2c-1", addr)
				itself := slices.ContainsFunc(found, func(c Candidate) bool { return c.Driver.Name == name })
				switch {
				case err != nil:
					t.Errorf("%s at %#02x: %v", name, addr, err)
				case !itself && d.Probe != nil:
					t.Errorf("%s at %#02x is not found: %v", name, addr, titles(found))
				}
				for _, c := range found {
					if c.Certain && c.Driver.Name != name {
						t.Errorf("%s at %#02x is taken for %s, %q", name, addr, c.Driver.Name, c.Model)
					}
				}
			})
		}
	}
}

// A chip that somebody reads is not touched.
func TestScanLeavesAloneWhatIsInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bustest.New(map[uint16]bustest.Chip{0x44: bustest.NewSHT4x(), 0x76: bustest.NewBME280()})
		places, err := Scan(t.Context(), Deps{
			Root: dev("i2c-1"), OpenI2C: func(string) (i2c.BusCloser, error) { return b, nil },
			InUse: func(bus string, addr uint16) bool { return bus == "i2c-1" && addr == 0x76 },
		})
		if err != nil || len(places) != 1 || places[0].Addr != 0x44 {
			t.Fatalf("%v, %+v", err, places)
		}
		for _, tx := range b.Log() {
			if tx.Addr == 0x76 {
				t.Errorf("the chip that is in use was asked %x", tx.W)
			}
		}
	})
}
