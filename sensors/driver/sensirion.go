package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"gateway/sensors/bus"
)

// What Sensirion's chips with commands of 16 bits have in common: a command,
// words of two bytes with a CRC-8 behind each, a pause, words read back.

// sensirionCommand sends cmd with its arguments, and waits until the chip has
// carried it out.
func sensirionCommand(ctx context.Context, slot *bus.Slot, cmd uint16, wait time.Duration, args ...uint16) error {
	frame := binary.BigEndian.AppendUint16(nil, cmd)
	for _, a := range args {
		frame = appendSensirionWord(frame, a)
	}
	if err := slot.I2C.Tx(slot.Addr, frame, nil); err != nil {
		return fmt.Errorf("send command 0x%04X: %w", cmd, err)
	}
	if wait == 0 {
		return nil
	}
	if err := bus.Wait(ctx, wait); err != nil {
		return fmt.Errorf("wait for command 0x%04X: %w", cmd, err)
	}
	return nil
}

// appendSensirionWord appends a word and its CRC.
func appendSensirionWord(b []byte, word uint16) []byte {
	w := [2]byte{byte(word >> 8), byte(word)}
	return append(b, w[0], w[1], crc8(w[:]))
}

// sensirionWords sends cmd, waits, and reads n words of the answer.
func sensirionWords(ctx context.Context, slot *bus.Slot, cmd uint16, wait time.Duration, n int, args ...uint16) ([]uint16, error) {
	if err := sensirionCommand(ctx, slot, cmd, wait, args...); err != nil {
		return nil, err
	}
	frame := make([]byte, 3*n)
	if err := slot.I2C.Tx(slot.Addr, nil, frame); err != nil {
		return nil, fmt.Errorf("read the answer to command 0x%04X: %w", cmd, err)
	}
	words, err := parseSensirionWords(frame)
	if err != nil {
		return nil, fmt.Errorf("answer to command 0x%04X: %w", cmd, err)
	}
	return words, nil
}

// parseSensirionWords returns the words of an answer: each is two bytes, the
// first most significant, and their CRC.
func parseSensirionWords(frame []byte) ([]uint16, error) {
	if len(frame)%3 != 0 {
		return nil, fmt.Errorf("%d bytes are no words with checksums", len(frame))
	}
	words := make([]uint16, 0, len(frame)/3)
	for i := 0; i < len(frame); i += 3 {
		if got, want := frame[i+2], crc8(frame[i:i+2]); got != want {
			return nil, fmt.Errorf("% X has CRC 0x%02X in place of 0x%02X: the transmission is disturbed", frame, got, want)
		}
		words = append(words, binary.BigEndian.Uint16(frame[i:]))
	}
	return words, nil
}
