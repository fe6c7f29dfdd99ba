package driver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
	"gateway/sensors/bus/modbus"
	"gateway/sensors/reading"
)

// modbusDump is registers by address, "0000: 4366 3334; 0156: 0000 0000".
func modbusDump(text string) (map[uint16]uint16, error) {
	dump := make(map[uint16]uint16)
	for part := range strings.SplitSeq(text, ";") {
		head, words, _ := strings.Cut(part, ":")
		address, err := strconv.ParseUint(strings.TrimSpace(head), 16, 16)
		if err != nil {
			return nil, err
		}
		b, err := unhexed(words)
		if err != nil {
			return nil, err
		}
		for i := 0; i+1 < len(b); i += 2 {
			dump[uint16(address)+uint16(i/2)] = binary.BigEndian.Uint16(b[i:])
		}
	}
	return dump, nil
}

// decodeModbus decodes "template dump": the values of the template of which
// the dump has the registers, in their order.
func decodeModbus(in string) ([]float64, error) {
	template, text, _ := strings.Cut(in, " ")
	dump, err := modbusDump(text)
	if err != nil {
		return nil, err
	}
	t, ok := modbusTemplates[template]
	if !ok {
		return nil, fmt.Errorf("no template %s", template)
	}
	var out []float64
	for _, v := range t.values("") {
		var words []uint16
		for i := range v.typ.size() {
			if w, ok := dump[v.address+uint16(i)]; ok {
				words = append(words, w)
			}
		}
		if len(words) < v.typ.size() {
			continue
		}
		x, err := v.decode(words)
		if err != nil {
			return nil, err
		}
		if x < v.Min || x > v.Max {
			return nil, fmt.Errorf("%v is out of range: %v", v, x)
		}
		out = append(out, x)
	}
	return out, nil
}

const sdmModbus = "sdm-modbus 0.2.1 README, a SDM120 that exports"

var _ = vectors("modbus", 1e-4, decodeModbus,
	vector{in: "sdm120 0000: 4366 3334", want: []float64{230.2}, source: "Tasmota xnrg_08_sdm120.ino, CRC 381B"},
	vector{in: "sdm120 0000: 4366 6666", want: []float64{230.4}, source: "a frame with CRC 95A5"},
	vector{in: "sdm120 0000: 4366 E666", want: []float64{230.9}, source: "reaper7/SDM_Energy_Meter#16"},
	vector{
		in: "sdm120 0000: 436CE666; 0006: 4109EB85; 000C: C4F07666; 0012: 44FE218C; 0018: C4246666; 001E: BF723C49;" +
			"0046: 4247CCCD 44C1EBF8 44A6F635; 0156: 45347117",
		want:   []float64{236.9, 8.62, -1923.7, 2033.0483, -657.6, -0.9462, 49.95, 1551.374, 1335.694, 2887.0681},
		source: sdmModbus,
	},
	vector{in: "sdm120 0000: 7FC0 0000", source: "IEEE 754: not a number"},
	vector{in: "sdm120 0000: 7F80 0000", source: "IEEE 754: infinity"},
	vector{in: "sdm120 0000: 3334 4366", want: []float64{0}, source: "words in the wrong order are almost nothing"},
	vector{in: "sdm230 0000: 436CE666; 0046: 4247CCCD", want: []float64{236.9, 49.95}, source: sdmModbus},
	vector{in: "sdm630 0000: 436CE666 43663334 43666666; 0034: C4F07666", want: []float64{236.9, 230.2, 230.4, -1923.7}, source: memory + "three phases of the SDM120's numbers"},
	vector{in: "sdm72v2 0006: 4109EB85; 0048: 44C1EBF8 44A6F635", want: []float64{8.62, 1551.374, 1335.694}, source: memory + "the SDM120's numbers"},
	vector{in: "sdm72 0034: C4F07666; 0156: 45347117", want: []float64{-1923.7, 2887.0681}, source: memory + "the SDM120's numbers"},

	vector{in: "pzem004t 0000: 08C5 006C 0000 00F2 0000 183D 0000 01F4 0064 0000", want: []float64{224.5, 0.108, 24.2, 6.205, 50, 1}, source: "Tasmota#6050, a log with CRC 8E53"},
	vector{in: "pzem004t 0000: 08C4 006C 0000 00F1 0000 183D 0000 01F4 0063 0000", want: []float64{224.4, 0.108, 24.1, 6.205, 50, 0.99}, source: "Tasmota#6050, with what it was taken for"},
	vector{in: "pzem004t 0000: 08D1 006C 0000 00F4 0000 0026 0000 01F4 0064 0000", want: []float64{225.7, 0.108, 24.4, 0.038, 50, 1}, source: "esphome/feature-requests#49, CRC 3451"},
	vector{in: "pzem004t 0000: 08D1 86A0 0001 E240 0001 0000 0098 01F4 0064 0000", want: []float64{225.7, 100, 12345.6, 9961.472, 50, 1}, source: memory + "low word first"},
	vector{in: "pzem004t 0000: 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000", source: "Tasmota#9311: zeros of a meter that has just got its voltage"},
	vector{in: "pzem017 0000: 0540 000A 000D 0000 0002 0000 0000 0000", want: []float64{13.44, 0.1, 1.3, 0.002}, source: "esphome pzemdc.cpp, CRC 29D6"},

	vector{in: "sht20 0001: 0131 0222", want: []float64{30.5, 54.6}, source: "e-tinkers/Modbus-RTU SHT20, CRC CE2A"},
	vector{in: "sht20 0001: FF33", want: []float64{-20.5}, source: "XY-MD02 manual: signed"},
	vector{in: "sht20 0001: 0BEA 1554", source: "e-tinkers/Modbus-RTU SHT20: the kind that counts in hundredths"},
	vector{in: "sht20x100 0001: 0BEA 1554", want: []float64{30.5, 54.6}, source: "e-tinkers/Modbus-RTU SHT20, CRCs 8F3F and 5FB6"},
	vector{in: "rs485th 0000: 0111 0272", want: []float64{27.3, 62.6}, source: "microrobotics/RS485-TH, CRC 8F2A"},

	vector{
		in:   "dds238 0000: 0000 1BDD 0201 0000 0000 0000 0000 0000 0000 095F 0000 127D 0902 003E 0084 FFFE 0395 1387",
		want: []float64{71.33, 23.99, 47.33, 230.6, 0.62, 132, -2, 0.917, 49.99}, source: "dzlabing/dds238 README",
	},
	vector{
		in:   "orwe504 0000: 08FC 0015 01F4 01E0 0032 01E3 03E1 0000 3039 0000 04D2",
		want: []float64{230, 2.1, 50, 480, 50, 483, 0.993, 12.345, 1.234}, source: memory + "scales of volkszaehler/mbmd orno1p504.go",
	},
	vector{
		in:   "orwe514 0130: 1388 59D8; 0139: 0000 0834; 0140: 0000 01E0; 0148: FFFF FFCE; 0150: 0000 01E3; 0158: 03E1; A000: 0001 E240; A01E: 0000 04D2",
		want: []float64{50, 230, 2.1, 480, -50, 483, 0.993, 1234.56, 12.34}, source: memory + "scales of volkszaehler/mbmd orno1p.go",
	},
	vector{in: "orwe516 000E: 436CE666; 001C: BFF60419; 0100: 45347117", want: []float64{236.9, -1922, 2887.0681}, within: 1, source: memory + "kW as volkszaehler/mbmd orno3p.go has them"},
	vector{in: "dtsu666 2006: 4511F000; 200C: 46070000; 2012: C4F07666; 2044: 459C4000", want: []float64{233.5, 8.64, -192.37, 50}, source: memory + "scales of volkszaehler/mbmd dtsu666.go"},
	vector{in: "em340 0000: 08FC 0000; 000C: 0834 0000; 0012: ECF0 FFFF; 0028: 12C0 0000; 0031: FC1F; 0033: 01F4 E240 0001", want: []float64{230, 2.1, -488, 480, -0.993, 50, 12345.6}, source: memory + "low word first, as its protocol has it"},
	vector{in: "ddsu666 2000: 436CE666 4109EB85 BFF60419; 200A: BF723C49; 200E: 4247CCCD; 4000: 44C1EBF8; 400A: 44A6F635", want: []float64{236.9, 8.62, -1922, -0.9462, 49.95, 1551.374, 1335.694}, within: 1, source: memory + "kW as Tasmota xnrg_11_ddsu666.ino has it"},
	vector{in: "em111 0000: 08FC 0000 0834 0000 ECF0 FFFF; 000E: FC1F 01F4 E240 0001; 0020: 0001 0000", want: []float64{230, 2.1, -488, -0.993, 50, 12345.6, 0.1}, source: memory + "low word first, as its protocol has it"},
	vector{in: "em340 0000: FFFF 7FFF", source: "Carlo Gavazzi protocol: 7FFFFFFF is an overflow"},
)

// modbusRig is the driver on a line with slave 1, through the real client.
type modbusRig struct {
	line   *bustest.ModbusLine
	slave  *bustest.ModbusSlave
	client *modbus.Client
}

func newModbusRig(t *testing.T, port string) *modbusRig {
	t.Helper()
	slave := &bustest.ModbusSlave{
		Input: make(map[uint16]uint16), Holding: make(map[uint16]uint16),
		Coils: make(map[uint16]bool), Discrete: make(map[uint16]bool), Delay: 5 * time.Millisecond,
	}
	line := bustest.NewModbus(map[byte]*bustest.ModbusSlave{1: slave})
	client, err := modbus.New(port, modbus.Options{OpenSerial: line.OpenSerial, Dial: func(ctx context.Context, n, a string) (net.Conn, error) {
		return line.DialTCP(ctx, n, a)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return &modbusRig{line, slave, client}
}

// open opens the driver, by its table, with options "name=value".
func (r *modbusRig) open(settings ...string) (Sensor, error) {
	d, _ := Lookup("modbus")
	options := make(map[string]string)
	for _, o := range d.Options {
		options[o.Name] = o.Default
	}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		options[name] = value
	}
	return d.Open(context.Background(), &bus.Slot{Modbus: r.client, Unit: 1, Options: options})
}

func (r *modbusRig) mustOpen(t *testing.T, settings ...string) Sensor {
	t.Helper()
	s, err := r.open(settings...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// measure measures once and checks that an error leaves nothing behind.
func (r *modbusRig) measure(t *testing.T, s Sensor) ([]float64, error) {
	t.Helper()
	out := slices.Repeat([]float64{untouched}, len(s.(Channeler).Channels()))
	err := s.Measure(t.Context(), out)
	if written := slices.ContainsFunc(out, func(x float64) bool { return x != untouched }); err != nil && written {
		t.Errorf("with an error it wrote %v", out)
	}
	return out, err
}

// requests returns what was asked since the last Reset, without numbers.
func (r *modbusRig) requests() []string {
	var all []string
	for _, q := range r.line.Log() {
		_, text, _ := strings.Cut(q.String(), ": ")
		all = append(all, text)
	}
	return all
}

// fill gives the slave all registers of a table, each being 0.
func (r *modbusRig) fill(from, to uint16) {
	for a := int(from); a <= int(to); a++ {
		r.slave.Input[uint16(a)], r.slave.Holding[uint16(a)] = 0, 0
	}
}

func (r *modbusRig) load(t *testing.T, table map[uint16]uint16, dump string) {
	t.Helper()
	words, err := modbusDump(dump)
	if err != nil {
		t.Fatal(err)
	}
	for a, w := range words {
		table[a] = w
	}
}

const sdm120Dump = "0000: 436CE666; 0006: 4109EB85; 000C: C4F07666; 0012: 44FE218C; 0018: C4246666; 001E: BF723C49;" +
	"0046: 4247CCCD 44C1EBF8 44A6F635; 0156: 45347117"

var sdm120Values = []float64{236.9, 8.62, -1923.7, 2033.0483, -657.6, -0.9462, 49.95, 1551.374, 1335.694, 2887.0681}

func TestModbusMeter(t *testing.T) {
	for _, port := range []string{"/dev/ttyUSB0", "tcp://meter"} {
		synctest.Test(t, func(t *testing.T) {
			r := newModbusRig(t, port)
			defer r.client.Close()
			r.fill(0, 0x160)
			r.load(t, r.slave.Input, sdm120Dump)
			s := r.mustOpen(t, "template=sdm120")
			for range 2 {
				r.line.Reset()
				out, err := r.measure(t, s)
				if err != nil || !near(out, sdm120Values, 1e-3) {
					t.Errorf("%v, %v", out, err)
				}
				want := []string{"slave 1, table 4, 0x0000 +32", "slave 1, table 4, 0x0046 +6", "slave 1, table 4, 0x0156 +2"}
				if got := r.requests(); !slices.Equal(got, want) {
					t.Errorf("asked %q, want %q", got, want)
				}
			}
			channels := s.(Channeler).Channels()
			if len(channels) != 10 || channels[0].Quantity != reading.Voltage || channels[7].Quantity != "energy_import" {
				t.Errorf("channels %v", channels)
			}
		})
	}
}

// Not one register more is read than the slave has, if it says so.
func TestModbusFallsBackToSingleValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newModbusRig(t, "/dev/ttyUSB0")
		defer r.client.Close()
		r.load(t, r.slave.Input, sdm120Dump) // and nothing in between
		s := r.mustOpen(t, "template=sdm120")
		for i, want := range []int{1 + 6 + 1 + 1, 6 + 1 + 1} { // 0x0046 to 0x004B are all there
			r.line.Reset()
			out, err := r.measure(t, s)
			if err != nil || !near(out, sdm120Values, 1e-3) || len(r.line.Log()) != want {
				t.Errorf("round %d: %v, %v, %d requests, want %d: %q", i, out, err, len(r.line.Log()), want, r.requests())
			}
		}
		delete(r.slave.Input, 0x0006)
		_, err := r.measure(t, s)
		if !errors.Is(err, bus.ModbusIllegalAddress) || !strings.HasPrefix(err.Error(), "modbus: slave 1, input registers 0x0006 to 0x0007: exception 2") {
			t.Errorf("a value that the slave does not have: %v", err)
		}
	})
}

// So does a slave that gives fewer registers at once.
func TestModbusFewAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newModbusRig(t, "tcp://meter")
		defer r.client.Close()
		r.fill(0, 0x160)
		r.load(t, r.slave.Input, sdm120Dump)
		r.slave.Most = 6
		s := r.mustOpen(t, "template=sdm120")
		if out, err := r.measure(t, s); err != nil || !near(out, sdm120Values, 1e-3) {
			t.Errorf("%v, %v", out, err)
		}
		r.line.Reset()
		s = r.mustOpen(t, "template=sdm120", "max_block=6")
		if out, err := r.measure(t, s); err != nil || !near(out, sdm120Values, 1e-3) || len(r.line.Log()) != 8 {
			t.Errorf("told of it: %v, %v, asked %q", out, err, r.requests())
		}
	})
}

func TestModbusBlocks(t *testing.T) {
	value := func(table bus.ModbusTable, address uint16, typ modbusType) modbusValue {
		return modbusValue{table: table, address: address, typ: typ}
	}
	const in, hold, coil = bus.InputRegisters, bus.HoldingRegisters, bus.Coils
	for _, tt := range []struct {
		name      string
		values    []modbusValue
		gap, most int
		want      []modbusBlock
	}{
		{"one", []modbusValue{value(in, 7, modbusF32)}, 8, 125, []modbusBlock{{in, 7, 2, []int{0}}}},
		{"neighbours, out of order", []modbusValue{value(in, 2, modbusU16), value(in, 0, modbusU32)}, 0, 125, []modbusBlock{{in, 0, 3, []int{1, 0}}}},
		{"a gap of 8", []modbusValue{value(in, 0, modbusU16), value(in, 9, modbusU16)}, 8, 125, []modbusBlock{{in, 0, 10, []int{0, 1}}}},
		{"a gap of 9", []modbusValue{value(in, 0, modbusU16), value(in, 10, modbusU16)}, 8, 125, []modbusBlock{{in, 0, 1, []int{0}}, {in, 10, 1, []int{1}}}},
		{"two tables", []modbusValue{value(in, 0, modbusU16), value(hold, 1, modbusU16)}, 8, 125, []modbusBlock{{hold, 1, 1, []int{1}}, {in, 0, 1, []int{0}}}},
		{"just 125", []modbusValue{value(in, 0, modbusU16), value(in, 123, modbusU32)}, 125, 125, []modbusBlock{{in, 0, 125, []int{0, 1}}}},
		{"126", []modbusValue{value(in, 0, modbusU16), value(in, 124, modbusU32)}, 125, 125, []modbusBlock{{in, 0, 1, []int{0}}, {in, 124, 2, []int{1}}}},
		{"one in another", []modbusValue{value(in, 0, modbusU32), value(in, 1, modbusU16), value(in, 0, modbusU16)}, 0, 125, []modbusBlock{{in, 0, 2, []int{0, 2, 1}}}},
		{"the last", []modbusValue{value(in, 0xFFFE, modbusU16), value(in, 0xFFFF, modbusU16)}, 8, 125, []modbusBlock{{in, 0xFFFE, 2, []int{0, 1}}}},
		{"bits", []modbusValue{value(coil, 0, modbusBit), value(coil, 8, modbusBit)}, 8, 2, []modbusBlock{{coil, 0, 9, []int{0, 1}}}},
	} {
		got := modbusBlocks(tt.values, tt.gap, tt.most)
		if !slices.EqualFunc(got, tt.want, func(a, b modbusBlock) bool {
			return a.table == b.table && a.address == b.address && a.n == b.n && slices.Equal(a.values, b.values)
		}) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// A map with holes that nobody has tried is read without them.
func TestModbusGapless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newModbusRig(t, "tcp://meter")
		defer r.client.Close()
		r.fill(0x2000, 0x2010)
		r.fill(0x4000, 0x4010)
		if _, err := r.measure(t, r.mustOpen(t, "template=ddsu666")); err != nil {
			t.Error(err)
		}
		want := []string{
			"slave 1, table 3, 0x2000 +8", "slave 1, table 3, 0x200A +2", "slave 1, table 3, 0x200E +2",
			"slave 1, table 3, 0x4000 +2", "slave 1, table 3, 0x400A +2",
		}
		if got := r.requests(); !slices.Equal(got, want) {
			t.Errorf("asked %q, want %q", got, want)
		}
	})
}

func TestModbusOrders(t *testing.T) {
	for _, tt := range []struct {
		typ   modbusType
		order string
		words []uint16
		want  float64
	}{
		{modbusF32, "abcd", []uint16{0x4366, 0x3334}, 230.2},
		{modbusF32, "cdab", []uint16{0x3334, 0x4366}, 230.2},
		{modbusF32, "badc", []uint16{0x6643, 0x3433}, 230.2},
		{modbusF32, "dcba", []uint16{0x3433, 0x6643}, 230.2},
		{modbusU32, "abcd", []uint16{0x0102, 0x0304}, 0x01020304},
		{modbusU32, "cdab", []uint16{0x0304, 0x0102}, 0x01020304},
		{modbusU32, "badc", []uint16{0x0201, 0x0403}, 0x01020304},
		{modbusU32, "dcba", []uint16{0x0403, 0x0201}, 0x01020304},
		{modbusU32, "abcd", []uint16{0xFFFF, 0xFFFF}, math.MaxUint32},
		{modbusS32, "abcd", []uint16{0xFFFF, 0xFFFE}, -2},
		{modbusS32, "dcba", []uint16{0xFEFF, 0xFFFF}, -2},
		{modbusU16, "abcd", []uint16{0xFFFE}, 0xFFFE},
		{modbusU16, "cdab", []uint16{0x0102}, 0x0102},
		{modbusU16, "badc", []uint16{0x0201}, 0x0102},
		{modbusU16, "dcba", []uint16{0x0201}, 0x0102},
		{modbusS16, "abcd", []uint16{0xFFFE}, -2},
		{modbusS16, "badc", []uint16{0xFEFF}, -2},
		{modbusBit, "abcd", []uint16{1}, 1},
	} {
		v := modbusValue{typ: tt.typ, order: tt.order, scale: 1}
		if got, err := v.decode(tt.words); err != nil || math.Abs(got-tt.want) > 1e-4 {
			t.Errorf("%s %s %04X is %v, %v, want %v", tt.typ, tt.order, tt.words, got, err, tt.want)
		}
	}
}

func TestModbusOwnRegisters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newModbusRig(t, "tcp://meter")
		defer r.client.Close()
		r.load(t, r.slave.Input, "0000: 3334 4366; 0010: FF38")
		r.load(t, r.slave.Holding, "0000: 0102")
		r.slave.Coils[3], r.slave.Discrete[0] = true, false
		s := r.mustOpen(t, `registers=
			# a slave of my own
			voltage input 0x0000 f32 cdab *0.1   # V
			temperature input 00016 s16 /10 +1.5
			raw_1 holding 0 u16 badc -1
			state_1 coil 3 bit
			state_2 discrete 0 bit
		`)
		out, err := r.measure(t, s)
		if err != nil || !near(out, []float64{23.02, -18.5, 0x0200, 1, 0}, 1e-5) {
			t.Errorf("%v, %v", out, err)
		}
		want := []Channel{
			{"voltage", -math.MaxFloat32 * 0.1, math.MaxFloat32 * 0.1, 3},
			{"temperature", -3275.3, 3278.2, 1},
			{"raw_1", -1, 65534, 0},
			{"state_1", 0, 1, 0},
			{"state_2", 0, 1, 0},
		}
		if got := s.(Channeler).Channels(); !slices.EqualFunc(got, want, func(a, b Channel) bool {
			return a.Quantity == b.Quantity && math.Abs(a.Min/b.Min-1) < 1e-9 == (b.Min != 0) && math.Abs(a.Max/b.Max-1) < 1e-9 && a.Decimals == b.Decimals
		}) {
			t.Errorf("channels %v, want %v", got, want)
		}
		if n := len(r.line.Log()); n != 5 {
			t.Errorf("asked %q", r.requests())
		}
	})
}

func TestModbusOrderOption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newModbusRig(t, "tcp://meter")
		defer r.client.Close()
		r.load(t, r.slave.Input, "0034: 7666 C4F0; 0048: 0000 0000 0000 0000; 0156: 0000 0000")
		r.load(t, r.slave.Holding, "0000: 3334 4366; 0002: 4366 3334")
		s := r.mustOpen(t, "template=sdm72", "order=cdab", "max_gap=0")
		if out, err := r.measure(t, s); err != nil || math.Abs(out[0]+1923.7) > 1e-3 {
			t.Errorf("of a template: %v, %v", out, err)
		}
		s = r.mustOpen(t, "registers=voltage_l1 holding 0 f32\nvoltage_l2 holding 2 f32 abcd", "order=cdab")
		if out, err := r.measure(t, s); err != nil || !near(out, []float64{230.2, 230.2}, 1e-4) {
			t.Errorf("of registers: %v, %v", out, err)
		}
	})
}

func TestModbusOptions(t *testing.T) {
	r := newModbusRig(t, "tcp://meter")
	for _, tt := range []struct {
		settings []string
		says     string
	}{
		{nil, "set the option template to one of dds238, ddsu666, dtsu666"},
		{[]string{"template=sdm120", "registers=voltage input 0 u16"}, "exclude each other"},
		{[]string{"template=sdm999"}, `no template "sdm999"`},
		{[]string{"registers=\n\nvoltage inptu 0 u16"}, `option registers, line 3: unknown table "inptu"; there are input`},
		{[]string{"registers=# nothing"}, "line 1: it lists no values"},
		{[]string{"registers=voltage input 0"}, "is too short"},
		{[]string{"registers=volts input 0 u16"}, `unknown quantity "volts"; one without a name here is raw_1`},
		{[]string{"registers=voltage input 70000 u16"}, `"70000" is not an address`},
		{[]string{"registers=voltage input -1 u16"}, `"-1" is not an address`},
		{[]string{"registers=voltage input 0b1 u16"}, `"0b1" is not an address`},
		{[]string{"registers=voltage input 0x10000 u16"}, `"0x10000" is not an address`},
		{[]string{"registers=voltage input 0xFFFF f32"}, "beyond the last address"},
		{[]string{"registers=voltage input 0 u64"}, `unknown type "u64"; there are u16`},
		{[]string{"registers=voltage input 0 bit"}, "type bit does not suit"},
		{[]string{"registers=state coil 0 u16"}, "type u16 does not suit"},
		{[]string{"registers=voltage input 0 f32 abdc"}, `"abdc" is neither an order`},
		{[]string{"registers=voltage input 0 u16 *"}, `"*" is neither an order`},
		{[]string{"registers=voltage input 0 u16 *0"}, `"*0" makes everything 0`},
		{[]string{"registers=voltage input 0 u16 /0"}, `"/0" makes everything 0 or nothing`},
		{[]string{"registers=voltage input 0 u16 *nan"}, `"*nan" is neither`},
		{[]string{"registers=voltage input 0 u16 =5"}, `"=5" begins with neither`},
		{[]string{"registers=voltage input 0 f32 *1e308"}, "is too large"},
		{[]string{"registers=voltage input 0 u16\ncurrent input 1 u16\nvoltage input 2 u16"}, "line 3: voltage is in line 1 already; tell them apart with a part, such as voltage_1"},
		{[]string{"registers=" + manyModbusValues(maxModbusValues+1)}, "line 201: more than 200 values"},
	} {
		s, err := r.open(tt.settings...)
		if err == nil || s != nil || !strings.HasPrefix(err.Error(), "modbus: ") || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%.80q: %v, want %q", tt.settings, err, tt.says)
		}
	}
	if _, err := r.open("registers=" + manyModbusValues(maxModbusValues)); err != nil {
		t.Errorf("as many values as may be: %v", err)
	}
}

func manyModbusValues(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "raw_%d input %d u16\n", i, i)
	}
	return b.String()
}

func TestModbusTiming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newModbusRig(t, "/dev/ttyUSB0")
		defer r.client.Close()
		r.load(t, r.slave.Input, "0001: 0131 0222")
		r.line.Inject(bustest.ModbusLate(nil, 1500*time.Millisecond))
		s := r.mustOpen(t, "template=sht20", "timeout=2s", "pause=50ms")
		for range 2 {
			if out, err := r.measure(t, s); err != nil || !near(out, []float64{30.5, 54.6}, 1e-9) {
				t.Errorf("%v, %v", out, err)
			}
		}
		log := r.line.Log()
		if gap := log[1].Time.Sub(log[0].Time); gap < 1550*time.Millisecond || gap > 1600*time.Millisecond {
			t.Errorf("asked again after %v", gap)
		}
		began := time.Now()
		s = r.mustOpen(t, "template=sht20", "timeout=100ms")
		if _, err := r.measure(t, s); !errors.Is(err, syscall.ETIMEDOUT) || time.Since(began) > 200*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// Every request of a measurement goes wrong in every way, and the next
// measurement is right.
func TestModbusFaults(t *testing.T) {
	for name, fault := range map[string]func(func(bustest.ModbusRequest) bool) bustest.ModbusFault{
		"silence": bustest.ModbusSilence,
		"late": func(w func(bustest.ModbusRequest) bool) bustest.ModbusFault {
			return bustest.ModbusLate(w, 1100*time.Millisecond)
		},
		"failure":   func(w func(bustest.ModbusRequest) bool) bustest.ModbusFault { return bustest.ModbusException(w, 4) },
		"busy":      func(w func(bustest.ModbusRequest) bool) bustest.ModbusFault { return bustest.ModbusException(w, 6) },
		"cut":       func(w func(bustest.ModbusRequest) bool) bustest.ModbusFault { return bustest.ModbusCut(w, 4) },
		"another":   func(w func(bustest.ModbusRequest) bool) bustest.ModbusFault { return bustest.ModbusWrongUnit(w, 7) },
		"too short": func(w func(bustest.ModbusRequest) bool) bustest.ModbusFault { return bustest.ModbusPDU(w, 4, 2, 0, 0) },
		"NaN": func(w func(bustest.ModbusRequest) bool) bustest.ModbusFault {
			return bustest.ModbusFault{When: w, Do: allNaN}
		},
	} {
		for _, port := range []string{"/dev/ttyUSB0", "tcp://meter"} {
			t.Run(name+" "+port, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newModbusRig(t, port)
					defer r.client.Close()
					r.fill(0, 0x160)
					r.load(t, r.slave.Input, sdm120Dump)
					s := r.mustOpen(t, "template=sdm120")
					for n := range 3 {
						r.line.Reset()
						r.line.Inject(fault(bustest.NthRequest(n)))
						if out, err := r.measure(t, s); err == nil || !strings.HasPrefix(err.Error(), "modbus: slave 1") || !strings.Contains(err.Error(), "0x0") {
							t.Errorf("request %d: %v, %v", n, out, err)
						}
						r.line.Heal()
						if out, err := r.measure(t, s); err != nil || !near(out, sdm120Values, 1e-3) {
							t.Errorf("after request %d: %v, %v", n, out, err)
						}
					}
				})
			})
		}
	}
}

// allNaN makes every register of an answer part of a float that is none.
func allNaN(a *bustest.ModbusAnswer) {
	for i := 2; i < len(a.PDU); i++ {
		a.PDU[i] = 0xFF
	}
}

func TestModbusContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newModbusRig(t, "/dev/ttyUSB0")
		defer r.client.Close()
		s := r.mustOpen(t, "template=sdm120")
		r.line.Inject(bustest.ModbusSilence(nil))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		began := time.Now()
		if err := s.Measure(ctx, make([]float64, 10)); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 330*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestModbusTemplates(t *testing.T) {
	for name, template := range modbusTemplates {
		if template.title == "" || template.source == "" {
			t.Errorf("%s has no title or no source", name)
		}
		seen := make(map[reading.Quantity]bool)
		for _, v := range template.values("") {
			if _, known := v.Quantity.Info(); !known || seen[v.Quantity] {
				t.Errorf("%s: %s is unknown, or there twice", name, v.Quantity)
			}
			seen[v.Quantity] = true
			if v.Min >= v.Max || v.scale <= 0 || v.Decimals < 0 || v.typ == modbusBit {
				t.Errorf("%s: %+v cannot be", name, v)
			}
		}
		limit := template.limit
		if limit == 0 {
			limit = modbusRegisters
		}
		for _, b := range modbusBlocks(template.values(""), 8, limit) {
			if b.n > limit {
				t.Errorf("%s: %+v is more than it gives", name, b)
			}
		}
		if !slices.ContainsFunc(allVectors, func(s vectorSet) bool {
			return s.driver == "modbus" && slices.ContainsFunc(s.vectors, func(v vector) bool {
				return v.want != nil && strings.HasPrefix(v.in, name+" ")
			})
		}) {
			t.Errorf("template %s has no vectors", name)
		}
	}
}

func TestDecimalsOf(t *testing.T) {
	for x, want := range map[float64]int{0: 0, 1: 0, 10: 0, 0.1: 1, 1.5: 1, 0.001: 3, -0.25: 2, 1 / 3.: 6, 1e-9: 6, 1000: 0} {
		if got := decimalsOf(x); got != want {
			t.Errorf("decimalsOf(%v) = %d, want %d", x, got, want)
		}
	}
}

func FuzzModbusRegisters(f *testing.F) {
	f.Add("voltage input 0x0000 f32 abcd *0.1")
	f.Add("# comment\nraw_1 holding 65535 u16 badc /10 -5\nstate coil 7 bit\n")
	f.Add("temperature input 1 s16 *1e300 +1")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := parseModbusRegisters(text, "abcd")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("%q does not say which line", err)
			}
			return
		}
		for _, v := range values {
			if !(v.Min < v.Max) || v.Decimals < 0 || v.Decimals > 6 {
				t.Errorf("%+v cannot be", v)
			}
			for _, w := range []uint16{0, 0x7FFF, 0x8000, 0xFFFF} {
				x, err := v.decode(slices.Repeat([]uint16{w}, v.typ.size()))
				if err == nil && v.typ != modbusBit && (math.IsNaN(x) || x < v.Min || x > v.Max) {
					t.Errorf("%+v: %04X is %v", v, w, x)
				}
			}
		}
		n := 0
		for _, b := range modbusBlocks(values, 8, modbusRegisters) {
			if n += len(b.values); b.n < 1 || b.n > modbusBits || int(b.address)+b.n > 1<<16 {
				t.Errorf("%+v cannot be read", b)
			}
		}
		if n != len(values) {
			t.Errorf("%d of %d values are read", n, len(values))
		}
	})
}

// fuzzedModbus answers everything with the same words.
type fuzzedModbus struct{ words []byte }

func (f fuzzedModbus) ReadRegisters(_ context.Context, _ byte, _ bus.ModbusTable, address, n uint16) ([]uint16, error) {
	v := make([]uint16, n)
	for i := range v {
		at := (int(address) + i) * 2 % len(f.words)
		v[i] = uint16(f.words[at])<<8 | uint16(f.words[(at+1)%len(f.words)])
	}
	return v, nil
}

func (f fuzzedModbus) ReadBits(context.Context, byte, bus.ModbusTable, uint16, uint16) ([]bool, error) {
	return nil, errors.ErrUnsupported
}

func FuzzModbusAnswers(f *testing.F) {
	f.Add("sdm120", []byte{0x43, 0x66, 0x33, 0x34})
	f.Add("em340", []byte{0x00, 0x01, 0x80})
	f.Add("pzem004t", []byte{0xFF})
	f.Fuzz(func(t *testing.T, template string, words []byte) {
		if _, ok := modbusTemplates[template]; !ok || len(words) == 0 {
			return
		}
		s, err := openModbus(t.Context(), &bus.Slot{Modbus: fuzzedModbus{words}, Unit: 1, Options: map[string]string{"template": template, "max_block": "125"}})
		if err != nil {
			t.Fatal(err)
		}
		out := slices.Repeat([]float64{untouched}, len(s.(Channeler).Channels()))
		err = s.Measure(t.Context(), out)
		for _, x := range out {
			if math.IsNaN(x) || math.IsInf(x, 0) || err != nil && x != untouched {
				t.Errorf("%v, %v", out, err)
			}
		}
	})
}
