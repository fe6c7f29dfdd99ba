package bus

import "testing"

func TestLineName(t *testing.T) {
	for line, want := range map[string]string{
		"17": "GPIO17", "GPIO17": "GPIO17", "gpio17": "GPIO17", "GPIO017": "GPIO17", "0": "GPIO0", "GPIO00": "GPIO0",
		"GPIO": "GPIO", "": "", "SDA1": "SDA1", "gpiochip0:17": "gpiochip0:17", "GPIO_GCLK": "GPIO_GCLK", "-1": "-1", "GPIO1x": "GPIO1x",
	} {
		if got := LineName(line); got != want {
			t.Errorf("LineName(%q) = %q, want %q", line, got, want)
		}
	}
}

func FuzzLineName(f *testing.F) {
	f.Add("17")
	f.Add("gpio017")
	f.Fuzz(func(t *testing.T, line string) {
		if name := LineName(line); LineName(name) != name {
			t.Errorf("%q is %q, and that is %q", line, name, LineName(name))
		}
	})
}
