package modbus

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"gateway/sensors/bus"
)

// The gaps inside a frame after which no more of it comes. On the line they
// are one and a half characters; a USB adapter hands over what it has every
// 16 ms, and a network loses packets.
const (
	serialGap  = 100 * time.Millisecond
	networkGap = 500 * time.Millisecond
)

// settleGap is the silence at which a disturbed line has come to rest, and
// settleTime when that is no longer waited for.
const (
	settleGap  = 20 * time.Millisecond
	settleTime = time.Second
)

// maxFrame is the longest frame. MODBUS over Serial Line, section 2.5.1.
const maxFrame = 256

// character returns what one takes on the line: start bit, data, parity, stop
// bits.
func character(m bus.SerialMode) time.Duration {
	n := 1 + 8 + 1
	if m.DataBits > 0 {
		n += m.DataBits - 8
	}
	if m.Parity != "" && m.Parity != "none" {
		n++
	}
	if m.StopBits == 2 {
		n++
	}
	return time.Duration(n) * time.Second / time.Duration(max(m.Baud, 1))
}

// silence returns the time between two frames: 3.5 characters, and 1.75 ms
// above 19200 Bd, for interrupts would come too often. MODBUS over Serial
// Line, section 2.5.1.1.
func silence(m bus.SerialMode) time.Duration {
	if m.Baud > 19200 {
		return 1750 * time.Microsecond
	}
	return character(m) * 7 / 2
}

// rtuLink speaks RTU.
type rtuLink struct {
	linkState
	port bus.SerialPort
	char time.Duration // of one character
	gap  time.Duration
}

func (l *rtuLink) close() error { return l.port.Close() }

func (l *rtuLink) exchange(ctx context.Context, r request, timeout time.Duration) ([]byte, error) {
	if err := l.port.Discard(); err != nil {
		return nil, &lostError{err}
	}
	frame := rtuFrame(r)
	if err := send(l.port, frame); err != nil {
		return nil, err
	}
	data, err := l.answer(ctx, rtuScan{r: r, sent: frame}, timeout)
	if errors.As(err, new(*refusedError)) {
		l.settle(ctx)
	}
	return data, err
}

// answer waits for the answer.
func (l *rtuLink) answer(ctx context.Context, s rtuScan, timeout time.Duration) ([]byte, error) {
	// Write returns before the last character is on the line.
	begin := time.Now().Add(timeout + time.Duration(len(s.sent))*l.char)
	end := begin.Add(2*maxFrame*l.char + l.gap)
	var got []byte
	for {
		deadline := begin
		if len(got) > 0 {
			deadline = earlier(end, time.Now().Add(l.gap))
		}
		b, err := receive(ctx, l.port, got, deadline)
		switch {
		case errors.Is(err, bus.ErrSilent) && len(got) == 0:
			return nil, s.silent(timeout)
		case errors.Is(err, bus.ErrSilent):
			return nil, refusedf("the answer % X is too short or disturbed", got)
		case err != nil:
			return nil, err
		}
		data, rest, err := s.next(b)
		if err != errMore {
			return data, err
		}
		got = rest
	}
}

// settle waits until a disturbed line is silent.
func (l *rtuLink) settle(ctx context.Context) {
	end := time.Now().Add(settleTime)
	for time.Now().Before(end) {
		if _, err := receive(ctx, l.port, nil, time.Now().Add(max(settleGap, 4*l.char))); err != nil {
			return
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// rtuFrame returns r as a frame.
func rtuFrame(r request) []byte {
	b := append([]byte{r.unit}, r.pdu()...)
	return binary.LittleEndian.AppendUint16(b, bus.CRC16(0xFFFF, b))
}

// errMore is the error about a frame of which more is to come.
var errMore = errors.New("more to come")

// refusedError is the error about an answer that is none.
type refusedError struct{ text string }

func (e *refusedError) Error() string { return e.text }

func refusedf(format string, a ...any) error {
	return &refusedError{fmt.Sprintf(format, a...)}
}

// trimNoise removes from the front of b the bytes that a line makes by itself
// when its direction changes.
func trimNoise(b []byte) []byte {
	for len(b) > 0 && (b[0] == 0x00 || b[0] == 0xFF) {
		b = b[1:]
	}
	return b
}

// rtuScan looks for the answer to r in what comes after sent.
type rtuScan struct {
	r       request
	sent    []byte
	foreign []byte // slaves whose answers, late ones, were skipped
}

// next returns the data of the answer in b, or errMore and what is to be
// looked at again with what comes next.
func (s *rtuScan) next(b []byte) (data, rest []byte, err error) {
	for {
		if b, err = s.trim(b); err != nil {
			return nil, b, err
		}
		frame, rest, err := cutRTU(b)
		if err != nil {
			return nil, b, err
		}
		if frame[0] != s.r.unit {
			s.foreign = append(s.foreign, frame[0])
			b = rest
			continue
		}
		data, err := s.r.check(frame[1:])
		switch {
		case errors.As(err, new(bus.ModbusException)):
			if len(trimNoise(rest)) > 0 { // of all frames the one that chance makes most easily
				return nil, nil, refusedf("the answer % X is disturbed", b)
			}
			return nil, nil, err
		case err != nil:
			return nil, nil, &refusedError{err.Error()}
		}
		return data, rest, nil
	}
}

// trim removes from b what adapters put before an answer: noise, which can be
// no slave's address, and the request itself.
func (s *rtuScan) trim(b []byte) ([]byte, error) {
	b = trimNoise(b)
	if 5+s.r.size() == len(s.sent) { // an answer could look the same
		return b, nil
	}
	if len(b) < len(s.sent) && bytes.HasPrefix(s.sent, b) {
		return b, errMore
	}
	return trimNoise(bytes.TrimPrefix(b, s.sent)), nil
}

func (s *rtuScan) silent(after time.Duration) error {
	hint := "check its address, the baud rate and parity of the port, power, and whether A and B are swapped"
	if len(s.foreign) > 0 {
		hint = fmt.Sprintf("slave %d answered in its place", s.foreign[0])
	}
	return &silentError{after, hint}
}

// cutRTU returns the frame that b begins with, without its CRC, and what is
// behind it.
func cutRTU(b []byte) (frame, rest []byte, err error) {
	if len(b) < 3 {
		return nil, b, errMore
	}
	n := 5
	switch bus.ModbusTable(b[1] &^ exceptionFlag) {
	case bus.Coils, bus.DiscreteInputs, bus.HoldingRegisters, bus.InputRegisters:
	default:
		return nil, nil, refusedf("% X is not an answer: the transmission is disturbed, or there is another master", b)
	}
	if b[1]&exceptionFlag == 0 {
		n += int(b[2])
	}
	if len(b) < n {
		return nil, b, errMore
	}
	if got, want := binary.LittleEndian.Uint16(b[n-2:]), bus.CRC16(0xFFFF, b[:n-2]); got != want {
		return nil, nil, refusedf("% X has CRC 0x%04X in place of 0x%04X: the transmission is disturbed", b[:n], got, want)
	}
	return b[:n-2], b[n:], nil
}
