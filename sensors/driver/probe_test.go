package driver

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

// probedChips are models of chips on I²C, by the driver that is theirs.
var probedChips = map[string]func() bustest.Chip{
	"ads1115": func() bustest.Chip { return bustest.NewADS1115() }, "ads1015": func() bustest.Chip { return bustest.NewADS1015() },
	"adxl345": func() bustest.Chip { return bustest.NewADXL345() }, "aht10": func() bustest.Chip { return bustest.NewAHT10() },
	"aht20": func() bustest.Chip { return bustest.NewAHT20() }, "am2320": func() bustest.Chip { return bustest.NewAM2320() },
	"bh1750": func() bustest.Chip { return bustest.NewBH1750() }, "bme280": func() bustest.Chip { return bustest.NewBME280() },
	"bme680": func() bustest.Chip { return bustest.NewBME680() }, "bmp180": func() bustest.Chip { return bustest.NewBMP180() },
	"bmp280": func() bustest.Chip { return bustest.NewBMP280() }, "bmp388": func() bustest.Chip { return bustest.NewBMP388() },
	"ccs811": func() bustest.Chip { return bustest.NewCCS811() }, "ens160": func() bustest.Chip { return bustest.NewENS160() },
	"hdc1080": func() bustest.Chip { return bustest.NewHDC1080() }, "hdc302x": func() bustest.Chip { return bustest.NewHDC302x() },
	"htu21d": func() bustest.Chip { return bustest.NewHTU21D() }, "ina219": func() bustest.Chip { return bustest.NewINA219() },
	"ina226": func() bustest.Chip { return bustest.NewINA226() }, "ina260": func() bustest.Chip { return bustest.NewINA260() },
	"ina3221": func() bustest.Chip { return bustest.NewINA3221() }, "lis3dh": func() bustest.Chip { return bustest.NewLIS3DH() },
	"lm75": func() bustest.Chip { return bustest.NewLM75() }, "pct2075": func() bustest.Chip { return bustest.NewPCT2075() },
	"ltr390": func() bustest.Chip { return bustest.NewLTR390() }, "mcp9808": func() bustest.Chip { return bustest.NewMCP9808() },
	"mpu6050": func() bustest.Chip { return bustest.NewMPU6050() }, "opt3001": func() bustest.Chip { return bustest.NewOPT3001() },
	"scd30": func() bustest.Chip { return bustest.NewSCD30() }, "scd4x": func() bustest.Chip { return bustest.NewSCD4x() },
	"sgp30": func() bustest.Chip { return bustest.NewSGP30() }, "sgp40": func() bustest.Chip { return bustest.NewSGP40() },
	"sgp41": func() bustest.Chip { return bustest.NewSGP41() }, "sht3x": func() bustest.Chip { return bustest.NewSHT3x() },
	"sht4x": func() bustest.Chip { return bustest.NewSHT4x() }, "th02": func() bustest.Chip { return bustest.NewTH02() },
	"tmp102": func() bustest.Chip { return bustest.NewTMP102() }, "tmp117": func() bustest.Chip { return bustest.NewTMP117() },
	"tsl2561": func() bustest.Chip { return bustest.NewTSL2561() }, "tsl2591": func() bustest.Chip { return bustest.NewTSL2591() },
	"veml7700": func() bustest.Chip { return bustest.NewVEML7700() },
}

// probedAlike are chips that a driver of others takes for one of its own, and
// says that it is not certain.
var probedAlike = map[string]string{
	"ads1015": "ads1115", // it does not say what it is
	"pct2075": "lm75",
	"aht10":   "aht20",
}

// Each driver looks at each chip that may have the same address: it knows its
// own, and is certain of no other.
func TestProbeOthers(t *testing.T) {
	for _, d := range All() {
		if d.Bus == bus.I2C && probedChips[d.Name] == nil {
			t.Errorf("%s has no model here", d.Name)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		for _, chip := range slices.Sorted(maps.Keys(probedChips)) {
			theirs, _ := Lookup(chip)
			for _, d := range All() {
				i := slices.IndexFunc(d.Addrs, func(addr uint16) bool { return slices.Contains(theirs.Addrs, addr) })
				if d.Bus != bus.I2C || d.Probe == nil || i < 0 {
					continue
				}
				b := bustest.New(map[uint16]bustest.Chip{d.Addrs[i]: probedChips[chip]()})
				found, err := d.Probe(t.Context(), &bus.Slot{Name: "i2c-1", I2C: b, Addr: d.Addrs[i]})
				says := fmt.Sprintf("%+v, %v", found, err)
				switch {
				case d.Name == chip && err != nil:
					t.Errorf("%s does not know its own: %s", d.Name, says)
				case d.Name != chip && err == nil && (found.Certain || probedAlike[chip] != d.Name):
					t.Errorf("%s takes a chip of %s for its own: %s", d.Name, chip, says)
				}
			}
		}
	})
}
