package driver

import (
	"errors"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

// boschHalf are chips that find half of full scale, which is also what stands
// for a value that was left out.
func boschHalf() []boschHalfTest {
	var tests []boschHalfTest
	half := func(driver string, begin, reg byte, chip bustest.Chip, powerOn func()) {
		tests = append(tests, boschHalfTest{driver, begin, reg, chip, powerOn})
	}
	for _, next := range [][8]byte{
		{0x4A, 0x52, 0xC0, 0x80, 0x00, 0x00, 0x7A, 0x76}, // 23 °C
		{0x80, 0x00, 0x00, 0x80, 0x96, 0xC0, 0x7A, 0x76},
		{0x4A, 0x52, 0xC0, 0x80, 0x96, 0xC0, 0x80, 0x00},
		{0x80, 0x00, 0x00, 0x80, 0x00, 0x00, 0x80, 0x00},
	} {
		bme280, bmp280, bme680, bme688 := bustest.NewBME280(), bustest.NewBMP280(), bustest.NewBME680(), bustest.NewBME688()
		bme280.Next, bmp280.Next, bme680.Next, bme688.Next = next, next, next, next
		half("bme280", 0xF4, 0xF7, bme280, bme280.PowerOn)
		if next[0] == 0x80 || next[4] == 0 { // it has no humidity
			half("bmp280", 0xF4, 0xF7, bmp280, bmp280.PowerOn)
		}
		half("bme680", 0x74, 0x1F, bme680, bme680.PowerOn)
		half("bme688", 0x74, 0x1F, bme688, bme688.PowerOn)
	}
	for _, next := range [][6]byte{{2: 0x80, 3: 0, 4: 0x1C, 5: 0x7F}, {1: 0x42, 2: 0x71, 5: 0x80}, {2: 0x80, 5: 0x80}} {
		bmp388 := bustest.NewBMP388()
		bmp388.Next = next
		half("bmp388", 0x1B, 0x04, bmp388, bmp388.PowerOn)
	}
	bmp180 := bustest.NewBMP180()
	bmp180.Pressure = 0x8000 << 3 // 835 hPa
	half("bmp180", 0xF4, 0xF6, bmp180, bmp180.PowerOn)
	return tests
}

type boschHalfTest struct {
	driver     string
	begin, reg byte // registers that begin a conversion, and that have its results
	chip       bustest.Chip
	powerOn    func()
}

// open opens the driver with its chip.
func (tt boschHalfTest) open(t *testing.T) (Sensor, *bustest.Bus, []float64) {
	t.Helper()
	d, _ := Lookup(tt.driver)
	b := bustest.New(map[uint16]bustest.Chip{0x77: tt.chip})
	s, err := d.Open(t.Context(), &bus.Slot{I2C: b, Addr: 0x77, Options: d.WithDefaults(nil)})
	if err != nil {
		t.Fatal(err)
	}
	return s, b, make([]float64, len(d.Channels))
}

// Half of full scale is a value as any other.
func TestBoschHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i, tt := range boschHalf() {
			s, _, out := tt.open(t)
			if err := s.Measure(t.Context(), out); err != nil {
				t.Errorf("%s %d: %v", tt.driver, i, err)
			}
		}
	})
}

// A chip that loses its power during a conversion holds the same, and must not
// be believed. A BMP180 is asked again: it has no settings to lose.
func TestBoschPowerLossDuringConversion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i, tt := range boschHalf() {
			s, b, out := tt.open(t)
			lost := false
			b.Inject(bustest.Fault{When: func(tx bustest.Tx) bool {
				if !lost && len(tx.W) == 1 && (tx.W[0] == tt.reg || tx.W[0] == tt.begin) {
					lost = true
					tt.powerOn()
				}
				return false
			}})
			err := s.Measure(t.Context(), out)
			if !lost {
				t.Fatal("the chip did not lose its power")
			}
			if tt.driver == "bmp180" && err != nil || tt.driver != "bmp180" && !errors.Is(err, errBoschSkipped) {
				t.Errorf("%s %d: %v, %v", tt.driver, i, out, err)
			}
		}
	})
}
