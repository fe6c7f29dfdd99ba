// Package modbus reads the registers of Modbus slaves: as a client, or master,
// with the function codes 1 to 4, over RTU on a serial port, over TCP, and
// over RTU frames on a TCP connection, which is what simple serial servers
// speak. It knows ports and frames, and no meter.
//
//	/dev/ttyUSB0            RTU, with the mode of the serial port
//	tcp://192.168.1.20      Modbus/TCP, port 502
//	rtu+tcp://moxa:4001     RTU behind a serial server
//
// # One slave's fault is its own
//
// Slaves share a port, and a slave that is silent, slow or disturbed costs
// the others its time and nothing else. What is left of a late answer is thrown
// away before the next request; a slave that was silent is left alone for as
// long again, in which its answer, should it still come, meets no question
// that it would fit; and over TCP an answer is known by its transaction.
//
// # Specifications
//
// MODBUS Application Protocol V1.1b3, MODBUS over Serial Line V1.02, MODBUS
// Messaging on TCP/IP Implementation Guide V1.0b.
package modbus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"gateway/sensors/bus"
)

// What is used where Options are silent.
const (
	defaultTimeout = time.Second
	defaultBaud    = 9600
)

const (
	dialTimeout = 3 * time.Second
	// A port that cannot be opened is not tried again for so long: every slave
	// on it would wait for that.
	openPause = 2 * time.Second
	// Over TCP a peer that was switched off is as silent as a slave that was.
	// After so many silences in a row the connection is made anew.
	maxSilences = 3
)

// Options are what a Client needs besides the name of its port.
type Options struct {
	Mode    bus.SerialMode // of a serial port; of RTU over TCP its Baud counts; 9600 Bd if there is none
	Timeout time.Duration  // until a slave begins its answer; 1 s if 0
	Pause   time.Duration  // of silence before a request; if 0 what RTU needs, and none over TCP

	OpenSerial func(name string, m bus.SerialMode) (bus.SerialPort, error)          // its errors name the port
	Dial       func(ctx context.Context, network, address string) (net.Conn, error) // nil is that of net.Dialer
}

// Client reads the slaves of one port. It opens the port when it is first
// needed, and again when it broke: an adapter that was unplugged, a server
// that hung up. It is used by one goroutine at a time, and implements
// [bus.ModbusClient] and [bus.ModbusTimer].
//
// A request waits with [bus.Wait] until the port may be used, and not while it
// is under way: another sensor of the port may ask meanwhile.
type Client struct {
	name    string
	at      address
	o       Options
	silence time.Duration // between two frames of RTU; 0 over TCP

	link    link      // nil while closed
	quiet   time.Time // since when nothing was sent or received
	timings map[byte]timing
	late    map[byte]time.Time // slaves that may still answer an earlier request, and until when

	opening time.Time // when opening last failed
	failure error     // and how
}

type timing struct{ answer, pause time.Duration }

var (
	_ bus.ModbusClient = (*Client)(nil)
	_ bus.ModbusTimer  = (*Client)(nil)
)

// New returns a client for the port called name, and opens nothing yet. Its
// error is about name.
func New(name string, o Options) (*Client, error) {
	at, err := parseAddress(name)
	if err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Mode.Baud <= 0 {
		o.Mode.Baud = defaultBaud
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	c := &Client{name: name, at: at, o: o, timings: make(map[byte]timing), late: make(map[byte]time.Time)}
	if at.rtu {
		c.silence = silence(o.Mode)
	}
	return c, nil
}

// SetTiming implements [bus.ModbusTimer].
func (c *Client) SetTiming(unit byte, answer, pause time.Duration) {
	c.timings[unit] = timing{answer, pause}
}

// Close gives the port back. A request after it opens the port again.
func (c *Client) Close() error {
	if c.link == nil {
		return nil
	}
	err := c.link.close()
	c.link = nil
	return err
}

// ReadRegisters implements [bus.ModbusClient]. Its error names slave, table and
// addresses. It wraps a [bus.ModbusException] if the slave refused, and is
// [os.ErrDeadlineExceeded] and [syscall.ETIMEDOUT] if the slave is silent.
func (c *Client) ReadRegisters(ctx context.Context, unit byte, table bus.ModbusTable, address, n uint16) ([]uint16, error) {
	r := request{unit, table, address, n}
	if table != bus.HoldingRegisters && table != bus.InputRegisters {
		return nil, fmt.Errorf("modbus table %d has no registers", table)
	}
	data, err := c.read(ctx, r, maxRegisters)
	if err != nil {
		return nil, err
	}
	return registers(data), nil
}

// ReadBits implements [bus.ModbusClient], with errors like those of
// ReadRegisters.
func (c *Client) ReadBits(ctx context.Context, unit byte, table bus.ModbusTable, address, n uint16) ([]bool, error) {
	r := request{unit, table, address, n}
	if table != bus.Coils && table != bus.DiscreteInputs {
		return nil, fmt.Errorf("modbus table %d has no bits", table)
	}
	data, err := c.read(ctx, r, maxBits)
	if err != nil {
		return nil, err
	}
	return bits(data, n), nil
}

// read returns the data of the answer to r.
func (c *Client) read(ctx context.Context, r request, most uint16) ([]byte, error) {
	err := r.valid(most, c.at.rtu)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", r, err)
	}
	data, err := c.transact(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", r, err)
	}
	return data, nil
}

// transact asks, and asks once more if the port turns out to be broken that
// was in use: servers hang up on those who were quiet for a minute.
func (c *Client) transact(ctx context.Context, r request) ([]byte, error) {
	for {
		l, err := c.ready(ctx, r.unit)
		if err != nil {
			return nil, err
		}
		used := l.state().answered
		data, err := l.exchange(ctx, r, c.timing(r.unit).answer)
		c.note(l, r.unit, err)
		if used && errors.As(err, new(*lostError)) && ctx.Err() == nil {
			continue // with a new one, which is not in use
		}
		return data, err
	}
}

// note keeps what an exchange with unit that ended with err says about l.
func (c *Client) note(l link, unit byte, err error) {
	c.quiet = time.Now()
	delete(c.late, unit)
	s := l.state()
	switch {
	case err == nil, errors.As(err, new(bus.ModbusException)):
		s.answered, s.silences = true, 0
	case errors.As(err, new(*lostError)):
		s.broken = true
	case errors.As(err, new(*silentError)):
		s.silences++
		s.broken = s.broken || c.at.network && s.silences >= maxSilences
		c.expectLate(unit)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		c.expectLate(unit)
	}
	if s.broken {
		c.Close()
	}
}

// expectLate leaves unit alone for a while. A frame of RTU says whose answer
// it is, but not to which question.
func (c *Client) expectLate(unit byte) {
	if c.at.rtu {
		c.late[unit] = c.quiet.Add(c.timing(unit).answer)
	}
}

// ready returns the open port once a request to unit may be sent.
func (c *Client) ready(ctx context.Context, unit byte) (link, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := c.open(ctx); err != nil {
			return nil, err
		}
		after := c.quiet.Add(max(c.silence, c.timing(unit).pause))
		if late := c.late[unit]; late.After(after) {
			after = late
		}
		wait := time.Until(after)
		if wait <= 0 {
			return c.link, nil
		}
		// Others use the port meanwhile, and may even close it.
		if err := bus.Wait(ctx, wait); err != nil {
			return nil, err
		}
	}
}

func (c *Client) timing(unit byte) timing {
	t := c.timings[unit]
	if t.answer <= 0 {
		t.answer = c.o.Timeout
	}
	if t.pause <= 0 {
		t.pause = c.o.Pause
	}
	return t
}

// open opens the port if it is closed.
func (c *Client) open(ctx context.Context) error {
	if c.link != nil {
		return nil
	}
	if c.failure != nil && time.Since(c.opening) < openPause {
		return c.failure
	}
	l, err := c.connect(ctx)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	c.link, c.failure, c.opening = l, err, time.Now()
	c.quiet = c.opening // nobody knows for how long
	return err
}

func (c *Client) connect(ctx context.Context) (link, error) {
	port, err := c.openPort(ctx)
	if err != nil {
		return nil, err
	}
	if !c.at.rtu {
		return &tcpLink{port: port}, nil
	}
	l := &rtuLink{port: port, char: character(c.o.Mode), gap: serialGap}
	if c.at.network {
		l.gap = networkGap
	}
	return l, nil
}

func (c *Client) openPort(ctx context.Context) (bus.SerialPort, error) {
	if !c.at.network {
		if c.o.OpenSerial == nil {
			return nil, fmt.Errorf("open %s: serial ports are not supported here: %w", c.name, errors.ErrUnsupported)
		}
		return c.o.OpenSerial(c.name, c.o.Mode)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := c.o.Dial(ctx, "tcp", c.at.host)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w; check that the device is on and Modbus enabled in it", c.name, err)
	}
	return &connPort{conn: conn}, nil
}

// link is an open port with its framing.
type link interface {
	// exchange sends r and returns the data of its answer, which the slave has
	// to begin within timeout. The data is good until the next exchange.
	exchange(ctx context.Context, r request, timeout time.Duration) ([]byte, error)
	state() *linkState
	close() error
}

// linkState is what every link keeps.
type linkState struct {
	answered bool // a slave has, so there was a way to it
	silences int  // in a row
	broken   bool // not to be used again
}

func (s *linkState) state() *linkState { return s }

// lostError is the error of a port that broke.
type lostError struct{ err error }

func (e *lostError) Error() string { return "connection lost: " + e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// silentError is the error of a slave that does not answer.
type silentError struct {
	after time.Duration
	hint  string
}

func (e *silentError) Error() string {
	return fmt.Sprintf("no answer within %v; %s", e.after, e.hint)
}

// Is tells it by every name that a timeout has.
func (e *silentError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == error(syscall.ETIMEDOUT) || target == bus.ErrSilent
}
