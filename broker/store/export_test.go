package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
)

// FrameInfo is a frame of a segment's file, for tests that damage it.
type FrameInfo struct {
	At, Size int64
	Mark     Mark
	Moves    []string // "session/seq" and topics of what was moved there
	Round    bool     // it has a part of a round
}

// Frames returns the frames that a segment's file has.
func Frames(b []byte) (all []FrameInfo) {
	s, err := readHead("", b)
	if err != nil {
		panic(err)
	}
	if _, err := scan(s, frames(b), maxMark, false, func(f frame) error {
		x := FrameInfo{At: f.at, Size: frameHead + int64(len(f.records)), Mark: f.mark}
		for rest := f.records; len(rest) > 0; {
			k, body, more, err := nextRecord(rest)
			if err != nil {
				panic(err)
			}
			rest = more
			switch k {
			case kindMove:
				var m message
				if err := m.decode(body, false); err != nil {
					panic(err)
				}
				for _, to := range m.to {
					x.Moves = append(x.Moves, fmt.Sprintf("%d/%d", to.Session, to.Seq))
				}
				if m.retained != 0 {
					x.Moves = append(x.Moves, m.m.Topic)
				}
			case kindRoundBegin, kindSession, kindRetainedSet, kindRoundEnd:
				x.Round = true
			}
		}
		all = append(all, x)
		return nil
	}); err != nil {
		panic(err)
	}
	return all
}

// Reseal makes the checksums right of whatever looks like a head, a frame or a
// message, so that a fuzzer gets behind them.
func Reseal(b []byte) {
	if len(b) < segmentHead {
		return
	}
	copy(b, segmentMagic)
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	salt := binary.LittleEndian.Uint32(b[32:])
	for at := int64(segmentHead); at+frameHead <= int64(len(b)); at += frameAlign {
		if binary.LittleEndian.Uint32(b[at:]) != frameMagic {
			continue
		}
		n := int64(binary.LittleEndian.Uint32(b[at+4:]))
		if n > int64(len(b))-at-frameHead {
			continue
		}
		whole := b[at : at+frameHead+n]
		for rest := whole[frameHead:]; len(rest) > 0; {
			k, body, more, err := nextRecord(rest)
			if err != nil {
				break
			}
			rest = more
			resealMessage(k, body)
		}
		binary.LittleEndian.PutUint32(whole[20:], frameSum(whole, salt))
	}
}

func resealMessage(k kind, body []byte) {
	if (k == kindPublish || k == kindMove) && len(body) > 4 {
		binary.LittleEndian.PutUint32(body, crc32.Checksum(body[4:], castagnoli))
	}
}

// SeedSegment is a segment's file with records of every kind.
func SeedSegment() []byte { return seedSegment() }

// SetUpgrade has version 0 readable, an old one that only tests know: its
// checksums of messages are inverted, and its done has seq before session.
func SetUpgrade() (undo func()) {
	upgrades[0] = func(k kind, body []byte) (kind, []byte, error) {
		body = slices.Clone(body)
		if err := fromVersion0(k, body); err != nil {
			return 0, nil, err
		}
		return k, body, nil
	}
	return func() { delete(upgrades, 0) }
}

func fromVersion0(k kind, body []byte) error {
	switch k {
	case kindDone:
		d := decoder{b: body}
		a, b := d.uint(), d.uint()
		if d.err != nil {
			return d.err
		}
		copy(body, binary.AppendUvarint(binary.AppendUvarint(nil, b), a))
	case kindPublish, kindMove:
		if len(body) < 4 {
			return errShort
		}
		for i := range 4 {
			body[i] = ^body[i]
		}
	}
	return nil
}

// SetVersion makes a segment's file one of another version: of 0 as SetUpgrade
// has it, of others in its head only.
func SetVersion(b []byte, version uint16) {
	s, err := readHead("", b)
	if err != nil {
		panic(err)
	}
	for _, head := range [][]byte{b[:segmentHead], b[len(b)-segmentHead:]} {
		binary.LittleEndian.PutUint16(head[8:], version)
		binary.LittleEndian.PutUint32(head[60:], crc32.Checksum(head[:60], castagnoli))
	}
	if version != 0 {
		return
	}
	_, _ = scan(s, frames(b), maxMark, false, func(f frame) error {
		for rest := f.records; len(rest) > 0; {
			k, body, more, err := nextRecord(rest)
			if err != nil {
				panic(err)
			}
			rest = more
			if err := fromVersion0(k, body); err != nil { // it is its own reverse
				panic(err)
			}
		}
		whole := b[f.at : f.at+frameHead+int64(len(f.records))]
		binary.LittleEndian.PutUint32(whole[20:], frameSum(whole, s.salt))
		return nil
	})
}

// Version returns the version of a segment's file.
func Version(b []byte) uint16 { return binary.LittleEndian.Uint16(b[8:]) }
