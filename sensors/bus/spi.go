package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/host/v3/sysfs"
)

// OpenSPI connects to the chip at a place on SPI, bus and chip select:
// "spi0.0", "/dev/spidev0.0" or "0.0". Its error says what to do about it.
func OpenSPI(name string, hz physic.Frequency, mode spi.Mode) (SPIConn, error) {
	place, err := parseSPI(name)
	if err != nil {
		return nil, err
	}
	// periph keeps only the text of an error, so what can be wrong with the
	// file is found out before.
	f, err := os.OpenFile(place.device(), os.O_RDWR, 0)
	if err != nil {
		return nil, explainSPI(place, err, SPIDevices(Root()))
	}
	f.Close()
	port, err := sysfs.NewSPI(place.bus, place.chip)
	if err != nil {
		return nil, fmt.Errorf("SPI %s: %w", place, err)
	}
	conn, err := port.Connect(hz, mode, 8)
	if err != nil {
		port.Close()
		return nil, fmt.Errorf("SPI %s: connect with %s, %v: %w", place, hz, mode, err)
	}
	return &spiConn{place: place, conn: conn, port: port}, nil
}

// SPIDevices returns the places on SPI that there are: "spi0.0", "spi0.1".
func SPIDevices(root fs.FS) []string {
	devices, _ := fs.Glob(root, "dev/spidev*") // it fails on a bad pattern only
	var places []spiPlace
	for _, d := range devices {
		if p, err := parseSPI("/" + d); err == nil {
			places = append(places, p)
		}
	}
	slices.SortFunc(places, func(a, b spiPlace) int {
		if a.bus != b.bus {
			return a.bus - b.bus
		}
		return a.chip - b.chip
	})
	var names []string
	for _, p := range places {
		names = append(names, p.String())
	}
	return names
}

// spiPlace is a place on SPI.
type spiPlace struct{ bus, chip int }

func (p spiPlace) String() string { return fmt.Sprintf("spi%d.%d", p.bus, p.chip) }
func (p spiPlace) device() string { return fmt.Sprintf("/dev/spidev%d.%d", p.bus, p.chip) }

func parseSPI(name string) (spiPlace, error) {
	bare := strings.TrimPrefix(name, "spi")
	if device, ok := strings.CutPrefix(name, "/dev/spidev"); ok {
		bare = device
	}
	bus, chip, ok := strings.Cut(bare, ".")
	b, busErr := strconv.ParseUint(bus, 10, 16)
	c, chipErr := strconv.ParseUint(chip, 10, 8)
	p := spiPlace{int(b), int(c)}
	if !ok || busErr != nil || chipErr != nil || "spi"+bare != p.String() {
		return p, fmt.Errorf("SPI %q: not the name of a place; one looks like spi0.0", name)
	}
	return p, nil
}

// explainSPI says what to do about err, which opening a place gave on a
// machine with those.
func explainSPI(place spiPlace, err error, there []string) error {
	hint := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "this machine has no SPI"
		if len(there) > 0 {
			hint = "this machine has " + strings.Join(there, ", ")
		}
		hint += "; on a Raspberry Pi, turn SPI on with: sudo raspi-config nonint do_spi 0"
	case errors.Is(err, fs.ErrPermission):
		hint = "this user may not use it; run: sudo usermod -aG spi $USER, and log in again"
	default:
		return fmt.Errorf("SPI %s: %w", place, err)
	}
	return fmt.Errorf("SPI %s: %w (%s)", place, err, hint)
}

// spiConn is a chip behind spidev.
type spiConn struct {
	place spiPlace
	conn  spi.Conn
	port  spi.PortCloser
}

// Tx implements [SPIConn]. The kernel takes 4096 bytes, if it was not told
// otherwise.
func (c *spiConn) Tx(w, r []byte) error {
	if len(w) != len(r) || len(w) == 0 {
		return fmt.Errorf("SPI %s: %d bytes to write and %d to read", c.place, len(w), len(r))
	}
	if err := c.conn.Tx(w, r); err != nil {
		return fmt.Errorf("SPI %s: %w", c.place, err)
	}
	return nil
}

// Close implements [SPIConn].
func (c *spiConn) Close() error {
	if err := c.port.Close(); err != nil {
		return fmt.Errorf("SPI %s: %w", c.place, err)
	}
	return nil
}
