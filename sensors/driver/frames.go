package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gateway/sensors/bus"
)

// What sensors on a serial port have in common: frames with a checksum in a
// stream that may begin in the middle of one, and holds whatever a loose plug
// adds.

// cutter finds the first frame of what was received. It returns n, the number
// of bytes at the beginning of b that are dealt with: a frame, which is part
// of b then, or garbage, for which frame is nil and why may say what was wrong
// with it. n is 0 if more has to come.
type cutter func(b []byte) (frame []byte, n int, why error)

// frames reads the frames of a port. Its errors say what was received, and
// what to look at.
type frames struct {
	port bus.SerialPort
	cut  cutter
	hint string // what to check when nothing comes

	buf []byte // received and not yet dealt with
	at  time.Time
}

const (
	// How long a Read lasts at most, so that the end of a context is noticed.
	framesRead = 100 * time.Millisecond
	// What is kept of a stream in which no frame is found.
	framesMost = 16 << 10
)

// serial9600 is what most sensors speak.
var serial9600 = bus.SerialMode{Baud: 9600, DataBits: 8, Parity: "none", StopBits: 1}

// openFrames opens the port of the slot.
func openFrames(slot *bus.Slot, mode bus.SerialMode, cut cutter, hint string) (*frames, error) {
	port, err := slot.OpenSerial(mode)
	if err != nil {
		return nil, err // names the port
	}
	return &frames{port: port, cut: cut, hint: hint}, nil
}

// Close closes the port.
func (f *frames) Close() error { return f.port.Close() }

// fresh forgets what was received until now: it was measured some time ago.
func (f *frames) fresh() error {
	f.buf = nil
	if err := f.port.Discard(); err != nil {
		return fmt.Errorf("discard what was received: %w", err)
	}
	return nil
}

// send writes a command.
func (f *frames) send(b []byte) error {
	if _, err := f.port.Write(b); err != nil {
		return fmt.Errorf("send % X: %w", b, err)
	}
	return nil
}

// next returns the next frame, which is the caller's, and notes when it came.
// If none comes within timeout the error wraps [bus.ErrSilent].
func (f *frames) next(ctx context.Context, timeout time.Duration) ([]byte, error) {
	var why error // the last frame was refused
	received := 0
	chunk := make([]byte, 1024)
	for end := time.Now().Add(timeout); ; {
		frame, err := f.take()
		if frame != nil {
			f.at = time.Now()
			return frame, nil
		}
		if err != nil {
			why = err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		left := time.Until(end)
		if left <= 0 {
			return nil, f.silence(timeout, received, why)
		}
		if err := f.port.SetReadTimeout(min(left, framesRead)); err != nil {
			return nil, fmt.Errorf("set the time to wait for the port: %w", err)
		}
		n, err := f.port.Read(chunk)
		received += n
		f.buf = append(f.buf, chunk[:n]...)
		if err != nil && !errors.Is(err, bus.ErrSilent) {
			return nil, fmt.Errorf("receive: %w", err)
		}
	}
}

// take returns the first frame of what was received, a copy, or what was wrong
// with the last that was none.
func (f *frames) take() (frame []byte, why error) {
	for len(f.buf) > 0 {
		frame, n, err := f.cut(f.buf)
		if err != nil {
			why = err
		}
		if n == 0 {
			break
		}
		frame = append([]byte(nil), frame...)
		f.buf = f.buf[n:]
		if len(frame) > 0 {
			return frame, nil
		}
	}
	if len(f.buf) > framesMost {
		f.buf = nil
	}
	return nil, why
}

// silence is the error about no frame within timeout.
func (f *frames) silence(timeout time.Duration, received int, why error) error {
	switch {
	case received == 0:
		return &silentError{fmt.Sprintf("nothing received in %v: %s", timeout, f.hint)}
	case why != nil:
		return &silentError{fmt.Sprintf("%d bytes received in %v and nothing valid: %v", received, timeout, why)}
	}
	return &silentError{fmt.Sprintf("%d bytes received in %v and nothing valid: check the baud rate, and that this is the right sensor", received, timeout)}
}

// silentError is an error that is [bus.ErrSilent] in better words.
type silentError struct{ text string }

func (e *silentError) Error() string { return e.text }

func (e *silentError) Unwrap() error { return bus.ErrSilent }
