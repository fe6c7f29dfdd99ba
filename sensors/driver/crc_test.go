package driver

import (
	"encoding/hex"
	"testing"

	"gateway/sensors/bus"
)

// unhex makes test vectors readable: "BEEF 92".
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var digits []byte
	for i := range len(s) {
		if s[i] != ' ' {
			digits = append(digits, s[i])
		}
	}
	b, err := hex.DecodeString(string(digits))
	if err != nil {
		t.Fatalf("test vector %q: %v", s, err)
	}
	return b
}

func TestCRC8(t *testing.T) {
	for _, tt := range []struct {
		data   string
		want   byte
		source string
	}{
		{"BEEF", 0x92, "SHT4x datasheet, section 4.4; SHT3x datasheet, section 4.12"},
		{"00", 0xAC, "periph.io common/crc_test.go"},
		{"01A4", 0x4D, "periph.io common/crc_test.go"},
		{"ABCD", 0x6F, "periph.io common/crc_test.go"},
		{"0000", 0x81, "dbrgn/shtcx-rs src/crc.rs"},
		{"1234", 0x37, "dbrgn/sgp30-rs src/lib.rs"},
		{"5678", 0x7D, "dbrgn/sgp30-rs src/lib.rs"},
		{"D402", 0xA4, "dbrgn/sgp30-rs src/lib.rs"},
		{"D400", 0xC6, "dbrgn/sgp30-rs src/lib.rs"},
		{"0042", 0xDE, "dbrgn/sgp30-rs src/lib.rs"},
		{"01F4", 0x33, "SCD4x datasheet, read_measurement example"},
		{"6667", 0xA2, "SCD4x datasheet, read_measurement example"},
		{"5EB9", 0x3C, "SCD4x datasheet, read_measurement example"},
		{"03DB", 0x42, "SCD4x datasheet, section 3.6.5, 98700 Pa"},
		{"01E0", 0xB4, "SCD4x datasheet, section 3.7.1, 480 ppm"},
		{"7FCE", 0x7B, "SCD4x datasheet, section 3.7.1, -50 ppm"},
		{"0001", 0xB0, "SCD4x datasheet, section 3.7.2"},
		{"8006", 0x04, "periph.io scd4x_test.go"},
		{"3FFF", 0x06, "periph.io hdc302x_test.go"},
		{"0F80", 0x62, "periph.io hdc302x_test.go"},
		{"8000", 0xA2, "SGP40 datasheet, default humidity argument"},
		{"6666", 0x93, "SGP40 datasheet, default temperature argument"},
		{"", 0xFF, "the initial value"},
	} {
		if got := crc8(unhex(t, tt.data)); got != tt.want {
			t.Errorf("crc8(%s) = %02X, want %02X (%s)", tt.data, got, tt.want, tt.source)
		}
	}
}

func TestCRC8Dallas(t *testing.T) {
	for _, tt := range []struct {
		data   string
		want   byte
		source string
	}{
		{"28AC410E070000", 0x74, "periph.io ds18b20_test.go, ROM code"},
		{"E00100003FFF1010", 0x3F, "periph.io ds18b20_test.go, scratchpad"},
		{"72014B467FFF0E10", 0x57, "kernel w1_slave of a DS18B20 at 23.125 °C"},
		{"F4014B467FFF0C10", 0xC7, "google/periph#427, 31.25 °C"},
		{"9E014B467FFF0C10", 0x8A, "google/periph#359, 25.875 °C"},
		{"021CB801000000", 0xA2, "Maxim application note 27, ROM code"},
		{"50054B467FFF0C10", 0x1C, "DS18B20 datasheet, power-on scratchpad"},
		{"", 0, "the initial value"},
	} {
		data := unhex(t, tt.data)
		if got := crc8Dallas(data); got != tt.want {
			t.Errorf("crc8Dallas(%s) = %02X, want %02X (%s)", tt.data, got, tt.want, tt.source)
		}
		if got := crc8Dallas(append(data, tt.want)); got != 0 {
			t.Errorf("crc8Dallas(%s with its CRC) = %02X, want 0", tt.data, got)
		}
	}
}

// The initial value 0 of the SHT2x and the HTU21D.
func TestCRC8FromZero(t *testing.T) {
	for _, tt := range []struct {
		data   string
		want   byte
		source string
	}{
		{"5FA8", 0x3B, "gobot sht2x_driver_test.go"},
		{"5ECA", 0x16, "gobot sht2x_driver_test.go"},
		{"DC", 0x79, memory + "Sensirion CRC application note for the SHT2x"},
		{"683A", 0x7C, memory + "HTU21D datasheet, CRC examples"},
		{"4E85", 0x6B, memory + "HTU21D datasheet, CRC examples"},
		{"0000", 0x00, "a bus held low, which a caller rejects"},
	} {
		if got := crc8From(0, unhex(t, tt.data)); got != tt.want {
			t.Errorf("crc8From(0, %s) = %02X, want %02X (%s)", tt.data, got, tt.want, tt.source)
		}
	}
}

func TestCRC16(t *testing.T) {
	for _, tt := range []struct {
		data   string
		want   uint16
		source string
	}{
		{"0102030405", 0xBB2A, "simonvetter/modbus crc_test.go"},
		{"010203040506", 0xDDBA, "simonvetter/modbus crc_test.go"},
		{"0A0310040002", 0x7180, "telegraf#9253, a request"},
		{"0A030400000000", 0xF340, "telegraf#9253, an answer"},
		{"0A03106A0002", 0xACE1, "telegraf#9253, a request"},
		{"030401F400FA", 0xA531, "AM2320 datasheet, example"},
		{"0304015C00EF", 0x8A71, "periph.io am2320_test.go"},
		{"", 0xFFFF, "the initial value"},
	} {
		if got := bus.CRC16(0xFFFF, unhex(t, tt.data)); got != tt.want {
			t.Errorf("bus.CRC16(0xFFFF, %s) = %04X, want %04X (%s)", tt.data, got, tt.want, tt.source)
		}
	}
}

// A CRC-8 of either polynomial finds every single flipped bit of a frame as
// short as a sensor's.
func TestCRCFindsEveryFlippedBit(t *testing.T) {
	for name, crc := range map[string]func([]byte) byte{"crc8": crc8, "crc8Dallas": crc8Dallas} {
		data := unhex(t, "72014B467FFF0E10")
		want := crc(data)
		for bit := range len(data) * 8 {
			data[bit/8] ^= 1 << (bit % 8)
			if crc(data) == want {
				t.Errorf("%s does not notice bit %d", name, bit)
			}
			data[bit/8] ^= 1 << (bit % 8)
		}
	}
}
