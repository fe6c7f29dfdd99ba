package driver

import "testing"

// A whole number is decimal, whatever zeros it begins with, or 0x and
// hexadecimal.
func TestOptionWhole(t *testing.T) {
	o := Option{Name: "x", Type: Whole, Min: -100, Max: 3000}
	for text, want := range map[string]int{
		"0": 0, "10": 10, "010": 10, "0099": 99, "-5": -5, "+5": 5, "0x10": 16, "0X1f": 31, "0x0010": 16, "-0x10": -16,
	} {
		if err := o.Check(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got := (options{"x": text}).whole("x"); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
	for _, text := range []string{" 1", "1 ", "1.0", "0x", "0b1", "0o7", "1_000", "--1", "0x-1", "ten", "99999999999999999999", "3001", "-101"} {
		if err := o.Check(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
