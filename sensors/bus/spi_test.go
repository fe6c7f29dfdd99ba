package bus

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

func TestParseSPI(t *testing.T) {
	for name, want := range map[string]string{
		"spi0.0": "spi0.0", "/dev/spidev0.1": "spi0.1", "10.2": "spi10.2", "spi1.255": "spi1.255",
		"": "", "spi": "", "spi0": "", "spi0.": "", "spi.0": "", "spi0.256": "", "spi65536.0": "", "spi00.0": "", "spi0.0.0": "",
		"spi-1.0": "", "spi0.+1": "", "/dev/spi0.0": "", "spidev0.0": "", "i2c-1": "",
	} {
		got, err := parseSPI(name)
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), `"`+name+`"`) || !strings.Contains(err.Error(), "spi0.0") {
				t.Errorf("parseSPI(%q) = %v, %v, want an error", name, got, err)
			}
		} else if err != nil || got.String() != want || "/dev/spidev"+strings.TrimPrefix(want, "spi") != got.device() {
			t.Errorf("parseSPI(%q) = %v, %v, want %s", name, got, err, want)
		}
	}
}

func FuzzParseSPI(f *testing.F) {
	f.Add("spi0.0")
	f.Add("/dev/spidev10.1")
	f.Fuzz(func(t *testing.T, name string) {
		p, err := parseSPI(name)
		if err != nil {
			return
		}
		if again, err := parseSPI(p.device()); again != p || err != nil {
			t.Errorf("%q is %v, and %s is %v, %v", name, p, p.device(), again, err)
		}
	})
}

func TestSPIDevices(t *testing.T) {
	root := fstest.MapFS{"dev/spidev10.0": {}, "dev/spidev0.1": {}, "dev/spidev0.0": {}, "dev/spidevX": {}, "dev/null": {}}
	if got := SPIDevices(root); !slices.Equal(got, []string{"spi0.0", "spi0.1", "spi10.0"}) {
		t.Errorf("SPIDevices = %v", got)
	}
	if got := SPIDevices(fstest.MapFS{}); len(got) != 0 {
		t.Errorf("SPIDevices of nothing = %v", got)
	}
}

func TestExplainSPI(t *testing.T) {
	for _, tt := range []struct {
		err   error
		there []string
		says  []string
	}{
		{syscall.ENOENT, nil, []string{"SPI spi0.1", "no SPI", "sudo raspi-config nonint do_spi 0"}},
		{syscall.ENOENT, []string{"spi0.0"}, []string{"this machine has spi0.0;", "do_spi 0"}},
		{syscall.EACCES, nil, []string{"sudo usermod -aG spi $USER", "log in again"}},
		{syscall.EMFILE, nil, []string{"SPI spi0.1: too many"}},
	} {
		err := explainSPI(spiPlace{0, 1}, tt.err, tt.there)
		if !errors.Is(err, tt.err) {
			t.Errorf("%v does not wrap %v", err, tt.err)
		}
		for _, s := range tt.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%q does not say %q", err, s)
			}
		}
	}
}

func TestOpenSPIThatIsNotThere(t *testing.T) {
	for name, says := range map[string]string{"spi65535.255": "do_spi 0", "usb": `"usb"`} {
		c, err := OpenSPI(name, physic.MegaHertz, spi.Mode0)
		if c != nil || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("OpenSPI(%q) = %v, %v, want %q", name, c, err, says)
		}
	}
	if _, err := OpenSPI("spi65535.255", physic.MegaHertz, spi.Mode0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not about what does not exist", err)
	}
}

// loop is a port of periph's whose chip echoes.
type loop struct {
	err    error
	closed bool
}

func (l *loop) String() string                                            { return "loop" }
func (l *loop) Duplex() conn.Duplex                                       { return conn.Full }
func (l *loop) TxPackets([]spi.Packet) error                              { return l.err }
func (l *loop) LimitSpeed(physic.Frequency) error                         { return l.err }
func (l *loop) Connect(physic.Frequency, spi.Mode, int) (spi.Conn, error) { return l, l.err }
func (l *loop) Close() error                                              { l.closed = true; return l.err }
func (l *loop) Tx(w, r []byte) error                                      { copy(r, w); return l.err }

func TestSPIConn(t *testing.T) {
	l := &loop{}
	c := &spiConn{place: spiPlace{0, 0}, conn: l, port: l}
	r := make([]byte, 2)
	if err := c.Tx([]byte{1, 2}, r); err != nil || r[1] != 2 {
		t.Errorf("% X, %v", r, err)
	}
	for _, lengths := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {2, 1}} {
		if err := c.Tx(make([]byte, lengths[0]), make([]byte, lengths[1])); err == nil || !strings.Contains(err.Error(), "spi0.0") {
			t.Errorf("%v bytes: %v", lengths, err)
		}
	}
	l.err = syscall.EIO
	for what, err := range map[string]error{"Tx": c.Tx(r, r), "Close": c.Close()} {
		if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "spi0.0") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if !l.closed {
		t.Error("Close leaves it open")
	}
}
