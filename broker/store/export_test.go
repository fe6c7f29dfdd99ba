package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
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
