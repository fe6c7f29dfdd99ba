package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gateway/cmd/gateway/internal/config"
)

// header is the 40-pin header of every Raspberry Pi since the B+: GPIO numbers by pin,
// and what has none.
var header = strings.Fields(`
	3.3V 5V      GPIO2 5V      GPIO3 GND     GPIO4 GPIO14  GND GPIO15
	GPIO17 GPIO18 GPIO27 GND   GPIO22 GPIO23 3.3V GPIO24   GPIO10 GND
	GPIO9 GPIO25 GPIO11 GPIO8  GND GPIO7     GPIO0 GPIO1   GPIO5 GND
	GPIO6 GPIO12 GPIO13 GND    GPIO19 GPIO16 GPIO26 GPIO20 GND GPIO21`)

// TestPinsOfTheGuide holds the drawings of the guide to the header: a wrong pin costs
// somebody a sensor.
func TestPinsOfTheGuide(t *testing.T) {
	guide := read(t, "../../deploy/raspberrypi/README.md")
	drawn := make([]string, len(header))
	for _, m := range regexp.MustCompile(`(?m)^ +(\S+|\S+ V) +(\d+) \| +(\d+)  (GPIO\d+|GND|[35.]+ V)`).FindAllStringSubmatch(guide, -1) {
		for _, x := range [][2]string{{m[2], m[1]}, {m[3], m[4]}} {
			pin, _ := strconv.Atoi(x[0])
			drawn[pin-1] = strings.ReplaceAll(x[1], " ", "")
		}
	}
	if !slices.Equal(drawn, header) {
		t.Errorf("drawn\n%q, want\n%q", drawn, header)
	}
	wires := regexp.MustCompile(`pin (\d+) +(GPIO\d+|GND|[35.]+ V)`).FindAllStringSubmatch(guide, -1)
	if len(wires) < 19 {
		t.Errorf("%d wires, want at least 19", len(wires))
	}
	for _, m := range wires {
		pin, _ := strconv.Atoi(m[1])
		if want := header[pin-1]; strings.ReplaceAll(m[2], " ", "") != want {
			t.Errorf("%s, but pin %d is %s", m[0], pin, want)
		}
	}
	// What the signals are called on a Raspberry Pi.
	for line, signals := range map[string]string{"GPIO2": "SDA", "GPIO3": "SCL", "GPIO14": "TXD", "GPIO15": "RXD", "GPIO10": "MOSI", "GPIO9": "MISO", "GPIO11": "SCLK", "GPIO8": "CE0", "GPIO7": "CE1", "GPIO4": "1-Wire"} {
		if !regexp.MustCompile(line + `( is)? ` + signals).MatchString(guide) {
			t.Errorf("%s is not said to be %s", line, signals)
		}
	}
}

// TestConfigurationOfTheGuide reads what the guide has one write.
func TestConfigurationOfTheGuide(t *testing.T) {
	blocks := yamlBlocks(read(t, "../../deploy/raspberrypi/README.md"))
	if len(blocks) == 0 {
		t.Error("there is none")
	}
	for _, b := range blocks {
		if _, err := config.Parse("README.md", []byte(whole(b))); err != nil {
			t.Errorf("%s\n%v", b, err)
		}
	}
}
