package bus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// gpioLine is a line that is open.
type gpioLine struct {
	name   string
	kernel kernel
	f      *os.File
}

// Close gives the line back. A Read of it returns.
func (l *gpioLine) Close() error { return l.explain(l.f.Close()) }

func (l *gpioLine) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, unix.ENODEV):
		return fmt.Errorf("GPIO line %s: its controller is gone: %w", l.name, err)
	}
	return fmt.Errorf("GPIO line %s: %w", l.name, err)
}

// values does a request about the line's value: bit 0.
func (l *gpioLine) values(request uint, bits uint64) (uint64, error) {
	v := unix.GPIOV2LineValues{Bits: bits, Mask: 1}
	err := l.kernel.ioctl(l.f, request, unsafe.Pointer(&v))
	return v.Bits & 1, l.explain(err)
}

// gpioOutput is a line that is driven.
type gpioOutput struct{ gpioLine }

// Set implements [Output].
func (o *gpioOutput) Set(high bool) error {
	bits := uint64(0)
	if high {
		bits = 1
	}
	_, err := o.values(unix.GPIO_V2_LINE_SET_VALUES_IOCTL, bits)
	return err
}

// gpioInput is a line that is read.
type gpioInput struct {
	gpioLine
	edges bool
	clock eventClock

	buf  [16 * eventSize]byte
	left []byte // of buf: events that were read and not returned
	last uint32 // number of the event before
}

// eventSize is that of struct gpio_v2_line_event.
const eventSize = 48

// High implements [Input].
func (in *gpioInput) High() (bool, error) {
	bits, err := in.values(unix.GPIO_V2_LINE_GET_VALUES_IOCTL, 0)
	return bits == 1, err
}

// Edge implements [Input].
func (in *gpioInput) Edge(ctx context.Context, timeout time.Duration) (Edge, error) {
	if !in.edges {
		return Edge{}, fmt.Errorf("GPIO line %s: it was opened without edges", in.name)
	}
	if err := ctx.Err(); err != nil {
		return Edge{}, err
	}
	if len(in.left) == 0 {
		n, err := readWithin(ctx, in.f, in.buf[:], timeout)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return Edge{}, ErrNoEdge
		case err != nil && ctx.Err() != nil:
			return Edge{}, ctx.Err()
		case err != nil:
			return Edge{}, in.explain(err)
		case n%eventSize != 0:
			return Edge{}, in.explain(fmt.Errorf("%d bytes of events, of %d each", n, eventSize))
		}
		in.left = in.buf[:n]
	}
	event := in.left[:eventSize]
	in.left = in.left[eventSize:]
	return in.edge(event), nil
}

// edge understands struct gpio_v2_line_event. Its numbers begin with 1. When
// there is no room for another, the kernel forgets the oldest.
func (in *gpioInput) edge(event []byte) Edge {
	number := binary.NativeEndian.Uint32(event[20:]) // line_seqno
	lost := number - in.last - 1
	in.last = number
	return Edge{
		Time: in.clock.time(int64(binary.NativeEndian.Uint64(event))), // timestamp_ns
		High: binary.NativeEndian.Uint32(event[8:]) == unix.GPIO_V2_LINE_EVENT_RISING_EDGE,
		Lost: lost,
	}
}

// eventClock relates the kernel's CLOCK_MONOTONIC to time.Now. One pair of
// both is enough for as long as a line is open, for Go's monotonic clock is
// the same; so the times between edges are exact.
type eventClock struct {
	now       time.Time
	monotonic int64 // ns, at now
}

// newEventClock takes the pair that was taken fastest of a few: between the
// two clocks something else may have run.
func newEventClock() eventClock {
	var best eventClock
	window := time.Hour
	for range 5 {
		var ts unix.Timespec
		before := time.Now()
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			continue // every Linux has it
		}
		if took := time.Since(before); took < window {
			window, best = took, eventClock{before.Add(took / 2), ts.Nano()}
		}
	}
	return best
}

// time returns the time of a moment of the kernel's clock. The time of day in
// it is that of the clock as it is set now, however it was then.
func (c eventClock) time(monotonic int64) time.Time {
	now := time.Now()
	return now.Add(time.Duration(monotonic-c.monotonic) - now.Sub(c.now))
}
