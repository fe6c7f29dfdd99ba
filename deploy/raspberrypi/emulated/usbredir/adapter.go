package usbredir

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"gateway/sensors/bus/bustest"
)

// Requests of i2c-tiny-usb and what they answer, drivers/i2c/busses/i2c-tiny-usb.c.
const (
	getFunctions = 1
	getStatus    = 3
	transfer     = 4 // with bit 0: the first of a transaction, bit 1: the last

	messageRead = 1 // I2C_M_RD, in the value

	acknowledged    = 1
	notAcknowledged = 2

	// functions are I2C_FUNC_I2C and I2C_FUNC_SMBUS_EMUL of <linux/i2c.h>.
	functions = 0x0EFF0009
)

// Adapter is an I²C adapter on USB with the chips of a bus. Its methods may be
// called concurrently.
type Adapter struct {
	bus *bustest.Bus

	mu       sync.Mutex
	free     chan struct{} // while the bus is wedged: closed when it is no more
	slow     time.Duration
	nack     bool // the last message was not acknowledged
	messages int
	lines    map[*line]bool // connections on which the guest may see the adapter
}

// New returns an adapter for the chips of bus. Each message is a transaction of
// the bus: of a register that is read there are two.
func New(bus *bustest.Bus) *Adapter { return &Adapter{bus: bus, lines: make(map[*line]bool)} }

// Wedge is a bus whose data line is held low: no transfer ends any more, and
// the guest's kernel gives each up after its time, until Free.
func (a *Adapter) Wedge() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.free == nil {
		a.free = make(chan struct{})
	}
}

// Free ends what Wedge began.
func (a *Adapter) Free() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.free != nil {
		close(a.free)
		a.free = nil
	}
}

// Slow has every message take d longer, as a chip does that stretches the
// clock.
func (a *Adapter) Slow(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slow = d
}

// Unplug pulls the adapter out of its socket: the guest's kernel takes its bus
// and the devices on that away.
func (a *Adapter) Unplug() error {
	return a.each(func(l *line) error { return l.send(message{kind: deviceDisconnect}) })
}

// Plug puts it back.
func (a *Adapter) Plug() error { return a.each((*line).announce) }

// each calls f for each connection.
func (a *Adapter) each(f func(*line) error) error {
	a.mu.Lock()
	lines := slices.Collect(maps.Keys(a.lines))
	a.mu.Unlock()
	var all []error
	for _, l := range lines {
		all = append(all, f(l))
	}
	return errors.Join(all...)
}

// Messages returns how many I²C messages there were.
func (a *Adapter) Messages() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.messages
}

// Serve is the adapter on one connection of QEMU's, until that ends; its error
// is nil then. It does not close conn.
func (a *Adapter) Serve(conn io.ReadWriter) error {
	l := &line{adapter: a, conn: conn, given: make(map[uint64]chan struct{})}
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.lines, l)
	}()
	return l.serve()
}

// line is one connection.
type line struct {
	adapter *Adapter

	mu    sync.Mutex // for what follows
	conn  io.ReadWriter
	peer  uint32                   // what the other end can do
	wide  bool                     // identifiers have 64 bits
	given map[uint64]chan struct{} // transfers under way; closed when they are cancelled
}

// waiting is how many transfers may be under way; the driver has one.
const waiting = 16

// serve reads packets. Transfers are done by another goroutine, in their order,
// so that one that never ends can be cancelled.
func (l *line) serve() error {
	transfers := make(chan func() error, waiting)
	failed := make(chan error, 1)
	go func() {
		var first error
		for do := range transfers {
			if err := do(); err != nil && first == nil {
				first = err
			}
		}
		failed <- first
	}()
	err := l.read(bufio.NewReader(l.conn), transfers)
	close(transfers)
	l.cancelAll()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return errors.Join(err, <-failed)
}

func (l *line) read(r io.Reader, transfers chan<- func() error) error {
	if err := l.send(message{kind: hello, body: helloBody()}); err != nil {
		return err
	}
	for {
		l.mu.Lock()
		wide := l.wide
		l.mu.Unlock()
		m, err := readMessage(r, wide)
		if err != nil {
			return err
		}
		if m.kind == controlPacket {
			gone := l.begin(m.id)
			select {
			case transfers <- func() error { return l.control(m, gone) }:
			default:
				return fmt.Errorf("usbredir: more than %d transfers at once", waiting)
			}
			continue
		}
		if err := l.handle(m); err != nil {
			return err
		}
	}
}

// handle answers what is no transfer.
func (l *line) handle(m message) error {
	switch m.kind {
	case hello:
		peer := capabilities(m.body)
		l.mu.Lock()
		l.peer, l.wide = peer, peer&cap64BitIDs != 0
		l.mu.Unlock()
		l.adapter.mu.Lock()
		l.adapter.lines[l] = true
		l.adapter.mu.Unlock()
		return l.announce()
	case setConfiguration, getConfiguration:
		return l.send(message{configuration, m.id, []byte{success, 1}})
	case setAltSetting, getAltSetting:
		iface := byte(0)
		if len(m.body) > 0 {
			iface = m.body[0]
		}
		return l.send(message{altSetting, m.id, []byte{success, iface, 0}})
	case cancelDataPacket:
		l.cancel(m.id)
		return nil
	case reset, filterReject, filterFilter, deviceDisconnected:
		return nil
	}
	return fmt.Errorf("usbredir: packet of type %d, which no adapter needs", m.kind)
}

// announce tells the other end what is plugged in.
func (l *line) announce() error {
	l.mu.Lock()
	peer := l.peer
	l.mu.Unlock()
	return l.send(plugIn(peer)...)
}

// begin notes a transfer, and returns what is closed if it is cancelled.
func (l *line) begin(id uint64) chan struct{} {
	gone := make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.given[id] = gone
	return gone
}

func (l *line) cancel(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if gone := l.given[id]; gone != nil {
		close(gone)
		delete(l.given, id)
	}
}

func (l *line) cancelAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, gone := range l.given {
		close(gone)
		delete(l.given, id)
	}
}

// send writes packets in one piece.
func (l *line) send(all ...message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b []byte
	for _, m := range all {
		// Ours of hello is before anything was agreed upon.
		b = m.append(b, l.wide && m.kind != hello)
	}
	_, err := l.conn.Write(b)
	return err
}

// control does one transfer and answers it.
func (l *line) control(m message, gone <-chan struct{}) error {
	c, err := parseControl(m.body)
	if err != nil {
		return err
	}
	status, data := byte(success), []byte(nil)
	switch {
	case c.requestType == standardFromDevice && c.request == getDescriptor:
		if data = descriptor(c.value); data == nil {
			status = stall
		}
	case c.requestType&requestKind == vendorRequest:
		status, data = l.adapter.vendor(c, gone)
	default:
		status = stall
	}
	l.mu.Lock()
	delete(l.given, m.id)
	l.mu.Unlock()
	return l.send(message{controlPacket, m.id, c.answer(status, data)})
}

// vendor does what the driver asks of the adapter.
func (a *Adapter) vendor(c control, gone <-chan struct{}) (status byte, data []byte) {
	switch {
	case c.request == getFunctions:
		return success, binary.LittleEndian.AppendUint32(nil, functions)
	case c.request&^3 == transfer:
		if !a.wait(gone) {
			return cancelled, nil
		}
		return success, a.message(c)
	case c.request == getStatus:
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.nack {
			return success, []byte{notAcknowledged}
		}
		return success, []byte{acknowledged}
	}
	return success, nil // the delay of its clock, which has none
}

// wait waits as long as the bus makes a message wait; false if the guest has
// given it up.
func (a *Adapter) wait(gone <-chan struct{}) bool {
	a.mu.Lock()
	free, slow := a.free, a.slow
	a.mu.Unlock()
	if free != nil {
		select {
		case <-free:
		case <-gone:
			return false
		}
	}
	if slow > 0 {
		t := time.NewTimer(slow)
		defer t.Stop()
		select {
		case <-t.C:
		case <-gone:
			return false
		}
	}
	return true
}

// message is one I²C message; what was read is zeros if nobody answers.
func (a *Adapter) message(c control) []byte {
	var w, r []byte
	if c.value&messageRead != 0 {
		r = make([]byte, c.length)
	} else {
		w = c.data
	}
	err := a.bus.Tx(c.index, w, r)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.messages++
	a.nack = err != nil
	return r
}
