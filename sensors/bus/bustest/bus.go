// Package bustest has fakes of buses for tests: a [Bus] holding chips that
// behave as their datasheets say, and faults to spoil its transactions with.
//
//	chip := bustest.NewSHT4x()
//	b := bustest.New(map[uint16]bustest.Chip{0x44: chip})
//	b.Inject(bustest.NACK(bustest.Nth(2)))
//	slot := &bus.Slot{I2C: b, Addr: 0x44}
//
// The other kinds of bus:
//
//	[SPI]     one chip, which is a function   slot.OpenSPI = s.Open
//	[Lines]   GPIO lines that a test drives   slot.Lines = l
//	[Serial]  a port and what is attached     slot.OpenSerial = p.Open
//	[Feed]    messages of the topic tree      slot.Subscribe = f.Subscribe
//	[State]   what outlives a restart         slot.State = &st
//	[PTY]     a serial port of the kernel's, for what opens a device
//
// [SPI] and [Serial] take the same faults as [Bus]; a read of a port is a
// transaction of theirs.
//
// Chips take their time with time.Now, and what is to come is a list and not a
// goroutine, so inside testing/synctest's bubble a conversion costs nothing
// and a driver that reads too early is found out.
//
// A [Chip] sees messages and not transactions: what the kernel passes to a
// device behind i2c-dev, so the same chips can be put behind a bus of the
// kernel.
package bustest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// ErrNACK is what a Chip returns to leave a message unacknowledged. It is the
// kernel's error for it.
var ErrNACK error = syscall.ENXIO

// Chip is a chip on the bus. Its methods are called by one goroutine at a
// time.
type Chip interface {
	// Write takes one message, of at least one byte, from start to stop or
	// repeated start. It does not keep p.
	Write(p []byte) error
	// Read fills p. A message may be read in several pieces: a Read that
	// follows another without a Write goes on where that ended.
	Read(p []byte) error
}

// Tx is a transaction as it happened.
type Tx struct {
	N    int       // 0 for the first since New or Reset
	Time time.Time // when it began
	Addr uint16    // 0 on buses without addresses
	W    []byte    // what was written
	R    []byte    // what was read, spoiled or not; zeros before it happened
	Err  error
}

// String returns the transaction as "3: 76 W F7 R 80 00 00".
func (tx Tx) String() string {
	s := fmt.Sprintf("%d:", tx.N)
	if tx.Addr != 0 {
		s += fmt.Sprintf(" %02X", tx.Addr)
	}
	if len(tx.W) > 0 {
		s += fmt.Sprintf(" W % 02X", tx.W)
	}
	if len(tx.R) > 0 {
		s += fmt.Sprintf(" R % 02X", tx.R)
	}
	if tx.Err != nil {
		s += ": " + tx.Err.Error()
	}
	return s
}

// Bus is an I²C bus in memory. It may be used concurrently.
type Bus struct {
	mu     sync.Mutex
	chips  map[uint16]Chip
	faults []Fault
	log    []Tx
	closed bool
}

var _ i2c.BusCloser = (*Bus)(nil)

// New returns a bus with chips by address. The map stays the caller's.
func New(chips map[uint16]Chip) *Bus {
	b := &Bus{chips: make(map[uint16]Chip)}
	for addr, c := range chips {
		b.chips[addr] = c
	}
	return b
}

// Plug puts a chip on the bus, in place of the one with that address.
func (b *Bus) Plug(addr uint16, c Chip) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chips[addr] = c
}

// Unplug takes the chip with that address off the bus.
func (b *Bus) Unplug(addr uint16) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.chips, addr)
}

// Inject adds faults to those there are.
func (b *Bus) Inject(faults ...Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, faults...)
}

// Heal removes all faults.
func (b *Bus) Heal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = nil
}

// Between calls f between two transactions: it may change chips that somebody
// is reading meanwhile.
func (b *Bus) Between(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// Log returns the transactions since New or Reset.
func (b *Bus) Log() []Tx {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.log)
}

// Count returns the number of transactions since New or Reset.
func (b *Bus) Count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.log)
}

// Reset forgets the transactions; the next is number 0 again. Chips and
// faults stay.
func (b *Bus) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log = nil
}

// String implements [i2c.Bus].
func (b *Bus) String() string { return "fake I²C bus" }

// SetSpeed implements [i2c.Bus]. A fake has no speed.
func (b *Bus) SetSpeed(physic.Frequency) error { return nil }

// Close implements [i2c.BusCloser].
func (b *Bus) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return errClosed
	}
	b.closed = true
	return nil
}

var errClosed = errors.New("fake I²C bus: closed")

// Tx implements [i2c.Bus]: it writes w and reads r in one transaction, unless
// a fault prevents it.
func (b *Bus) Tx(addr uint16, w, r []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	tx := Tx{N: len(b.log), Time: time.Now(), Addr: addr, W: slices.Clone(w), R: make([]byte, len(r))}
	tx.Err = b.txLocked(tx)
	if tx.Err == nil {
		copy(r, tx.R)
	}
	b.log = append(b.log, tx)
	return tx.Err
}

// txLocked carries out tx and fills tx.R.
func (b *Bus) txLocked(tx Tx) error {
	if b.closed {
		return errClosed
	}
	spoil, err := faultsOf(b.faults, tx)
	if err != nil {
		return err
	}
	chip := b.chips[tx.Addr]
	if chip == nil {
		return fmt.Errorf("no chip at address %#02x: %w", tx.Addr, ErrNACK)
	}
	if len(tx.W) > 0 {
		if err := chip.Write(tx.W); err != nil {
			return fmt.Errorf("write % 02X to address %#02x: %w", tx.W, tx.Addr, err)
		}
	}
	if len(tx.R) > 0 {
		if err := chip.Read(tx.R); err != nil {
			return fmt.Errorf("read %d bytes from address %#02x: %w", len(tx.R), tx.Addr, err)
		}
	}
	spoilAll(spoil, tx.R)
	return nil
}
