// Bosch BME680 and BME688: temperature, relative humidity, air pressure and
// the resistance of a gas sensor.
//
//	chip       BME680, BME688; a BME690 is refused
//	bus        I²C
//	addresses  0x76 (SDO to GND), 0x77 (SDO to VDDIO)
//	datasheet  Bosch BST-BME680-DS001, BST-BME688-DS000; see Datasheet below
//	checksum   none; see bosch.go
//
// The gas sensor is a hot plate whose resistance falls when there are solvents
// in the air. It is published as it is, in Ω: the air quality that Bosch makes
// of it comes out of a library without source (BSEC).

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 5.2.
const (
	bme680Calib2   = 0x00 // 5 of them: what the heater needs
	bme680Status   = 0x1D // meas_status_0
	bme680Data     = 0x1F // 15 of them: pressure, temperature, humidity, gas of both variants
	bme680ResHeat  = 0x5A
	bme680GasWait  = 0x64
	bme680CtrlGas  = 0x71 // ctrl_gas_1
	bme680CtrlHum  = 0x72
	bme680CtrlMeas = 0x74
	bme680Calib0   = 0x8A // 23 of them: temperature, pressure
	bme680Calib1   = 0xE1 // 14 of them: humidity, the rest
	bme680Variant  = 0xF0
)

// What is in them, section 5.3.
const (
	bme680NewData = 1 << 7          // meas_status_0
	bme680HumOnce = 1               // ctrl_hum: osrs_h
	bme680Forced  = 2<<5 | 5<<2 | 1 // ctrl_meas: osrs_t twice, osrs_p 16 times, mode

	bme680RunGas     = 1 << 4 // ctrl_gas_1 of a BME680
	bme680RunGasHigh = 1 << 5 // ctrl_gas_1 of a BME688

	bme680GasValid   = 1 << 5 // gas_r_lsb
	bme680HeatStable = 1 << 4 // gas_r_lsb
)

const (
	bme680Startup = 10 * time.Millisecond // t_startup is 2 ms; Bosch's code waits so long
	// What a measurement takes without the heater: 1.963 ms a sample, 0.477 ms
	// for each of nine changes, and a little to wake up.
	bme680Convert = 45 * time.Millisecond
)

var bme680Channels = []Channel{ // section 1: ranges and noise
	{Quantity: reading.Temperature, Min: -40, Max: 85, Decimals: 2},
	{Quantity: reading.Humidity, Min: 0, Max: 100, Decimals: 1},
	{Quantity: reading.Pressure, Min: 300, Max: 1100, Decimals: 2},
	// What the formulas give for all that the registers can hold.
	{Quantity: reading.GasResistance, Min: 100, Max: 110e6},
}

var _ = register(Driver{
	Name:      "bme680",
	Aliases:   []string{"bme688"},
	Title:     "Bosch BME680/BME688 temperature, humidity, pressure and gas",
	Datasheet: "Bosch BST-BME680-DS001, BST-BME688-DS000 (registers, calibration and formulas as in Bosch's code; ranges and start-up from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x76, 0x77},
	MinPeriod: 3 * time.Second, // more often, the heater warms the thermometer
	Channels:  bme680Channels,
	Options: []Option{
		{
			Name: "heater_temperature", Default: "320", Type: Whole, Min: 0, Max: 400,
			Doc: "Temperature of the gas sensor in °C, 200 to 400; 0 leaves the gas sensor off.",
		},
		{
			Name: "heater_duration", Default: "150ms", Type: Duration, Min: 0.001, Max: 4.032,
			Doc: "How long the gas sensor is heated before it is measured, 1ms to 4.032s.",
		},
	},
	Wiring: boschWiring,
	Notes: "The gas resistance is not an air quality: it falls when there are solvents in the air, and means something only beside its own past. " +
		"A new chip needs two days of use before it settles, and every chip some minutes after it is switched on. " +
		"The heater warms the chip: at intervals below a minute it shows up to 1 °C too much, and less humidity.",
	Open: openBME680,
	Check: func(o map[string]string) error {
		if t := options(o).whole("heater_temperature"); t != 0 && t < 200 {
			return fmt.Errorf("option heater_temperature is %d °C: it is 200 to 400, or 0 for off", t)
		}
		return nil
	},
	Probe: func(_ context.Context, slot *bus.Slot) (Found, error) {
		model, _, err := identifyBME680(slot)
		return Found{Model: model, Certain: true}, err
	},
})

type bme680 struct {
	slot   *bus.Slot
	high   bool // the variant with the longer range of gas: BME688
	heater int  // °C, 0 for off
	heat   time.Duration
	calib  bme680Calibration
	last   float64 // temperature, °C, of the last measurement, for the heater
}

func openBME680(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	s := &bme680{slot: slot, heater: o.whole("heater_temperature"), heat: o.duration("heater_duration"), last: 25}
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("bme680: %w", err)
	}
	return s, nil
}

func (s *bme680) open(ctx context.Context) (err error) {
	if _, s.high, err = identifyBME680(s.slot); err != nil {
		return err
	}
	if err := s.slot.WriteRegister(boschReset, boschSoftReset); err != nil {
		return err
	}
	if err := bus.Wait(ctx, bme680Startup); err != nil {
		return fmt.Errorf("wait for register 0x%02X (reset): %w", boschReset, err)
	}
	if err := s.calibrate(); err != nil {
		return fmt.Errorf("calibration: %w", err)
	}
	return s.set()
}

// identifyBME680 returns the name of the chip, and whether it is the variant
// with the longer range of gas.
func identifyBME680(slot *bus.Slot) (model string, high bool, err error) {
	if _, err := boschIdentify(slot, "bme680"); err != nil {
		return "", false, err
	}
	var variant [1]byte
	if err := slot.ReadRegistersSame(bme680Variant, variant[:]); err != nil {
		return "", false, err
	}
	switch variant[0] {
	case 0:
		return "BME680", false, nil
	case 1:
		return "BME688", true, nil
	}
	return "", false, fmt.Errorf("register 0x%02X (variant_id) is 0x%02X: this is neither a BME680 nor a BME688, but a newer one of their family, such as the BME690",
		bme680Variant, variant[0])
}

func (s *bme680) calibrate() error {
	var calib0 [23]byte
	var calib1 [14]byte
	var calib2 [5]byte
	if err := s.slot.ReadRegistersTwice(bme680Calib0, calib0[:]); err != nil {
		return err
	}
	if err := s.slot.ReadRegistersTwice(bme680Calib1, calib1[:]); err != nil {
		return err
	}
	if err := s.slot.ReadRegistersSame(bme680Calib2, calib2[:]); err != nil {
		return err
	}
	s.calib = parseBME680Calibration(calib0, calib1, calib2)
	return nil
}

// set writes what stays the same for all measurements.
func (s *bme680) set() error {
	if err := s.slot.WriteRegister(bme680CtrlHum, bme680HumOnce); err != nil {
		return err
	}
	if s.heater == 0 {
		return nil
	}
	if err := s.slot.WriteRegister(bme680GasWait, bme680Wait(s.heat)); err != nil {
		return err
	}
	run := byte(bme680RunGas)
	if s.high {
		run = bme680RunGasHigh
	}
	return s.slot.WriteRegister(bme680CtrlGas, run)
}

// Channels implements [Channeler]: with the heater off there is no gas.
func (s *bme680) Channels() []Channel {
	if s.heater == 0 {
		return bme680Channels[:3]
	}
	return bme680Channels
}

// Measure implements [Sensor]: out is temperature in °C, humidity in %,
// pressure in hPa, and the gas resistance in Ω unless the heater is off.
func (s *bme680) Measure(ctx context.Context, out []float64) error {
	raw, err := s.convert(ctx)
	if err != nil {
		return fmt.Errorf("bme680: %w", err)
	}
	t, h, p := s.calib.compensate(raw)
	if math.IsNaN(p) || math.IsInf(p, 0) {
		return fmt.Errorf("bme680: calibration in the registers from 0x%02X does not fit the pressure 0x%05X", bme680Calib0, raw.p)
	}
	if s.heater == 0 {
		out[0], out[1], out[2] = t, h, p/100
		return nil
	}
	s.last = t
	gas, err := s.gas(raw)
	if err != nil {
		return fmt.Errorf("bme680: %w", err)
	}
	out[0], out[1], out[2], out[3] = t, h, p/100, gas
	return nil
}

// convert takes one measurement.
func (s *bme680) convert(ctx context.Context) (raw bme680Raw, err error) {
	d := bme680Convert
	if s.heater != 0 {
		d += s.heat
		if err := s.slot.WriteRegister(bme680ResHeat, s.calib.heater(float64(s.heater), s.last)); err != nil {
			return raw, err
		}
	}
	if err := s.slot.WriteRegister(bme680CtrlMeas, bme680Forced); err != nil {
		return raw, err
	}
	done := func(status byte) bool { return status&bme680NewData != 0 }
	if err := awaitRegister(ctx, s.slot, d, bme680Status, "meas_status_0", done); err != nil {
		return raw, err
	}
	var data [15]byte
	if err := s.slot.ReadRegistersTwice(bme680Data, data[:]); err != nil {
		return raw, err
	}
	raw = parseBME680Raw(data, s.high)
	if raw.t == 0x80000 || raw.p == 0x80000 || raw.h == 0x8000 { // as after a reset, and one that was left out
		return raw, boschMeasured(s.slot,
			boschSetting{bme680CtrlMeas, "ctrl_meas", bme680Forced &^ 3, 0xFC}, boschSetting{bme680CtrlHum, "ctrl_hum", bme680HumOnce, 7})
	}
	return raw, nil
}

// gas returns the resistance of the gas sensor in Ω.
func (s *bme680) gas(raw bme680Raw) (float64, error) {
	switch {
	case !raw.valid:
		return 0, fmt.Errorf("gas registers from 0x%02X (gas_r): no gas was measured, the chip has lost its settings", raw.gasAt)
	case !raw.stable:
		return 0, fmt.Errorf("gas registers from 0x%02X (gas_r): the heater did not reach %d °C in %v: give heater_duration more, or heater_temperature 0 to go without the gas",
			raw.gasAt, s.heater, s.heat)
	case s.high:
		return bme688Gas(raw.gas, raw.gasRange), nil
	}
	return s.calib.gas(raw.gas, raw.gasRange), nil
}

// bme680Calibration is the calibration, as the tables of section 3.3 name it.
type bme680Calibration struct {
	t1     uint16
	t2     int16
	t3     int8
	p1     uint16
	p2     int16
	p3     int8
	p4, p5 int16
	p6, p7 int8
	p8, p9 int16
	p10    uint8
	h1, h2 uint16  // 12 bits
	h      [6]int8 // h[3] to h[5]
	h6     uint8
	h7     int8
	g1     int8
	g2     int16
	g3     int8

	resHeatRange byte // 2 bits
	resHeatVal   int8
	rangeSwErr   int8 // range_switching_error, 4 bits, signed
}

// parseBME680Calibration reads registers 0x8A to 0xA0, 0xE1 to 0xEE and 0x00
// to 0x04. par_h1 and par_h2 share register 0xE2.
func parseBME680Calibration(a [23]byte, b [14]byte, c [5]byte) bme680Calibration {
	word := binary.LittleEndian.Uint16
	return bme680Calibration{
		t1: word(b[8:]), t2: int16(word(a[0:])), t3: int8(a[2]),
		p1: word(a[4:]), p2: int16(word(a[6:])), p3: int8(a[8]),
		p4: int16(word(a[10:])), p5: int16(word(a[12:])),
		p6: int8(a[15]), p7: int8(a[14]),
		p8: int16(word(a[18:])), p9: int16(word(a[20:])), p10: a[22],
		h1: uint16(b[2])<<4 | uint16(b[1]&0x0F),
		h2: uint16(b[0])<<4 | uint16(b[1]>>4),
		h:  [6]int8{3: int8(b[3]), int8(b[4]), int8(b[5])},
		h6: b[6], h7: int8(b[7]),
		g1: int8(b[12]), g2: int16(word(b[10:])), g3: int8(b[13]),
		resHeatVal:   int8(c[0]),
		resHeatRange: c[2] >> 4 & 3,
		rangeSwErr:   int8(c[4]) >> 4,
	}
}

// bme680Raw is a measurement before compensation.
type bme680Raw struct {
	t, p          int32 // 20 bits
	h             int32 // 16 bits
	gas           int   // 10 bits
	gasRange      int   // 4 bits
	gasAt         byte  // the register of gas_r_msb
	valid, stable bool
}

// parseBME680Raw reads registers 0x1F to 0x2D. Section 5.3.4.
func parseBME680Raw(data [15]byte, high bool) bme680Raw {
	gas := 11
	if high {
		gas = 13
	}
	msb, lsb := data[gas], data[gas+1]
	return bme680Raw{
		p:        int32(data[0])<<12 | int32(data[1])<<4 | int32(data[2])>>4,
		t:        int32(data[3])<<12 | int32(data[4])<<4 | int32(data[5])>>4,
		h:        int32(data[6])<<8 | int32(data[7]),
		gas:      int(msb)<<2 | int(lsb)>>6,
		gasRange: int(lsb & 0x0F),
		gasAt:    bme680Data + byte(gas),
		valid:    lsb&bme680GasValid != 0,
		stable:   lsb&bme680HeatStable != 0,
	}
}

// compensate returns temperature in °C, humidity in % and pressure in Pa. The
// pressure is not finite if the calibration is nonsense.
//
// Section 3.3, in the datasheet's names and in double precision.
func (c *bme680Calibration) compensate(raw bme680Raw) (t, h, p float64) {
	t, fine := c.temperature(raw.t)
	return t, c.humidity(raw.h, t), c.pressure(raw.p, fine)
}

// temperature also returns t_fine. Section 3.3.1.
func (c *bme680Calibration) temperature(adc int32) (t, fine float64) {
	adcT, t1 := float64(adc), float64(c.t1)
	var1 := (adcT/16384 - t1/1024) * float64(c.t2)
	var2 := (adcT/131072 - t1/8192) * (adcT/131072 - t1/8192) * float64(c.t3) * 16
	fine = var1 + var2
	return fine / 5120, fine
}

// pressure is section 3.3.2, but for a division by zero.
func (c *bme680Calibration) pressure(adc int32, fine float64) float64 {
	var1 := fine/2 - 64000
	var2 := var1 * var1 * float64(c.p6) / 131072
	var2 += var1 * float64(c.p5) * 2
	var2 = var2/4 + float64(c.p4)*65536
	var1 = (float64(c.p3)*var1*var1/16384 + float64(c.p2)*var1) / 524288
	var1 = (1 + var1/32768) * float64(c.p1)
	p := 1048576 - float64(adc)
	p = (p - var2/4096) * 6250 / var1
	var1 = float64(c.p9) * p * p / 2147483648
	var2 = p * float64(c.p8) / 32768
	var3 := p / 256 * (p / 256) * (p / 256) * float64(c.p10) / 131072
	return p + (var1+var2+var3+float64(c.p7)*128)/16
}

// humidity is section 3.3.3; t is the temperature.
func (c *bme680Calibration) humidity(adc int32, t float64) float64 {
	h := func(i int) float64 { return float64(c.h[i]) }
	var1 := float64(adc) - (float64(c.h1)*16 + h(3)/2*t)
	var2 := var1 * (float64(c.h2) / 262144 * (1 + h(4)/16384*t + h(5)/1048576*t*t))
	var3 := float64(c.h6) / 16384
	var4 := float64(c.h7) / 2097152
	return min(max(var2+(var3+var4*t)*var2*var2, 0), 100)
}

// gas returns the resistance in Ω, of a BME680. Section 3.4.1; k1 and k2 are
// its table of constants, in %, by range.
func (c *bme680Calibration) gas(adc, gasRange int) float64 {
	k1 := [16]float64{5: -1, 7: -0.8, 10: -0.2, 11: -0.5, 13: -1}
	k2 := [16]float64{4: 0.1, 5: 0.7, 7: -0.8, 8: -0.1}
	var1 := (1340 + 5*float64(c.rangeSwErr)) * (1 + k1[gasRange]/100)
	var3 := 1 + k2[gasRange]/100
	return 1 / (var3 * 0.000000125 * float64(int(1)<<gasRange) * ((float64(adc)-512)/var1 + 1))
}

// bme688Gas returns the resistance in Ω, of a BME688, which needs no
// calibration for it. BME688 datasheet, section 3.4.1.
func bme688Gas(adc, gasRange int) float64 {
	return 1e6 * float64(int(262144)>>gasRange) / (4096 + 3*(float64(adc)-512))
}

// heater returns res_heat_x, which brings the heater to that temperature in
// air of that temperature, both in °C. Section 3.3.5.
func (c *bme680Calibration) heater(target, ambient float64) byte {
	var1 := float64(c.g1)/16 + 49
	var2 := float64(c.g2)/32768*0.0005 + 0.00235
	var3 := float64(c.g3) / 1024
	var4 := var1 * (1 + var2*target)
	var5 := var4 + var3*ambient
	x := 3.4 * (var5*(4/(4+float64(c.resHeatRange)))*(1/(1+float64(c.resHeatVal)*0.002)) - 25)
	return byte(min(max(x, 0), 255))
}

// bme680Wait returns gas_wait_x for a time of 1 to 4032 ms: six bits of ms,
// and two that say how often they are multiplied by 4. Section 5.3.3.
func bme680Wait(d time.Duration) byte {
	ms, times := d.Milliseconds(), byte(0)
	for ms > 63 && times < 3 {
		ms, times = ms/4, times+1
	}
	return times<<6 | byte(min(ms, 63))
}
