package driver

import (
	"cmp"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// modbusTemplate is the register map of a slave.
type modbusTemplate struct {
	title  string
	source string // of the map
	limit  int    // registers that it gives at once; 125 if 0
	table  bus.ModbusTable
	order  string // abcd if nothing is said
	rows   []modbusRow
	// gapless is set if nobody has seen what happens when registers are read
	// that the map does not have: a slave may be silent then.
	gapless bool
}

// modbusRow is a value of a template: what it is, where it is, the factor to
// the quantity's unit, what can be measured, digits after the point.
type modbusRow struct {
	quantity reading.Quantity
	address  uint16
	typ      modbusType
	scale    float64
	min, max float64
	decimals int
}

// values returns the values of the template; order is another order of bytes,
// "" for its own.
func (t modbusTemplate) values(order string) []modbusValue {
	var values []modbusValue
	for _, r := range t.rows {
		values = append(values, modbusValue{
			Channel: Channel{r.quantity, r.min, r.max, r.decimals},
			table:   t.table, address: r.address, typ: r.typ,
			order: cmp.Or(order, t.order, "abcd"), scale: r.scale,
		})
	}
	return values
}

// Eastron: 32-bit floats of input registers, most significant register first,
// at most 40 values in one request. Energy is in kWh. The total is import and
// export together.

// eastronSingle is what the single-phase meters share.
var eastronSingle = []modbusRow{
	{reading.Voltage, 0x0000, modbusF32, 1, 0, 500, 1},
	{reading.Current, 0x0006, modbusF32, 1, -1000, 1000, 3},
	{reading.Power, 0x000C, modbusF32, 1, -250e3, 250e3, 1},
	{reading.ApparentPower, 0x0012, modbusF32, 1, -250e3, 250e3, 1},
	{reading.ReactivePower, 0x0018, modbusF32, 1, -250e3, 250e3, 1},
	{reading.PowerFactor, 0x001E, modbusF32, 1, -1.01, 1.01, 3},
	{reading.Frequency, 0x0046, modbusF32, 1, 0, 70, 2},
	{reading.Energy.Of("import"), 0x0048, modbusF32, 1, 0, 1e7, 3},
	{reading.Energy.Of("export"), 0x004A, modbusF32, 1, 0, 1e7, 3},
	{reading.Energy.Of("total"), 0x0156, modbusF32, 1, 0, 1e7, 3},
}

// eastronThree is what the three-phase meters share.
var eastronThree = []modbusRow{
	{reading.Voltage.Of("l1"), 0x0000, modbusF32, 1, 0, 500, 1},
	{reading.Voltage.Of("l2"), 0x0002, modbusF32, 1, 0, 500, 1},
	{reading.Voltage.Of("l3"), 0x0004, modbusF32, 1, 0, 500, 1},
	{reading.Current.Of("l1"), 0x0006, modbusF32, 1, -10e3, 10e3, 3},
	{reading.Current.Of("l2"), 0x0008, modbusF32, 1, -10e3, 10e3, 3},
	{reading.Current.Of("l3"), 0x000A, modbusF32, 1, -10e3, 10e3, 3},
	{reading.Power.Of("l1"), 0x000C, modbusF32, 1, -5e6, 5e6, 1},
	{reading.Power.Of("l2"), 0x000E, modbusF32, 1, -5e6, 5e6, 1},
	{reading.Power.Of("l3"), 0x0010, modbusF32, 1, -5e6, 5e6, 1},
	{reading.Power, 0x0034, modbusF32, 1, -15e6, 15e6, 1},
	{reading.ApparentPower, 0x0038, modbusF32, 1, -15e6, 15e6, 1},
	{reading.ReactivePower, 0x003C, modbusF32, 1, -15e6, 15e6, 1},
	{reading.PowerFactor, 0x003E, modbusF32, 1, -1.01, 1.01, 3},
	{reading.Frequency, 0x0046, modbusF32, 1, 0, 70, 2},
	{reading.Energy.Of("import"), 0x0048, modbusF32, 1, 0, 1e7, 3},
	{reading.Energy.Of("export"), 0x004A, modbusF32, 1, 0, 1e7, 3},
	{reading.Energy.Of("total"), 0x0156, modbusF32, 1, 0, 1e7, 3},
}

const eastronLimit = 80

// temperatureHumidity is a temperature and a humidity behind one another, in
// parts of 1/per.
func temperatureHumidity(address uint16, per float64, decimals int) []modbusRow {
	return []modbusRow{
		{reading.Temperature, address, modbusS16, 1 / per, -40, 125, decimals},
		{reading.Humidity, address + 1, modbusU16, 1 / per, 0, 100, decimals},
	}
}

// modbusTemplates are the slaves that are known by name.
var modbusTemplates = map[string]modbusTemplate{
	"sdm120": {
		title:  "Eastron SDM120",
		source: "Eastron SDM120 Modbus Protocol Implementation V2.4; volkszaehler/mbmd meters/rs485/sdm120.go",
		limit:  eastronLimit, table: bus.InputRegisters, rows: eastronSingle,
	},
	"sdm230": {
		title:  "Eastron SDM220 and SDM230",
		source: "Eastron SDM230 Modbus Protocol V1.4; volkszaehler/mbmd meters/rs485/sdm230.go and sdm220.go",
		limit:  eastronLimit, table: bus.InputRegisters, rows: eastronSingle,
	},
	"sdm630": {
		title:  "Eastron SDM630 and SDM54",
		source: "Eastron SDM630 Modbus Protocol; volkszaehler/mbmd meters/rs485/sdm.go and sdm54.go",
		limit:  eastronLimit, table: bus.InputRegisters, rows: eastronThree,
	},
	"sdm72v2": {
		title:  "Eastron SDM72D-M v2",
		source: "Eastron SDM72D-M v2 manual; volkszaehler/mbmd meters/rs485/sdm72v2.go",
		limit:  eastronLimit, table: bus.InputRegisters, rows: eastronThree,
	},
	"sdm72": {
		title:  "Eastron SDM72D-M, the first, which has only sums",
		source: "Eastron SDM72D-M manual; volkszaehler/mbmd meters/rs485/sdm72.go",
		limit:  eastronLimit, table: bus.InputRegisters,
		rows: []modbusRow{
			{reading.Power, 0x0034, modbusF32, 1, -250e3, 250e3, 1},
			{reading.Energy.Of("import"), 0x0048, modbusF32, 1, 0, 1e7, 3},
			{reading.Energy.Of("export"), 0x004A, modbusF32, 1, 0, 1e7, 3},
			{reading.Energy.Of("total"), 0x0156, modbusF32, 1, 0, 1e7, 3},
		},
	},
	// Peacefair: the low register of a pair is first. The meter lives on the
	// voltage that it measures and is silent without it, so a voltage below
	// what it can measure is one of a meter that has just begun.
	"pzem004t": {
		title:  "Peacefair PZEM-004T v3, PZEM-014 and PZEM-016",
		source: "PZEM-014/016 manual as in jabastien/STM32_PZEM016; esphome pzemac.cpp",
		table:  bus.InputRegisters, order: "cdab",
		rows: []modbusRow{
			{reading.Voltage, 0x0000, modbusU16, 0.1, 80, 270, 1},
			{reading.Current, 0x0001, modbusU32, 0.001, 0, 110, 3},
			{reading.Power, 0x0003, modbusU32, 0.1, 0, 30e3, 1},
			{reading.Energy, 0x0005, modbusU32, 0.001, 0, 10e3, 3},
			{reading.Frequency, 0x0007, modbusU16, 0.1, 40, 70, 1},
			{reading.PowerFactor, 0x0008, modbusU16, 0.01, 0, 1, 2},
		},
	},
	"pzem017": {
		title:  "Peacefair PZEM-003 and PZEM-017, direct current; 8N2",
		source: "PZEM-017 manual; esphome pzemdc.cpp",
		table:  bus.InputRegisters, order: "cdab",
		rows: []modbusRow{
			{reading.Voltage, 0x0000, modbusU16, 0.01, 0, 320, 2},
			{reading.Current, 0x0001, modbusU16, 0.01, 0, 310, 2},
			{reading.Power, 0x0002, modbusU32, 0.1, 0, 95e3, 1},
			{reading.Energy, 0x0004, modbusU32, 0.001, 0, 10e3, 3},
		},
	},
	"sht20": {
		title:  "RS-485 module with an SHT20 or SHT40, XY-MD02, in tenths",
		source: "e-tinkers/Modbus-RTU examples/SHT20; XY-MD02 manual",
		table:  bus.InputRegisters, rows: temperatureHumidity(0x0001, 10, 1),
	},
	"sht20x100": {
		title:  "RS-485 module with an SHT20, of the kind that counts in hundredths",
		source: "e-tinkers/Modbus-RTU examples/SHT20",
		table:  bus.InputRegisters, rows: temperatureHumidity(0x0001, 100, 2),
	},
	"rs485th": {
		title:  "RS485-TH, temperature and humidity",
		source: "microrobotics/RS485-TH",
		table:  bus.HoldingRegisters, rows: temperatureHumidity(0x0000, 10, 1),
	},
	"dds238": {
		title:  "Hiking DDS238-2 ZN/S",
		source: "fawno/Modbus DDS238-2 ZN-S Modbus.md",
		table:  bus.HoldingRegisters,
		rows: []modbusRow{
			{reading.Energy.Of("total"), 0x0000, modbusU32, 0.01, 0, 1e6, 2},
			{reading.Energy.Of("export"), 0x0008, modbusU32, 0.01, 0, 1e6, 2},
			{reading.Energy.Of("import"), 0x000A, modbusU32, 0.01, 0, 1e6, 2},
			{reading.Voltage, 0x000C, modbusU16, 0.1, 0, 300, 1},
			{reading.Current, 0x000D, modbusU16, 0.01, 0, 100, 2},
			{reading.Power, 0x000E, modbusS16, 1, -30e3, 30e3, 0},
			{reading.ReactivePower, 0x000F, modbusS16, 1, -30e3, 30e3, 0},
			{reading.PowerFactor, 0x0010, modbusU16, 0.001, 0, 1, 3},
			{reading.Frequency, 0x0011, modbusU16, 0.01, 0, 70, 2},
		},
	},
	"orwe504": {
		title:  "Orno OR-WE-504",
		source: "devices.esphome.io OR-WE-504; volkszaehler/mbmd meters/rs485/orno1p504.go",
		table:  bus.HoldingRegisters,
		rows: []modbusRow{
			{reading.Voltage, 0x0000, modbusU16, 0.1, 0, 300, 1},
			{reading.Current, 0x0001, modbusU16, 0.1, 0, 100, 1},
			{reading.Frequency, 0x0002, modbusU16, 0.1, 0, 70, 1},
			{reading.Power, 0x0003, modbusU16, 1, 0, 30e3, 0},
			{reading.ReactivePower, 0x0004, modbusU16, 1, 0, 30e3, 0},
			{reading.ApparentPower, 0x0005, modbusU16, 1, 0, 30e3, 0},
			{reading.PowerFactor, 0x0006, modbusU16, 0.001, 0, 1, 3},
			{reading.Energy, 0x0007, modbusU32, 0.001, 0, 1e6, 3},
			{reading.ReactiveEnergy, 0x0009, modbusU32, 0.001, 0, 1e6, 3},
		},
	},
	"orwe514": {
		title:  "Orno OR-WE-514 and OR-WE-515; 8E1",
		source: "Register description OR-WE-514&OR-WE-515, in gituser-rk/orno-modbus-mqtt; volkszaehler/mbmd meters/rs485/orno1p.go",
		table:  bus.HoldingRegisters, gapless: true,
		rows: []modbusRow{
			{reading.Frequency, 0x0130, modbusU16, 0.01, 0, 70, 2},
			{reading.Voltage, 0x0131, modbusU16, 0.01, 0, 300, 2},
			{reading.Current, 0x0139, modbusU32, 0.001, 0, 110, 3},
			{reading.Power, 0x0140, modbusS32, 1, -30e3, 30e3, 0},
			{reading.ReactivePower, 0x0148, modbusS32, 1, -30e3, 30e3, 0},
			{reading.ApparentPower, 0x0150, modbusS32, 1, -30e3, 30e3, 0},
			{reading.PowerFactor, 0x0158, modbusS16, 0.001, -1, 1, 3},
			{reading.Energy, 0xA000, modbusU32, 0.01, 0, 1e7, 2},
			{reading.ReactiveEnergy, 0xA01E, modbusU32, 0.01, 0, 1e7, 2},
		},
	},
	"orwe516": {
		title:  "Orno OR-WE-516 and OR-WE-517; 8E1 or 8O1",
		source: "volkszaehler/mbmd meters/rs485/orno3p.go; groupsky/ya-modbus driver-or-we-516",
		table:  bus.HoldingRegisters,
		rows: []modbusRow{
			{reading.Voltage.Of("l1"), 0x000E, modbusF32, 1, 0, 500, 1},
			{reading.Voltage.Of("l2"), 0x0010, modbusF32, 1, 0, 500, 1},
			{reading.Voltage.Of("l3"), 0x0012, modbusF32, 1, 0, 500, 1},
			{reading.Frequency, 0x0014, modbusF32, 1, 0, 70, 2},
			{reading.Current.Of("l1"), 0x0016, modbusF32, 1, -200, 200, 3},
			{reading.Current.Of("l2"), 0x0018, modbusF32, 1, -200, 200, 3},
			{reading.Current.Of("l3"), 0x001A, modbusF32, 1, -200, 200, 3},
			{reading.Power, 0x001C, modbusF32, 1000, -250e3, 250e3, 0},
			{reading.Power.Of("l1"), 0x001E, modbusF32, 1000, -100e3, 100e3, 0},
			{reading.Power.Of("l2"), 0x0020, modbusF32, 1000, -100e3, 100e3, 0},
			{reading.Power.Of("l3"), 0x0022, modbusF32, 1000, -100e3, 100e3, 0},
			{reading.ReactivePower, 0x0024, modbusF32, 1000, -250e3, 250e3, 0},
			{reading.ApparentPower, 0x002C, modbusF32, 1000, -250e3, 250e3, 0},
			{reading.PowerFactor, 0x0034, modbusF32, 1, -1.01, 1.01, 3},
			{reading.Energy.Of("total"), 0x0100, modbusF32, 1, 0, 1e7, 2},
			{reading.Energy.Of("import"), 0x0108, modbusF32, 1, 0, 1e7, 2},
			{reading.Energy.Of("export"), 0x0110, modbusF32, 1, 0, 1e7, 2},
		},
	},
	"dtsu666": {
		title:  "Chint DTSU666, not the DTSU666-H of Huawei; behind transformers the values are to be multiplied by their ratio",
		source: "Chint DTSU666.001 / DSSU666.001 User Manual ZTW0.464.0104; volkszaehler/mbmd meters/rs485/dtsu666.go",
		table:  bus.HoldingRegisters,
		rows: []modbusRow{
			{reading.Energy.Of("import"), 0x101E, modbusF32, 1, 0, 1e7, 2},
			{reading.Energy.Of("export"), 0x1028, modbusF32, 1, 0, 1e7, 2},
			{reading.Voltage.Of("l1"), 0x2006, modbusF32, 0.1, 0, 500, 1},
			{reading.Voltage.Of("l2"), 0x2008, modbusF32, 0.1, 0, 500, 1},
			{reading.Voltage.Of("l3"), 0x200A, modbusF32, 0.1, 0, 500, 1},
			{reading.Current.Of("l1"), 0x200C, modbusF32, 0.001, -10e3, 10e3, 3},
			{reading.Current.Of("l2"), 0x200E, modbusF32, 0.001, -10e3, 10e3, 3},
			{reading.Current.Of("l3"), 0x2010, modbusF32, 0.001, -10e3, 10e3, 3},
			{reading.Power, 0x2012, modbusF32, 0.1, -15e6, 15e6, 1},
			{reading.Power.Of("l1"), 0x2014, modbusF32, 0.1, -5e6, 5e6, 1},
			{reading.Power.Of("l2"), 0x2016, modbusF32, 0.1, -5e6, 5e6, 1},
			{reading.Power.Of("l3"), 0x2018, modbusF32, 0.1, -5e6, 5e6, 1},
			{reading.ReactivePower, 0x201A, modbusF32, 0.1, -15e6, 15e6, 1},
			{reading.PowerFactor, 0x202A, modbusF32, 0.001, -1.01, 1.01, 3},
			{reading.Frequency, 0x2044, modbusF32, 0.01, 0, 70, 2},
		},
	},
	"ddsu666": {
		title:  "Chint DDSU666, set to the protocol Modbus",
		source: "Chint DDSU666 User Manual ZTY0.464.922, appendix A; Tasmota xnrg_11_ddsu666.ino",
		table:  bus.HoldingRegisters, gapless: true,
		rows: []modbusRow{
			{reading.Voltage, 0x2000, modbusF32, 1, 0, 500, 1},
			{reading.Current, 0x2002, modbusF32, 1, -1000, 1000, 3},
			{reading.Power, 0x2004, modbusF32, 1000, -250e3, 250e3, 1},
			{reading.ReactivePower, 0x2006, modbusF32, 1000, -250e3, 250e3, 1},
			{reading.PowerFactor, 0x200A, modbusF32, 1, -1.01, 1.01, 3},
			{reading.Frequency, 0x200E, modbusF32, 1, 0, 70, 2},
			{reading.Energy.Of("import"), 0x4000, modbusF32, 1, 0, 1e7, 2},
			{reading.Energy.Of("export"), 0x400A, modbusF32, 1, 0, 1e7, 2},
		},
	},
	"em111": {
		title:  "Carlo Gavazzi EM111, EM112, ET112",
		source: "Carlo Gavazzi EM100 Series and ET100 Series Modbus communication protocol, public version 4.0; OpenEMS MeterCarloGavazziEm100Impl.java and OpenEMS/openems#3215, but for the power factor [M]",
		limit:  50, table: bus.InputRegisters, order: "cdab",
		rows: []modbusRow{
			{reading.Voltage, 0x0000, modbusS32, 0.1, 0, 1000, 1},
			{reading.Current, 0x0002, modbusS32, 0.001, -1000, 1000, 3},
			{reading.Power, 0x0004, modbusS32, 0.1, -250e3, 250e3, 1},
			{reading.ApparentPower, 0x0006, modbusS32, 0.1, -250e3, 250e3, 1},
			{reading.ReactivePower, 0x0008, modbusS32, 0.1, -250e3, 250e3, 1},
			{reading.PowerFactor, 0x000E, modbusS16, 0.001, -1, 1, 3},
			{reading.Frequency, 0x000F, modbusS16, 0.1, 0, 70, 1},
			{reading.Energy.Of("import"), 0x0010, modbusS32, 0.1, 0, 1e8, 1},
			{reading.Energy.Of("export"), 0x0020, modbusS32, 0.1, 0, 1e8, 1},
		},
	},
	"em340": {
		title:  "Carlo Gavazzi EM330, EM340, ET330 and ET340",
		source: "Carlo Gavazzi EM300 Series and ET300 Series Communication Protocol, version 2 revision 17; volkszaehler/mbmd meters/rs485/carlogavazzi-ex3x0.go",
		limit:  50, table: bus.InputRegisters, order: "cdab",
		rows: []modbusRow{ // 0x7FFFFFFF is an overflow, and beyond every range
			{reading.Voltage.Of("l1"), 0x0000, modbusS32, 0.1, 0, 1000, 1},
			{reading.Voltage.Of("l2"), 0x0002, modbusS32, 0.1, 0, 1000, 1},
			{reading.Voltage.Of("l3"), 0x0004, modbusS32, 0.1, 0, 1000, 1},
			{reading.Current.Of("l1"), 0x000C, modbusS32, 0.001, -10e3, 10e3, 3},
			{reading.Current.Of("l2"), 0x000E, modbusS32, 0.001, -10e3, 10e3, 3},
			{reading.Current.Of("l3"), 0x0010, modbusS32, 0.001, -10e3, 10e3, 3},
			{reading.Power.Of("l1"), 0x0012, modbusS32, 0.1, -5e6, 5e6, 1},
			{reading.Power.Of("l2"), 0x0014, modbusS32, 0.1, -5e6, 5e6, 1},
			{reading.Power.Of("l3"), 0x0016, modbusS32, 0.1, -5e6, 5e6, 1},
			{reading.Power, 0x0028, modbusS32, 0.1, -15e6, 15e6, 1},
			{reading.PowerFactor, 0x0031, modbusS16, 0.001, -1, 1, 3},
			{reading.Frequency, 0x0033, modbusS16, 0.1, 0, 70, 1},
			{reading.Energy.Of("import"), 0x0034, modbusS32, 0.1, 0, 1e8, 1},
			{reading.Energy.Of("export"), 0x004E, modbusS32, 0.1, 0, 1e8, 1},
		},
	},
}
