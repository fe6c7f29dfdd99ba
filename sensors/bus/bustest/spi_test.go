package bustest

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"gateway/sensors/bus"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

func TestSPI(t *testing.T) {
	s := NewSPI(func(w, r []byte) error {
		if w[0] == 0xEE {
			return syscall.EIO
		}
		for i := range r {
			r[i] = w[i] + 1
		}
		return nil
	})
	slot := bus.Slot{OpenSPI: s.Open}
	c, err := slot.OpenSPI(4*physic.MegaHertz, spi.Mode1)
	if err != nil {
		t.Fatal(err)
	}
	if hz, mode := s.Opened(); hz != 4*physic.MegaHertz || mode != spi.Mode1 || s.OpenConns() != 1 {
		t.Errorf("opened with %s, %v; %d connections", hz, mode, s.OpenConns())
	}
	s.Inject(Fill(Nth(1), 0xFF), Flip(Wrote(0x0F), 8), NACK(Nth(3)))
	for _, tt := range []struct {
		w, want []byte // nil for an error
	}{
		{[]byte{1, 2}, []byte{2, 3}},
		{[]byte{1, 2}, []byte{0xFF, 0xFF}},
		{[]byte{0x0F, 2}, []byte{0x10, 0x83}},
		{[]byte{1, 2}, nil},
		{[]byte{0xEE}, nil},
	} {
		r := bytes.Repeat([]byte{0x55}, len(tt.w))
		err := c.Tx(tt.w, r)
		if tt.want == nil {
			tt.want = bytes.Repeat([]byte{0x55}, len(tt.w))
			if err == nil {
				t.Errorf("% X: no error", tt.w)
			}
		} else if err != nil {
			t.Error(err)
		}
		if !bytes.Equal(r, tt.want) {
			t.Errorf("% X: read % X, want % X", tt.w, r, tt.want)
		}
	}
	if log := s.Log(); len(log) != 5 || log[0].String() != "0: W 01 02 R 02 03" || !errors.Is(log[4].Err, syscall.EIO) {
		t.Errorf("log %v", log)
	}
	if c.Tx([]byte{1}, nil) == nil || c.Tx(nil, nil) == nil || len(s.Log()) != 5 {
		t.Error("a transfer of unequal or no lengths works")
	}
	s.Heal()
	s.Reset()
	if err := c.Tx([]byte{1}, make([]byte, 1)); err != nil || s.Log()[0].N != 0 {
		t.Errorf("healed: %v, %v", err, s.Log())
	}
	if err := c.Close(); err != nil || s.OpenConns() != 0 {
		t.Errorf("Close: %v, and %d connections are open", err, s.OpenConns())
	}
	if c.Close() == nil || c.Tx([]byte{1}, make([]byte, 1)) == nil {
		t.Error("a closed connection works")
	}
	if _, err := s.Open(0, spi.Mode0); err == nil {
		t.Error("0 Hz is a speed")
	}

	r := make([]byte, 2)
	if nobody, _ := NewSPI(nil).Open(physic.MegaHertz, 0); nobody.Tx(r, r) != nil || !bytes.Equal(r, []byte{0xFF, 0xFF}) {
		t.Errorf("with nothing wired: % X", r)
	}
}
