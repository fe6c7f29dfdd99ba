package driver

import (
	"cmp"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"gateway/sensors/bus"
)

// vector is a known answer: what a chip sends, and what that means.
type vector struct {
	in     string    // as the chip sends it, hexadecimal or text; the driver's test knows how
	want   []float64 // nil if it must be refused; NaN is a value that the source does not have
	source string    // where the numbers are from
	within float64   // how far a value may be off, if not as the set says
}

// memory marks a source that is somebody's memory of a datasheet: right in
// itself, not read again.
const memory = "[M] "

// vectorSet is the vectors of a driver.
type vectorSet struct {
	driver  string
	decode  func(in string) ([]float64, error)
	within  float64 // how far a value may be off
	vectors []vector
}

// allVectors are filled by the tests of the drivers, through vectors.
var allVectors []vectorSet

// vectors notes the vectors of a driver. decode makes values of what a chip
// sends, with the driver's own functions. A driver may have several sets.
//
//	var _ = vectors("sht4x", 0.001, decodeSHT4x,
//		vector{in: "66F4C8 4C9B6F", want: []float64{25.379, 31.406}, source: "periph.io sht4x_test.go, a recording"})
func vectors(driver string, within float64, decode func(string) ([]float64, error), all ...vector) bool {
	allVectors = append(allVectors, vectorSet{driver, decode, within, all})
	return true
}

// TestVectors runs the vectors of every driver; none has none.
func TestVectors(t *testing.T) {
	seen := make(map[string]bool)
	for _, set := range allVectors {
		if _, ok := Lookup(set.driver); !ok {
			t.Errorf("vectors of %s, which is no driver", set.driver)
		}
		seen[set.driver] = true
		t.Run(set.driver, set.test)
	}
	for _, d := range All() {
		if !seen[d.Name] {
			t.Errorf("driver %s has no vectors", d.Name)
		}
	}
}

func (s vectorSet) test(t *testing.T) {
	for _, v := range s.vectors {
		got, err := s.decode(v.in)
		within := cmp.Or(v.within, s.within)
		switch {
		case v.source == "":
			t.Errorf("%.60q has no source", v.in)
		case v.want == nil && err == nil:
			t.Errorf("%.60q is %v, want it refused (%s)", v.in, got, v.source)
		case v.want != nil && err != nil:
			t.Errorf("%.60q: %v, want %v (%s)", v.in, err, v.want, v.source)
		case v.want != nil && !near(got, v.want, within):
			t.Errorf("%.60q is %v, want %v within %v (%s)", v.in, got, v.want, within, v.source)
		}
	}
}

func near(got, want []float64, within float64) bool {
	return slices.EqualFunc(got, want, func(a, b float64) bool { return math.IsNaN(b) || math.Abs(a-b) <= within })
}

// unhexed returns the bytes of s, spaces left out.
func unhexed(s string) ([]byte, error) { return hex.DecodeString(strings.ReplaceAll(s, " ", "")) }

var update = flag.Bool("update", false, "write generated files again")

// TestTable compares README.md with the driver table and the vectors, so that
// it cannot be older than they are.
func TestTable(t *testing.T) {
	want := tableText()
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("README.md is not what the driver table says; run: go test ./sensors/driver -run TestTable -update")
	}
}

func tableText() string {
	var b strings.Builder
	b.WriteString("# Drivers\n\nGenerated from the driver table and the vectors of its tests; write it again with\n" +
		"`go test ./sensors/driver -run TestTable -update`.\n\n" +
		"A vector is a known answer: what a chip sends, and what that means. Sources marked [M] are from memory of a\n" +
		"datasheet: right in themselves, not read again.\n\n" +
		"| driver | what it reads | bus | measures | vectors | their sources |\n|---|---|---|---|---|---|\n")
	for _, d := range All() {
		count, sources := 0, []string{}
		for _, set := range allVectors {
			if set.driver != d.Name {
				continue
			}
			count += len(set.vectors)
			for _, v := range set.vectors {
				if !slices.Contains(sources, v.source) {
					sources = append(sources, v.source)
				}
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %d | %s |\n", d.Name, d.Title, busText(d), quantitiesText(d), count, strings.Join(sources, "; "))
	}
	return b.String()
}

func busText(d Driver) string {
	if d.Bus != bus.I2C {
		return string(d.Bus)
	}
	addrs := slices.Sorted(slices.Values(d.Addrs))
	text := "I²C"
	for i := 0; i < len(addrs); i++ {
		first := i
		for i+1 < len(addrs) && addrs[i+1] == addrs[i]+1 {
			i++
		}
		text += fmt.Sprintf(" %#02x", addrs[first])
		if i > first {
			text += fmt.Sprintf("–%#02x", addrs[i])
		}
	}
	return text
}

// quantitiesText names the quantities of a driver, without their parts.
func quantitiesText(d Driver) string {
	if d.Dynamic && len(d.Channels) > 40 {
		return "what you configure"
	}
	var all []string
	for _, c := range d.Channels {
		if q := string(c.Quantity.Base()); !slices.Contains(all, q) {
			all = append(all, q)
		}
	}
	return strings.Join(all, ", ")
}

// TestDrivers looks at what every entry of the table has to have.
func TestDrivers(t *testing.T) {
	names := make(map[string]string)
	for _, d := range All() {
		for _, name := range append([]string{d.Name}, d.Aliases...) {
			if other, taken := names[name]; taken {
				t.Errorf("%s is a name of %s and of %s", name, other, d.Name)
			}
			names[name] = d.Name
		}
		if d.Title == "" || d.Datasheet == "" || d.Bus == "" {
			t.Errorf("%s: title, datasheet or bus is missing", d.Name)
		}
		if (d.Bus == bus.I2C) != (len(d.Addrs) > 0) || (d.Bus == bus.GPIO) != (len(d.Pins) > 0) {
			t.Errorf("%s: addresses and pins do not suit the bus %s", d.Name, d.Bus)
		}
		seen := make(map[string]bool)
		for _, c := range d.Channels {
			if _, known := c.Quantity.Info(); !known {
				t.Errorf("%s: nothing is known of the quantity %s", d.Name, c.Quantity)
			}
			if seen[string(c.Quantity)] && d.Name != "sim" {
				t.Errorf("%s: two channels are %s; say which with Of", d.Name, c.Quantity)
			}
			seen[string(c.Quantity)] = true
		}
		for _, o := range d.Options {
			if err := o.Check(o.Default); err != nil && o.Default != "" {
				t.Errorf("%s: default of option %s: %v", d.Name, o.Name, err)
			}
			if !strings.HasSuffix(o.Doc, ".") {
				t.Errorf("%s: option %s needs a sentence", d.Name, o.Name)
			}
		}
	}
}

// crcHex is Sensirion's CRC of a word, as it follows it in a vector.
func crcHex(word uint16) string {
	return fmt.Sprintf("%02X", crc8([]byte{byte(word >> 8), byte(word)}))
}
