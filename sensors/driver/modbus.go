// Modbus slaves: electricity meters and sensors on RS-485, or behind TCP.
//
//	chip       any slave: those of modbus_meters.go by name, others by a list of registers
//	bus        Modbus: RTU on a serial port, RTU over TCP, TCP
//	addresses  1 to 247, as the slave is set
//	datasheet  MODBUS Application Protocol V1.1b3; of a template its own
//	checksum   of the frames, see sensors/bus/modbus
//
// Registers that lie close together are read in one request, with those
// between them that nobody needs. A slave that does not like that is asked for
// one value after the other from then on.

package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gateway/sensors/bus"
)

// The most of one request. Sections 6.1 and 6.3.
const (
	modbusRegisters = 125
	modbusBits      = 2000
)

var _ = register(Driver{
	Name:      "modbus",
	Title:     "Modbus meter or sensor, by a template or a list of registers",
	Datasheet: "MODBUS Application Protocol V1.1b3; of each template its own, see modbus_meters.go",
	Bus:       bus.Modbus,
	Serial:    bus.SerialMode{Baud: 9600, DataBits: 8, Parity: "none", StopBits: 1},
	Dynamic:   true,
	Channels:  modbusChannels(), // of the templates
	Options: []Option{
		{Name: "template", Example: "sdm120", Doc: "Meter whose registers are known; either this or registers.", Allowed: slices.Sorted(maps.Keys(modbusTemplates))},
		{Name: "registers", Doc: "Values of a slave without a template, one a line: quantity table address type [order] [*scale] [+offset], such as voltage input 0x0000 f32 abcd *0.1."},
		{Name: "order", Doc: "Order of the bytes of values, if it is not the template's: abcd has the most significant first, cdab is with swapped words, badc with swapped bytes, dcba with both.", Allowed: []string{"abcd", "cdab", "badc", "dcba"}},
		{Name: "timeout", Doc: "Time until the slave begins its answer, 1s if nothing is said.", Type: Duration, Min: 0.02, Max: 30},
		{Name: "pause", Doc: "Silence that the slave needs before a request; some meters need 50ms.", Type: Duration, Min: 0.001, Max: 10},
		{Name: "max_gap", Doc: "Most registers read that nobody needs, to save a request; 0 for a slave that does not answer when it is asked for one that it does not have.", Default: "8", Type: Whole, Min: 0, Max: modbusRegisters},
		{Name: "max_block", Doc: "Most registers read in one request.", Default: "125", Type: Whole, Min: 1, Max: modbusRegisters},
	},
	Wiring: "RS-485: A (D+) of all devices on one wire, B (D-) on the other, in one line without branches; GND as the third.\n" +
		"120 Ω between A and B at both ends of a long line. If nothing answers, try A and B swapped: makers do not agree.",
	Notes: "Baud rate, parity and address are set at the slave. Addresses of registers count from 0, as on the wire: " +
		"30013 or 40013 in a manual is address 12 of table input or holding.",
	Check: func(o map[string]string) error {
		_, err := planModbus(o)
		return err
	},
	Open: openModbus,
})

// modbusType is how a value lies in registers.
type modbusType string

// The types. A bit is one of a coil or a discrete input.
const (
	modbusU16 modbusType = "u16"
	modbusS16 modbusType = "s16"
	modbusU32 modbusType = "u32"
	modbusS32 modbusType = "s32"
	modbusF32 modbusType = "f32"
	modbusBit modbusType = "bit"
)

// size returns how many registers or bits a value has.
func (t modbusType) size() int {
	switch t {
	case modbusU32, modbusS32, modbusF32:
		return 2
	}
	return 1
}

// modbusValue is one value of a slave.
type modbusValue struct {
	Channel
	table         bus.ModbusTable
	address       uint16
	typ           modbusType
	order         string // "abcd"; of the letters, a is the most significant byte
	scale, offset float64
}

func (v modbusValue) String() string {
	return fmt.Sprintf("%s 0x%04X (%s)", modbusTableNames[v.table], v.address, v.Quantity)
}

var modbusTableNames = map[bus.ModbusTable]string{
	bus.Coils: "coil", bus.DiscreteInputs: "discrete input",
	bus.HoldingRegisters: "holding register", bus.InputRegisters: "input register",
}

// decode returns the value in words, which are as many as its type needs.
func (v modbusValue) decode(words []uint16) (float64, error) {
	var x float64
	switch raw := v.assemble(words); v.typ {
	case modbusS16:
		x = float64(int16(raw))
	case modbusS32:
		x = float64(int32(raw))
	case modbusF32:
		x = float64(math.Float32frombits(raw))
	default:
		x = float64(raw)
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, fmt.Errorf("%v is %04X, which is no number: the slave does not have this value, or the order of its bytes is another", v, words)
	}
	return x*v.scale + v.offset, nil
}

// assemble returns the bytes of words as a number, in the value's order.
func (v modbusValue) assemble(words []uint16) uint32 {
	swapped := v.order == "badc" || v.order == "dcba"
	reversed := v.order == "cdab" || v.order == "dcba"
	raw := uint32(0)
	for i := range words {
		w := words[i]
		if reversed {
			w = words[len(words)-1-i]
		}
		if swapped {
			w = w<<8 | w>>8
		}
		raw = raw<<16 | uint32(w)
	}
	return raw
}

// modbusBlock is what is read in one request.
type modbusBlock struct {
	table   bus.ModbusTable
	address uint16
	n       int   // registers or bits
	values  []int // which, by their place among the channels
}

// modbusBlocks returns the requests that read values: at most gap registers
// between two of a request are for nothing, and a request has at most most.
func modbusBlocks(values []modbusValue, gap, most int) []modbusBlock {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(values[a].table, values[b].table), cmp.Compare(values[a].address, values[b].address))
	})
	var blocks []modbusBlock
	for _, i := range order {
		v := values[i]
		if len(blocks) > 0 && blocks[len(blocks)-1].take(v, i, gap, most) {
			continue
		}
		blocks = append(blocks, modbusBlock{v.table, v.address, v.typ.size(), []int{i}})
	}
	return blocks
}

// take makes v, the value number i, part of the block if it is near enough.
// Values are taken by ascending address.
func (b *modbusBlock) take(v modbusValue, i, gap, most int) bool {
	if v.typ == modbusBit {
		most = modbusBits
	}
	from, end := int(v.address-b.address), max(b.n, int(v.address-b.address)+v.typ.size())
	if v.table != b.table || from > b.n+gap || end > most {
		return false
	}
	b.n = end
	b.values = append(b.values, i)
	return true
}

type modbusSlave struct {
	client bus.ModbusClient
	unit   byte
	values []modbusValue
	blocks []modbusBlock
}

// openModbus finds out what to read. The slave is asked by Measure only.
func openModbus(_ context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	plan, err := planModbus(o)
	if err != nil {
		return nil, fmt.Errorf("modbus: %w", err)
	}
	if t, ok := slot.Modbus.(bus.ModbusTimer); ok {
		t.SetTiming(slot.Unit, o.duration("timeout"), o.duration("pause"))
	}
	return &modbusSlave{slot.Modbus, slot.Unit, plan.values, modbusBlocks(plan.values, plan.gap, plan.most)}, nil
}

// modbusPlan is what is to be read of a slave, and how.
type modbusPlan struct {
	values    []modbusValue
	gap, most int // see modbusBlocks
}

// planModbus finds out what the options ask for.
func planModbus(o options) (modbusPlan, error) {
	template, registers := o["template"], o["registers"]
	plan := modbusPlan{gap: o.whole("max_gap"), most: o.whole("max_block")}
	switch {
	case template != "" && registers != "":
		return plan, errors.New("options template and registers exclude each other: remove one")
	case template == "" && registers == "":
		return plan, fmt.Errorf("set the option template to one of %s, or list the values in the option registers",
			strings.Join(slices.Sorted(maps.Keys(modbusTemplates)), ", "))
	case registers != "":
		var err error
		if plan.values, err = parseModbusRegisters(registers, cmp.Or(o["order"], "abcd")); err != nil {
			return plan, fmt.Errorf("option registers, %w", err)
		}
		return plan, nil
	}
	t, ok := modbusTemplates[template]
	if !ok {
		return plan, fmt.Errorf("there is no template %q", template)
	}
	plan.values = t.values(o["order"])
	plan.most = min(plan.most, cmp.Or(t.limit, modbusRegisters))
	if t.gapless {
		plan.gap = 0
	}
	return plan, nil
}

// Channels implements [Channeler].
func (s *modbusSlave) Channels() []Channel {
	channels := make([]Channel, len(s.values))
	for i, v := range s.values {
		channels[i] = v.Channel
	}
	return channels
}

// Measure implements [Sensor].
func (s *modbusSlave) Measure(ctx context.Context, out []float64) error {
	got := make([]float64, len(s.values))
	for i := 0; i < len(s.blocks); i++ {
		b := s.blocks[i]
		err := s.read(ctx, b, got)
		if refusedBlock(err) && len(b.values) > 1 {
			// One value a block: each can be split no further.
			s.blocks = slices.Replace(s.blocks, i, i+1, b.singles(s.values)...)
			i--
			continue
		}
		if err != nil {
			return fmt.Errorf("modbus: %w", err)
		}
	}
	copy(out, got)
	return nil
}

// refusedBlock tells whether err may be about registers that are not needed,
// or about too many at once.
func refusedBlock(err error) bool {
	return errors.Is(err, bus.ModbusIllegalAddress) || errors.Is(err, bus.ModbusIllegalValue)
}

// singles returns a block for each value of b.
func (b modbusBlock) singles(values []modbusValue) []modbusBlock {
	var blocks []modbusBlock
	for _, i := range b.values {
		v := values[i]
		blocks = append(blocks, modbusBlock{v.table, v.address, v.typ.size(), []int{i}})
	}
	return blocks
}

// read reads the values of b into got.
func (s *modbusSlave) read(ctx context.Context, b modbusBlock, got []float64) error {
	words, err := s.words(ctx, b)
	if err != nil {
		return err
	}
	for _, i := range b.values {
		v := s.values[i]
		at := int(v.address - b.address)
		if got[i], err = v.decode(words[at : at+v.typ.size()]); err != nil {
			return fmt.Errorf("slave %d: %w", s.unit, err)
		}
	}
	return nil
}

// words returns the registers of b, or its bits as 0 and 1.
func (s *modbusSlave) words(ctx context.Context, b modbusBlock) ([]uint16, error) {
	if b.table == bus.HoldingRegisters || b.table == bus.InputRegisters {
		return s.client.ReadRegisters(ctx, s.unit, b.table, b.address, uint16(b.n))
	}
	bits, err := s.client.ReadBits(ctx, s.unit, b.table, b.address, uint16(b.n))
	words := make([]uint16, len(bits))
	for i, bit := range bits {
		if bit {
			words[i] = 1
		}
	}
	return words, err
}

// modbusChannels returns every channel that a template has, the usual ones
// first, with the widest range of all.
func modbusChannels() []Channel {
	var channels []Channel
	for _, name := range append([]string{"sdm120", "sdm630"}, slices.Sorted(maps.Keys(modbusTemplates))...) {
		for _, v := range modbusTemplates[name].values("") {
			i := slices.IndexFunc(channels, func(c Channel) bool { return c.Quantity == v.Quantity })
			if i < 0 {
				channels = append(channels, v.Channel)
				continue
			}
			c := &channels[i]
			c.Min, c.Max, c.Decimals = min(c.Min, v.Min), max(c.Max, v.Max), max(c.Decimals, v.Decimals)
		}
	}
	return channels
}
