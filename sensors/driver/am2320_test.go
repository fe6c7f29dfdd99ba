package driver

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestAM2320(t *testing.T) {
	i2cTest{
		driver:  "am2320",
		chip:    func() bustest.Chip { return bustest.NewAM2320() },
		want:    []float64{23.9, 34.8}, // periph.io am2320_test.go
		command: func(bustest.Tx) string { return "0x03" },
	}.test(t)
}

var _ = vectors("am2320", 1e-9, func(in string) ([]float64, error) {
	frame, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	if len(frame) != am2320Bytes {
		return nil, errors.New("an answer is eight bytes")
	}
	if err := checkAM2320(frame); err != nil {
		return nil, err
	}
	return []float64{am2320Temperature(frame), am2320Humidity(frame)}, nil
},
	vector{in: "0304 015C 00EF 718A", want: []float64{23.9, 34.8}, source: "periph.io am2320_test.go"},
	vector{in: "0304 01F4 00FA 31A5", want: []float64{25, 50}, source: "AM2320 datasheet, example"},
	vector{in: "0304 0339 0115 E1FE", want: []float64{27.7, 82.5}, source: "AM2320 datasheet section 8.2.4, figure 17"},
	// The DHT22 has the same form of values; read through the kernel it has no
	// other home here.
	vector{in: am2320Frame("028C 015F"), want: []float64{35.1, 65.2}, source: "tinygo dht/device_internal_test.go, a DHT22"},
	vector{in: am2320Frame("028C 8065"), want: []float64{-10.1, 65.2}, source: "AM2320 datasheet section 8.3.2, below zero"},
	vector{in: am2320Frame("0000 8000"), want: []float64{0, 0}, source: "formula, AM2320 datasheet section 8.2.3"},
	vector{in: "0304 015C 00EF 718B", source: "periph.io am2320_test.go, with a wrong CRC"},
	vector{in: "0304 015D 00EF 718A", source: "periph.io am2320_test.go, with a bit flipped"},
	vector{in: "0000 0000 0000 0000", source: "a bus held low"},
)

// am2320Frame puts an answer around its registers.
func am2320Frame(registers string) string {
	b, _ := unhexed("0304" + registers)
	crc := bus.CRC16(0xFFFF, b)
	return hex.EncodeToString(append(b, byte(crc), byte(crc>>8)))
}

// What is on the wire, and that it is not what the chip measured long ago.
func TestAM2320Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewAM2320()
		b := bustest.New(map[uint16]bustest.Chip{0x5C: chip})
		s, err := openAM2320(t.Context(), &bus.Slot{I2C: b, Addr: 0x5C})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.Reset()
		chip.Next = [4]byte{0x01, 0xF4, 0x00, 0xFA}
		out := make([]float64, 2)
		// The one before it is not 2 s old, so this one may measure nothing.
		if err := s.Measure(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		b.Reset()
		chip.Next = [4]byte{0x01, 0x5C, 0x00, 0xEF}
		if err := bus.Wait(t.Context(), 60e9); err != nil {
			t.Fatal(err)
		}
		if err := s.Measure(t.Context(), out); err != nil || out[0] != 23.9 || out[1] != 34.8 {
			t.Errorf("measured %v, %v", out, err)
		}
		asleep := "5C W 00: write 00 to address 0x5c: no such device or address"
		wantLog(t, b.Log(),
			asleep, "5C W 03 00 04", "5C R 03 04 01 F4 00 FA 31 A5",
			asleep, "5C W 03 00 04", "5C R 03 04 01 5C 00 EF 71 8A")
	})
}

// A chip that refuses says with what.
func TestAM2320Refuses(t *testing.T) {
	frame := unhex(t, am2320Frame("0000 0000"))
	copy(frame, "\x83\x81")
	crc := bus.CRC16(0xFFFF, frame[:2])
	frame[2], frame[3] = byte(crc), byte(crc>>8)
	if err := checkAM2320(frame); err == nil || !strings.Contains(err.Error(), "code 0x81") {
		t.Errorf("refused with 0x81: %v", err)
	}
}

// Every flipped bit of a frame is found.
func TestAM2320Flips(t *testing.T) {
	good := unhex(t, "0304 015C 00EF 718A")
	for bit := range 8 * len(good) {
		frame := bytes.Clone(good)
		frame[bit/8] ^= 1 << (bit % 8)
		if checkAM2320(frame) == nil {
			t.Errorf("bit %d flipped: % X is believed", bit, frame)
		}
	}
}

func FuzzAM2320(f *testing.F) {
	f.Add([]byte("\x03\x04\x01\x5C\x00\xEF\x71\x8A"))
	f.Add([]byte("\x83\x81\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != am2320Bytes || checkAM2320(b) != nil {
			return
		}
		if c := am2320Temperature(b); c < -3276.7 || c > 3276.7 {
			t.Errorf("% X is %v °C", b, c)
		}
	})
}
