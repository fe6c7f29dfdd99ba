package bustest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gateway/sensors/bus"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// SPI is a chip on SPI, in memory. It may be used concurrently.
type SPI struct {
	mu     sync.Mutex
	chip   func(w, r []byte) error
	faults []Fault
	log    []Tx
	open   int
	hz     physic.Frequency
	mode   spi.Mode
}

// NewSPI returns a chip on SPI. It is selected, gets w, and fills r, which has
// the same length and is all zeros; it keeps neither. With a nil chip nothing
// is wired: everything reads as 0xFF.
func NewSPI(chip func(w, r []byte) error) *SPI {
	if chip == nil {
		chip = func(w, r []byte) error {
			for i := range r {
				r[i] = 0xFF
			}
			return nil
		}
	}
	return &SPI{chip: chip}
}

// Open connects to the chip. It is a Slot's OpenSPI.
func (s *SPI) Open(hz physic.Frequency, mode spi.Mode) (bus.SPIConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if hz < 100*physic.Hertz || hz > physic.GigaHertz {
		return nil, fmt.Errorf("fake SPI: %s is no speed", hz)
	}
	s.open, s.hz, s.mode = s.open+1, hz, mode
	return &spiConn{s: s}, nil
}

// Opened returns what the chip was connected with last.
func (s *SPI) Opened() (hz physic.Frequency, mode spi.Mode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hz, s.mode
}

// OpenConns returns how many connections were not closed: 0 if a driver cleans
// up.
func (s *SPI) OpenConns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// Inject adds faults to those there are.
func (s *SPI) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Heal removes all faults.
func (s *SPI) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Log returns the transfers since NewSPI or Reset.
func (s *SPI) Log() []Tx {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Reset forgets the transfers; the next is number 0 again.
func (s *SPI) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// transfer carries out tx, notes it, and returns what it read.
func (s *SPI) transfer(w []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx := Tx{N: len(s.log), Time: time.Now(), W: slices.Clone(w), R: make([]byte, len(w))}
	spoil, err := faultsOf(s.faults, tx)
	if err == nil {
		err = s.chip(tx.W, tx.R)
	}
	if err == nil {
		spoilAll(spoil, tx.R)
	}
	tx.Err = err
	s.log = append(s.log, tx)
	return tx.R, err
}

// spiConn is a connection to the chip.
type spiConn struct {
	s      *SPI
	closed bool
}

var errSPIClosed = errors.New("fake SPI: closed")

// Tx implements [bus.SPIConn]. On error nothing is read.
func (c *spiConn) Tx(w, r []byte) error {
	if len(w) != len(r) || len(w) == 0 {
		return fmt.Errorf("fake SPI: %d bytes to write and %d to read", len(w), len(r))
	}
	c.s.mu.Lock()
	closed := c.closed
	c.s.mu.Unlock()
	if closed {
		return errSPIClosed
	}
	read, err := c.s.transfer(w)
	if err != nil {
		return err
	}
	copy(r, read)
	return nil
}

// Close implements [bus.SPIConn].
func (c *spiConn) Close() error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.closed {
		return errSPIClosed
	}
	c.closed = true
	c.s.open--
	return nil
}
