package driver

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
	"gateway/sensors/reading"
)

// Telegrams as meters sent them: test/example_telegrams.py of
// ndokter/dsmr_parser (MIT licence, © Nigel Dokter), line by line.
var (
	dsmrV22 = dsmrText(``, `/ISk5\2MT382-1004`, ``, `0-0:96.1.1(00000000000000)`, `1-0:1.8.1(00001.001*kWh)`, `1-0:1.8.2(00001.001*kWh)`,
		`1-0:2.8.1(00001.001*kWh)`, `1-0:2.8.2(00001.001*kWh)`, `0-0:96.14.0(0001)`, `1-0:1.7.0(0001.01*kW)`, `1-0:2.7.0(0000.00*kW)`,
		`0-0:17.0.0(0999.00*kW)`, `0-0:96.3.10(1)`, `0-0:96.13.1()`, `0-0:96.13.0()`, `0-1:24.1.0(3)`, `0-1:96.1.0(000000000000)`,
		`0-1:24.3.0(161107190000)(00)(60)(1)(0-1:24.2.1)(m3)`, `(00001.001)`, `0-1:24.4.0(1)`)
	dsmrV42 = dsmrText(`6796`, `/KFM5KAIFA-METER`, ``, `1-3:0.2.8(42)`, `0-0:1.0.0(161113205757W)`, `0-0:96.1.1(3960221976967177082151037881335713)`,
		`1-0:1.8.1(001581.123*kWh)`, `1-0:1.8.2(001435.706*kWh)`, `1-0:2.8.1(000000.000*kWh)`, `1-0:2.8.2(000000.000*kWh)`, `0-0:96.14.0(0002)`,
		`1-0:1.7.0(02.027*kW)`, `1-0:2.7.0(00.000*kW)`, `0-0:96.7.21(00015)`, `0-0:96.7.9(00007)`,
		`1-0:99.97.0(3)(0-0:96.7.19)(000104180320W)(0000237126*s)(000101000001W)(2147583646*s)(000102000003W)(2317482647*s)`,
		`1-0:32.32.0(00000)`, `1-0:52.32.0(00000)`, `1-0:72.32.0(00000)`, `1-0:32.36.0(00000)`, `1-0:52.36.0(00000)`, `1-0:72.36.0(00000)`,
		`0-0:96.13.1()`, `0-0:96.13.0()`, `1-0:31.7.0(000*A)`, `1-0:51.7.0(006*A)`, `1-0:71.7.0(002*A)`,
		`1-0:21.7.0(00.170*kW)`, `1-0:22.7.0(00.000*kW)`, `1-0:41.7.0(01.247*kW)`, `1-0:42.7.0(00.000*kW)`, `1-0:61.7.0(00.209*kW)`, `1-0:62.7.0(00.000*kW)`,
		`0-1:24.1.0(003)`, `0-1:96.1.0(4819243993373755377509728609491464)`, `0-1:24.2.1(161129200000W)(00981.443*m3)`)
	dsmrV5 = dsmrText(`6EEE`, `/ISk5\2MT382-1000`, ``, `1-3:0.2.8(50)`, `0-0:1.0.0(170102192002W)`, `0-0:96.1.1(4B384547303034303436333935353037)`,
		`1-0:1.8.1(000004.426*kWh)`, `1-0:1.8.2(000002.399*kWh)`, `1-0:2.8.1(000002.444*kWh)`, `1-0:2.8.2(000000.000*kWh)`, `0-0:96.14.0(0002)`,
		`1-0:1.7.0(00.244*kW)`, `1-0:2.7.0(00.000*kW)`, `0-0:96.7.21(00013)`, `0-0:96.7.9(00000)`, `1-0:99.97.0(0)(0-0:96.7.19)`,
		`1-0:32.32.0(00000)`, `1-0:52.32.0(00000)`, `1-0:72.32.0(00000)`, `1-0:32.36.0(00000)`, `1-0:52.36.0(00000)`, `1-0:72.36.0(00000)`,
		`0-0:96.13.0()`, `1-0:32.7.0(0230.0*V)`, `1-0:52.7.0(0230.0*V)`, `1-0:72.7.0(0229.0*V)`,
		`1-0:31.7.0(0.48*A)`, `1-0:51.7.0(0.44*A)`, `1-0:71.7.0(0.86*A)`, `1-0:21.7.0(00.070*kW)`, `1-0:41.7.0(00.032*kW)`, `1-0:61.7.0(00.142*kW)`,
		`1-0:22.7.0(00.000*kW)`, `1-0:42.7.0(00.000*kW)`, `1-0:62.7.0(00.000*kW)`,
		`0-1:24.1.0(003)`, `0-1:96.1.0(3232323241424344313233343536373839)`, `0-1:24.2.1(170102161005W)(00000.107*m3)`, `0-2:24.1.0(003)`, `0-2:96.1.0()`)
	dsmrT210 = dsmrText(`7EF9`, `/EST5\253710000_A`, ``, `1-3:0.2.8(50)`, `0-0:1.0.0(221006155014S)`, `1-0:1.8.0(006545766*Wh)`,
		`1-0:1.8.1(005017120*Wh)`, `1-0:1.8.2(001528646*Wh)`, `1-0:1.7.0(000000286*W)`, `1-0:2.8.0(000000058*Wh)`, `1-0:2.8.1(000000000*Wh)`,
		`1-0:2.8.2(000000058*Wh)`, `1-0:2.7.0(000000000*W)`, `1-0:3.8.0(000000747*varh)`, `1-0:3.8.1(000000000*varh)`, `1-0:3.8.2(000000747*varh)`,
		`1-0:3.7.0(000000000*var)`, `1-0:4.8.0(003897726*varh)`, `1-0:4.8.1(002692848*varh)`, `1-0:4.8.2(001204878*varh)`, `1-0:4.7.0(000000166*var)`)
)

func dsmrText(crc string, lines ...string) string {
	return strings.Join(append(lines, "!"+crc), "\r\n") + "\r\n"
}

// dsmrSummed is a telegram with the checksum that it has to have.
func dsmrSummed(lines ...string) string {
	text := strings.TrimSuffix(dsmrText("", lines...), "\r\n")
	return fmt.Sprintf("%s%04X\r\n", text, bus.CRC16(0, []byte(text)))
}

const dsmrSource = "ndokter/dsmr_parser test/example_telegrams.py (MIT)"

// decodeDSMR returns the values of the quantities in front of a telegram.
func decodeDSMR(in string) ([]float64, error) {
	names, text, _ := strings.Cut(in, "|")
	frame, err := onlyFrame(cutDSMR, []byte(text))
	if err != nil {
		return nil, err
	}
	t, err := parseDSMR(frame, time.Hour)
	if err != nil {
		return nil, err
	}
	var out []float64
	for _, name := range strings.Fields(names) {
		i := slices.IndexFunc(t.values, func(v dsmrValue) bool { return string(v.quantity) == name })
		if i < 0 {
			return nil, fmt.Errorf("%s is not in %v", name, t.values)
		}
		out = append(out, t.values[i].number)
	}
	return out, nil
}

var _ = vectors("dsmr", 1e-9, decodeDSMR,
	vector{in: "energy_import_t1 energy_import_t2 energy_export_t1 tariff power_import gas|" + dsmrV22,
		want: []float64{1.001, 1.001, 1.001, 1, 1010, 1.001}, source: dsmrSource},
	vector{in: "energy_import_t1 energy_import_t2 tariff power_import failures_short failures_long current_l2 power_import_l1 power_import_l2 power_import_l3 gas age_gas|" + dsmrV42,
		want: []float64{1581.123, 1435.706, 2, 2027, 15, 7, 6, 170, 1247, 209, 981.443, 0}, source: dsmrSource},
	vector{in: "energy_import_t1 energy_export_t1 power_import voltage_l1 voltage_l3 current_l1 power_import_l2 power_export_l3 gas age_gas|" + dsmrV5,
		want: []float64{4.426, 2.444, 244, 230, 229, 0.48, 32, 0, 0.107, 11397}, source: dsmrSource},
	vector{in: "energy_import energy_export power_import reactive_energy_import reactive_energy_export reactive_power_export|" + dsmrT210,
		want: []float64{6545.766, 0.058, 286, 0.747, 3897.726, 166}, source: dsmrSource},
	vector{in: "|" + strings.Replace(dsmrV5, "6EEE", "6EEF", 1), source: dsmrSource},
	vector{in: "|" + strings.Replace(dsmrV5, "!6EEE", "!", 1), source: dsmrSource}, // since DSMR 4 there is one
	vector{in: "gas water energy_thermal|" + dsmrSummed(`/X`, ``, `0-0:1.0.0(170102192002W)`, `1-0:1.7.0(00.244*kW)`,
		`0-1:24.1.0(003)`, `0-1:24.2.3(170102190000W)(00001.5*m3)`, `0-2:24.1.0(007)`, `0-2:24.2.1(170102190000W)(00002.5*m3)`, `0-3:24.1.0(012)`, `0-3:24.2.1(170102190000W)(3.6*GJ)`),
		want: []float64{1.5, 2.5, 1000}, source: "P1 Companion Standard 5.0.2, table 6-7"},
)

func TestDSMRTime(t *testing.T) {
	for text, want := range map[string]string{
		"170102192002W": "2017-01-02T18:20:02Z",
		"221006155014S": "2022-10-06T13:50:14Z",
		"241027023000S": "2024-10-27T00:30:00Z", // the hour that is twice
		"241027023000W": "2024-10-27T01:30:00Z",
	} {
		if got, err := dsmrTime(text, time.Hour); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s is %v, %v; want %s", text, got, err, want)
		}
	}
	if got, _ := dsmrTime("241027033000W", 2*time.Hour); got.Format(time.RFC3339) != "2024-10-27T01:30:00Z" {
		t.Errorf("in Finland %v", got)
	}
	for _, text := range []string{"", "W", "632525252525S", "170102192002", "170102192002X", "17010219200 W", "000000000000W"} {
		if got, err := dsmrTime(text, time.Hour); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// A flip that leaves the checksum's value as it is has made a letter small.
func TestDSMREverySingleBitFlipIsRefused(t *testing.T) {
	refusesFlips(t, cutDSMR, []byte(dsmrV5), func(got []byte) bool {
		return strings.EqualFold(string(got), dsmrV5) && strings.HasPrefix(string(got), dsmrV5[:len(dsmrV5)-6])
	})
}

func TestDSMRMeters(t *testing.T) {
	lines := []string{`/X`, ``, `0-0:1.0.0(170102192002W)`, `1-0:1.7.0(00.244*kW)`}
	for _, test := range []struct {
		name string
		mbus []string
		want []string
	}{
		{"none", nil, nil},
		{"two of a kind", []string{`0-1:24.1.0(003)`, `0-1:24.2.1(170102190000W)(1*m3)`, `0-2:24.1.0(003)`, `0-2:24.2.1(170102190000W)(2*m3)`}, []string{"gas_1", "age_1", "gas_2", "age_2"}},
		{"one of two", []string{`0-1:24.1.0(003)`, `0-1:96.1.0(31)`, `0-2:24.1.0(003)`, `0-2:24.2.1(170102190000W)(2*m3)`}, []string{"gas_2", "age_2"}},
		{"never read", []string{`0-1:24.1.0(003)`, `0-1:96.1.0(31)`, `0-1:24.2.1(632525252525S)(00000.000)`}, nil},
		{"dead for three days", []string{`0-1:24.1.0(003)`, `0-1:24.2.1(161230190000W)(1*m3)`}, nil},
		{"an unknown kind", []string{`0-1:24.1.0(099)`, `0-1:24.2.1(170102190000W)(1*m3)`}, nil},
	} {
		frame, err := onlyFrame(cutDSMR, []byte(dsmrSummed(append(slices.Clone(lines), test.mbus...)...)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseDSMR(frame, time.Hour)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		var names []string
		for _, v := range got.values[1:] {
			names = append(names, string(v.quantity))
		}
		if !slices.Equal(names, test.want) {
			t.Errorf("%s: %v, want %v", test.name, names, test.want)
		}
	}
}

func TestDSMRRefuses(t *testing.T) {
	for text, want := range map[string]string{
		dsmrSummed(`/X`, ``, `1-0:1.7.0(warm*kW)`):                       "is not a number",
		dsmrSummed(`/X`, ``, `1-0:1.7.0(0x1p9*kW)`):                      "is not a number",
		dsmrSummed(`/X`, ``, `1-0:1.7.0(1*V)`):                           "is not in W",
		dsmrSummed(`/X`, ``, `1-0:1.7.0(1)`):                             "is not in W",
		dsmrSummed(`/X`, ``, `1-0:0.0.0(1)`):                             "no value that is known",
		dsmrSummed(`/X`, ``, `1-0:1.7.0`):                                "no value that is known",
		dsmrText("12", `/X`, ``, `1-0:1.7.0(1*kW)`):                      "is none",
		dsmrText("zzzz", `/X`, ``, `1-0:1.7.0(1*kW)`):                    "is none",
		dsmrText("0123456789", `/X`, ``, `1-0:1.7.0(1*kW)`):              "is none",
		"/" + strings.Repeat("x", dsmrMost+1):                            "without an end",
		"\xDB\x08SAGgp\x00 encrypted":                                    "encrypted",
		dsmrSummed(`/X`, ``, `1-0:1.8.1(1234567890123456789012345*kWh)`): "is not a number",
	} {
		if _, err := decodeDSMR("|" + text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q in it", text, err, want)
		}
	}
}

// A telegram that is cut off does not hide the one behind it, nor does a slash
// that is none of a telegram.
func TestDSMRFindsTheNext(t *testing.T) {
	for _, before := range []string{"/", "x/y", dsmrV5[:300] + "\r\n", dsmrV5[:len(dsmrV5)-6] + "1234\r\n", dsmrV5[:len(dsmrV5)-4]} {
		f := &frames{cut: cutDSMR, buf: []byte(before + dsmrV42)}
		if got, _ := f.take(); string(got) != dsmrV42 {
			t.Errorf("behind %.20q… of %d bytes: %.40q", before, len(before), got)
		}
	}
}

var dsmrLinesV5 = []string{`1-0:1.8.1(000004.426*kWh)`, `1-0:1.7.0(00.244*kW)`, `1-0:32.7.0(0230.0*V)`}

func TestDSMR(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 10 * time.Second} {
		t.Run(every.String(), serialTest{driver: "dsmr", attach: func(p *bustest.Serial) func() { return bustest.NewP1(p, every, dsmrLinesV5...).Stop }, want: []float64{4.426, 244, 230}}.test)
	}
}

// The time is the meter's, unless its clock is wrong.
func TestDSMRMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 1, 2, 3, 4, 5, 700e6, time.UTC)))
		p := bustest.NewSerial()
		chip := bustest.NewP1(p, time.Second, dsmrLinesV5...)
		c := serialTest{driver: "dsmr"}
		s := c.mustOpen(t, p)
		out := make([]float64, 3)
		if err := s.Measure(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		if got := s.(Timed).Measured(); !got.Equal(time.Now().Truncate(time.Second)) {
			t.Errorf("measured at %v, now %v", got, time.Now())
		}
		chip.Freeze(time.Now().Add(time.Hour))
		if err := s.Measure(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		if got := s.(Timed).Measured(); !got.Equal(time.Now()) {
			t.Errorf("with a wrong clock measured at %v, now %v", got, time.Now())
		}
		// What is in between repeats a telegram for want of a new one.
		if err := s.Measure(t.Context(), out); !errors.Is(err, ErrNothingNew) {
			t.Errorf("a telegram of before: %v", err)
		}
	})
}

// A gas meter that dies takes nothing else with it, and comes back.
func TestDSMROtherValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bustest.NewSerial()
		gas := append(slices.Clone(dsmrLinesV5), `0-1:24.1.0(003)`, `0-1:24.2.1(`+bustest.P1Time(time.Now())+`)(1.5*m3)`)
		chip := bustest.NewP1(p, time.Second, gas...)
		c := serialTest{driver: "dsmr"}
		s, err := c.open(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(s.(Channeler).Channels()); got != 5 {
			t.Fatalf("%d channels, want 5", got)
		}
		for _, next := range []struct {
			lines []string
			want  string
			count int
		}{{dsmrLinesV5, "gas is gone, age_gas is gone", 3}, {gas, "gas is new, age_gas is new", 5}} {
			chip.Lines(next.lines...)
			out := make([]float64, 5)
			if err := s.Measure(t.Context(), out); err == nil || !strings.Contains(err.Error(), next.want) || out[0] != 0 {
				t.Errorf("other values: %v, %v", out, err)
			}
			s.(io.Closer).Close()
			if s, err = c.open(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			if got := len(s.(Channeler).Channels()); got != next.count {
				t.Errorf("%d channels, want %d", got, next.count)
			}
		}
		s.(io.Closer).Close()
	})
}

// Meters on M-Bus are read every hour, and then it comes at once; failures are
// whole ones.
func TestDSMRGoesWith(t *testing.T) {
	for _, tt := range []struct {
		quantity reading.Quantity
		more     float64
		goes     bool
	}{
		{reading.Gas, 4, true}, {reading.Gas, 101, false}, {reading.Energy.Of("thermal"), 8, true}, {reading.Failures.Of("short"), 1, true},
		{reading.Energy.Of("import"), 0.3, true}, {reading.Energy.Of("export_t2"), 1, false}, {reading.Power.Of("import"), 5000, true},
	} {
		before := dsmrTelegram{values: []dsmrValue{{tt.quantity, 1234.5}}}
		after := dsmrTelegram{values: []dsmrValue{{tt.quantity, 1234.5 + tt.more}}}
		if err := after.goesWith(before, 10*time.Second); (err == nil) != tt.goes {
			t.Errorf("%s + %v: %v", tt.quantity, tt.more, err)
		}
		after.checked = true
		if err := after.goesWith(before, 10*time.Second); err != nil {
			t.Errorf("%s + %v with a checksum: %v", tt.quantity, tt.more, err)
		}
	}
}

// Without a checksum a counter has to go with the telegram before.
func TestDSMRWithoutAChecksum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bustest.NewSerial()
		chip := bustest.NewP1(p, 10*time.Second, `1-0:1.8.1(11234.567*kWh)`, `1-0:1.7.0(0001.01*kW)`)
		chip.Bare()
		c := serialTest{driver: "dsmr", want: []float64{11234.567, 1010}}
		s := c.mustOpen(t, p)
		c.healthy(t, s)
		for _, wrong := range []string{`1-0:1.8.1(51234.567*kWh)`, `1-0:1.8.1(01234.567*kWh)`, `1-0:1.8.1(11244.567*kWh)`, `1-0:1.8.1(11235.567*kWh)`} {
			chip.Lines(wrong, `1-0:1.7.0(0001.01*kW)`)
			if err := c.failed(t, t.Context(), s); !strings.Contains(err.Error(), "energy_import_t1 goes from 11234.567 to ") {
				t.Errorf("%s: %v", wrong, err)
			}
			chip.Lines(`1-0:1.8.1(11234.567*kWh)`, `1-0:1.7.0(0001.01*kW)`)
			c.failed(t, t.Context(), s) // nothing goes with that
			c.healthy(t, s)
		}
		// An hour without a telegram, at 4 kW.
		time.Sleep(time.Hour)
		chip.Lines(`1-0:1.8.1(11238.567*kWh)`, `1-0:1.7.0(0001.01*kW)`)
		out := make([]float64, 2)
		if err := s.Measure(t.Context(), out); err != nil || out[0] != 11238.567 {
			t.Errorf("after an hour: %v, %v", out, err)
		}
	})
}

func FuzzDSMR(f *testing.F) {
	for _, text := range []string{dsmrV22, dsmrV42, dsmrV5, dsmrT210} {
		f.Add([]byte(text), uint8(30))
	}
	f.Fuzz(func(t *testing.T, b []byte, split uint8) {
		fuzzFrames(t, cutDSMR, b, split, func(frame []byte) { fuzzedDSMR(t, frame) })
	})
}

// The checksum keeps a fuzzer out: here is what is behind it.
func FuzzDSMRLines(f *testing.F) {
	for _, text := range []string{dsmrV22, dsmrV42, dsmrV5, dsmrT210} {
		f.Add([]byte(text))
	}
	f.Fuzz(fuzzedDSMR)
}

func fuzzedDSMR(t *testing.T, frame []byte) {
	got, err := parseDSMR(frame, time.Hour)
	if err != nil {
		return
	}
	seen := make(map[reading.Quantity]bool)
	for _, v := range got.values {
		if math.IsNaN(v.number) || math.IsInf(v.number, 0) || v.number < 0 || seen[v.quantity] {
			t.Errorf("%q: %v", frame, got.values)
		}
		seen[v.quantity] = true
	}
}
