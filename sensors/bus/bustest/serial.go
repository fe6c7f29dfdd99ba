package bustest

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"syscall"
	"time"

	"gateway/sensors/bus"
)

// Serial is a serial port in memory, with the device that is attached to it:
// what it says by itself is scripted with Send, and OnWrite reacts to what it
// is told. It may be used concurrently.
//
//	p := bustest.NewSerial()
//	p.Send(time.Second, 0xFF, 0x18)             // arrives in a second
//	p.OnWrite(func(w []byte) { p.Send(50*time.Millisecond, answer(w)...) })
//	p.Inject(bustest.Flip(bustest.Nth(2), 3))   // in the third Read
type Serial struct {
	mu      sync.Mutex
	changed chan struct{} // closed at the next change; a new one then
	onWrite func(p []byte)
	faults  []Fault
	broken  error
	maxRead int

	open    *serialPort // nil if nobody has it open
	opens   int
	mode    bus.SerialMode
	coming  []piece // in the order in which they arrive
	got     []byte  // and not yet read
	written []byte
	fresh   []byte // written since the last Read that returned something
	log     []Tx
}

// NewSerial returns a port to which a silent device is attached.
func NewSerial() *Serial { return &Serial{changed: make(chan struct{})} }

// Open opens the port. It is a Slot's OpenSerial. What had arrived before is
// lost, as on a port of the kernel.
func (s *Serial) Open(m bus.SerialMode) (bus.SerialPort, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return nil, fmt.Errorf("open fake serial port: %w", s.broken)
	}
	if s.open != nil {
		return nil, fmt.Errorf("open fake serial port: it is open already: %w", syscall.EBUSY)
	}
	s.arriveLocked()
	s.got, s.fresh = nil, nil
	s.mode, s.opens = m, s.opens+1
	s.open = &serialPort{s: s, timeout: time.Second}
	return s.open, nil
}

// Send has the device send p, which arrives as a whole in after from now.
func (s *Serial) Send(after time.Duration, p ...byte) {
	s.change(func() {
		s.coming = append(s.coming, piece{time.Now().Add(after), slices.Clone(p)})
		slices.SortStableFunc(s.coming, func(a, b piece) int { return a.at.Compare(b.at) })
	})
}

// OnWrite sets what the device does about what is written to it, a Write at a
// time. It may call Send, and keeps nothing of p.
func (s *Serial) OnWrite(do func(p []byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onWrite = do
}

// SplitReads makes a Read return n bytes at most; 0 lifts that.
func (s *Serial) SplitReads(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxRead = n
}

// Unplug takes the adapter out: all there was to read is gone, and everything
// fails until Plug.
func (s *Serial) Unplug() {
	s.change(func() {
		s.broken, s.coming, s.got = fmt.Errorf("the fake serial port is unplugged: %w", syscall.EIO), nil, nil
	})
}

// Plug puts the adapter in again. A port that was open while it was out stays
// of no use: it has to be closed and opened.
func (s *Serial) Plug() {
	s.change(func() {
		if s.open != nil {
			s.open.broken = s.broken
		}
		s.broken = nil
	})
}

// Inject adds faults to those there are. Their transactions are the Reads that
// have something to return: Tx.W is what was written before.
func (s *Serial) Inject(faults ...Fault) {
	s.change(func() { s.faults = append(s.faults, faults...) })
}

// Heal removes all faults.
func (s *Serial) Heal() { s.change(func() { s.faults = nil }) }

// Written returns all that was written.
func (s *Serial) Written() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.written)
}

// Log returns the Reads that returned something.
func (s *Serial) Log() []Tx {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Opened returns how the port was opened last, how often it was, and whether
// it is open.
func (s *Serial) Opened() (m bus.SerialMode, times int, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mode, s.opens, s.open != nil
}

func (s *Serial) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	close(s.changed)
	s.changed = make(chan struct{})
}

// arriveLocked moves to got what has arrived.
func (s *Serial) arriveLocked() {
	now := time.Now()
	for len(s.coming) > 0 && !s.coming[0].at.After(now) {
		s.got = append(s.got, s.coming[0].b...)
		s.coming = s.coming[1:]
	}
}

// serialPort is an open port.
type serialPort struct {
	s       *Serial
	timeout time.Duration
	closed  bool
	broken  error // it was unplugged while open
}

var _ bus.SerialPort = (*serialPort)(nil)

func (p *serialPort) errLocked() error {
	switch {
	case p.closed:
		return fmt.Errorf("fake serial port: %w", fs.ErrClosed)
	case p.broken != nil:
		return p.broken
	}
	return p.s.broken
}

// Read implements [bus.SerialPort].
func (p *serialPort) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, errors.New("fake serial port: read of 0 bytes")
	}
	p.s.mu.Lock()
	end := time.Now().Add(p.timeout)
	for {
		n, err := p.takeLocked(b)
		if n > 0 || err != nil {
			p.s.mu.Unlock()
			return n, err
		}
		next, changed := end, p.s.changed
		if len(p.s.coming) > 0 && p.s.coming[0].at.Before(end) {
			next = p.s.coming[0].at
		}
		p.s.mu.Unlock()
		if !time.Now().Before(end) {
			return 0, bus.ErrSilent
		}
		t := time.NewTimer(time.Until(next))
		select {
		case <-t.C:
		case <-changed:
		}
		t.Stop()
		p.s.mu.Lock()
	}
}

// takeLocked is a Read that does not wait: 0 if there is nothing.
func (p *serialPort) takeLocked(b []byte) (int, error) {
	if err := p.errLocked(); err != nil {
		return 0, err
	}
	p.s.arriveLocked()
	n := min(len(b), len(p.s.got))
	if p.s.maxRead > 0 {
		n = min(n, p.s.maxRead)
	}
	if n == 0 {
		return 0, nil
	}
	tx := Tx{N: len(p.s.log), Time: time.Now(), W: p.s.fresh, R: make([]byte, n)}
	spoil, err := faultsOf(p.s.faults, tx)
	if err == nil {
		copy(tx.R, p.s.got)
		p.s.got = p.s.got[n:]
		spoilAll(spoil, tx.R)
	}
	tx.Err = err
	p.s.log, p.s.fresh = append(p.s.log, tx), nil
	if err != nil {
		return 0, err
	}
	return copy(b, tx.R), nil
}

// Write implements [bus.SerialPort].
func (p *serialPort) Write(b []byte) (int, error) {
	p.s.mu.Lock()
	if err := p.errLocked(); err != nil {
		p.s.mu.Unlock()
		return 0, err
	}
	p.s.written = append(p.s.written, b...)
	p.s.fresh = append(slices.Clone(p.s.fresh), b...)
	react := p.s.onWrite
	p.s.mu.Unlock()
	if react != nil {
		react(slices.Clone(b))
	}
	return len(b), nil
}

// SetReadTimeout implements [bus.SerialPort].
func (p *serialPort) SetReadTimeout(d time.Duration) error {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.timeout = d
	return p.errLocked()
}

// Discard implements [bus.SerialPort].
func (p *serialPort) Discard() error {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.s.arriveLocked()
	p.s.got = nil
	return p.errLocked()
}

// Close implements [bus.SerialPort]. A Read that waits returns.
func (p *serialPort) Close() error {
	var err error
	p.s.change(func() {
		if p.closed {
			err = fmt.Errorf("fake serial port: %w", fs.ErrClosed)
			return
		}
		p.closed = true
		p.s.open = nil
	})
	return err
}
