package driver

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// modbusTables are the words for the tables in the option registers.
var modbusTables = map[string]bus.ModbusTable{
	"input": bus.InputRegisters, "holding": bus.HoldingRegisters, "coil": bus.Coils, "discrete": bus.DiscreteInputs,
}

// maxModbusValues is how many values one slave may have.
const maxModbusValues = 200

// parseModbusRegisters reads the option registers: a value a line,
//
//	quantity table address type [order] [*scale | /divisor] [+offset | -offset]
//
// with empty lines, and comments behind a #. order is that of values that
// say none. An error begins with the line it is about.
func parseModbusRegisters(text, order string) ([]modbusValue, error) {
	var values []modbusValue
	lines := make(map[reading.Quantity]int)
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		v, err := parseModbusValue(fields, order)
		if before, twice := lines[v.Quantity]; err == nil && twice {
			err = fmt.Errorf("%s is in line %d already; tell them apart with a part, such as %s_1", v.Quantity, before, v.Quantity.Base())
		}
		if err == nil && len(values) == maxModbusValues {
			err = fmt.Errorf("more than %d values", maxModbusValues)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		lines[v.Quantity] = i + 1
		values = append(values, v)
	}
	if len(values) == 0 {
		return nil, errors.New("line 1: it lists no values")
	}
	return values, nil
}

// parseModbusValue reads the words of a line.
func parseModbusValue(fields []string, order string) (v modbusValue, err error) {
	v = modbusValue{order: order, scale: 1}
	if len(fields) < 4 {
		return v, fmt.Errorf("%q is too short: it takes quantity table address type, such as voltage input 0x0000 f32", strings.Join(fields, " "))
	}
	v.Quantity = reading.Quantity(fields[0])
	if _, known := v.Quantity.Info(); !known {
		return v, fmt.Errorf("unknown quantity %.40q; one without a name here is raw_1, raw_2", fields[0])
	}
	var ok bool
	if v.table, ok = modbusTables[fields[1]]; !ok {
		return v, fmt.Errorf("unknown table %.40q; there are input, holding, coil and discrete", fields[1])
	}
	address, err := parseWhole(fields[2])
	if err != nil || address < 0 || address > math.MaxUint16 {
		return v, fmt.Errorf("%.40q is not an address, 0 to 65535 or 0x0000 to 0xFFFF", fields[2])
	}
	v.address, v.typ = uint16(address), modbusType(fields[3])
	if err := v.checkType(); err != nil {
		return v, err
	}
	for _, word := range fields[4:] {
		if err := v.parseWord(word); err != nil {
			return v, err
		}
	}
	return v, v.setChannel()
}

// checkType tells what is wrong with the type in this table, at this address.
func (v *modbusValue) checkType() error {
	isBit := v.table == bus.Coils || v.table == bus.DiscreteInputs
	switch v.typ {
	case modbusU16, modbusS16, modbusU32, modbusS32, modbusF32, modbusBit:
	default:
		return fmt.Errorf("unknown type %.40q; there are u16, s16, u32, s32, f32 and bit", string(v.typ))
	}
	if isBit != (v.typ == modbusBit) {
		return fmt.Errorf("type %s does not suit the table: coil and discrete have type bit, input and holding the others", v.typ)
	}
	if int(v.address)+v.typ.size() > 1<<16 {
		return fmt.Errorf("a %s at 0x%04X goes beyond the last address, 0xFFFF", v.typ, v.address)
	}
	return nil
}

// parseWord reads one of the words behind the type.
func (v *modbusValue) parseWord(word string) error {
	switch word {
	case "abcd", "cdab", "badc", "dcba":
		v.order = word
		return nil
	}
	x, err := strconv.ParseFloat(word[1:], 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Errorf("%.40q is neither an order, abcd, cdab, badc or dcba, nor a scale such as *0.1, nor an offset such as +5", word)
	}
	switch {
	case (word[0] == '*' || word[0] == '/') && x == 0:
		return fmt.Errorf("%.40q makes everything 0 or nothing", word)
	case word[0] == '*':
		v.scale = x
	case word[0] == '/':
		v.scale = 1 / x
	case word[0] == '+':
		v.offset = x
	case word[0] == '-':
		v.offset = -x
	default:
		return fmt.Errorf("%.40q begins with neither *, / nor +, -", word)
	}
	return nil
}

// setChannel gives the value the range and the decimals that its type and
// scale have.
func (v *modbusValue) setChannel() error {
	lo, hi := 0.0, 1.0
	switch v.typ {
	case modbusU16:
		hi = math.MaxUint16
	case modbusS16:
		lo, hi = math.MinInt16, math.MaxInt16
	case modbusU32:
		hi = math.MaxUint32
	case modbusS32:
		lo, hi = math.MinInt32, math.MaxInt32
	case modbusF32:
		lo, hi = -math.MaxFloat32, math.MaxFloat32
	}
	a, b := lo*v.scale+v.offset, hi*v.scale+v.offset
	if math.IsInf(a, 0) || math.IsInf(b, 0) {
		return fmt.Errorf("the scale %v is too large for a %s", v.scale, v.typ)
	}
	v.Min, v.Max = min(a, b), max(a, b)
	v.Decimals = max(decimalsOf(v.scale), decimalsOf(v.offset))
	if v.typ == modbusF32 {
		v.Decimals = max(v.Decimals, 3)
	}
	return nil
}

// decimalsOf returns how many digits x has after the point, 6 at most.
func decimalsOf(x float64) int {
	for d := range 6 {
		if y := x * math.Pow10(d); math.Abs(y-math.Round(y)) < 1e-9*max(1, math.Abs(y)) && math.Round(y) != 0 || x == 0 {
			return d
		}
	}
	return 6
}
