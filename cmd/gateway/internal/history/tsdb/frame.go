package tsdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Kinds of files and of frames. See the package comment.
const (
	kindPages    = 1
	kindJournal  = 2
	kindManifest = 3

	frameSeries = 1
	framePage   = 2
	frameIndex  = 3
	frameTop    = 4
	frameBatch  = 5
	frameFiles  = 6
	frameAbout  = 7

	headSize    = 20
	frameHead   = 12
	maxFrame    = 64 << 20
	fileVersion = 1
)

var (
	fileMagic  = []byte("GWHIST\r\n")
	frameMagic = []byte{0xF7, 'h', 'f'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errDamaged = errors.New("damaged")
	errNewer   = errors.New("made by a newer version of this program")
)

// fileHead is how each file begins.
type fileHead struct {
	kind byte
	tier Tier
	salt uint32 // makes checksums of this file its own
}

func (h fileHead) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, fileMagic...)
	dst = append(dst, fileVersion, h.kind, byte(h.tier), 0)
	dst = binary.LittleEndian.AppendUint32(dst, h.salt)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

func parseHead(b []byte) (fileHead, error) {
	if len(b) < headSize || !bytes.HasPrefix(b, fileMagic) {
		return fileHead{}, fmt.Errorf("%w: it does not begin as a file of history", errDamaged)
	}
	if crc32.Checksum(b[:16], castagnoli) != binary.LittleEndian.Uint32(b[16:]) {
		return fileHead{}, fmt.Errorf("%w: the checksum of its head is wrong", errDamaged)
	}
	if b[8] != fileVersion {
		return fileHead{}, fmt.Errorf("%w: format %d, this one reads %d", errNewer, b[8], fileVersion)
	}
	h := fileHead{kind: b[9], tier: Tier(b[10]), salt: binary.LittleEndian.Uint32(b[12:])}
	if h.tier >= tiers {
		return fileHead{}, fmt.Errorf("%w: there is no %v", errDamaged, h.tier)
	}
	return h, nil
}

// appendFrame appends payload in a frame.
func (h fileHead) appendFrame(dst []byte, kind byte, payload []byte) []byte {
	dst = append(dst, frameMagic...)
	dst = append(dst, kind)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.LittleEndian.AppendUint32(dst, h.sum(kind, payload))
	return append(dst, payload...)
}

func (h fileHead) sum(kind byte, payload []byte) uint32 {
	var b [9]byte
	binary.LittleEndian.PutUint32(b[:], h.salt)
	b[4] = kind
	binary.LittleEndian.PutUint32(b[5:], uint32(len(payload)))
	return crc32.Update(crc32.Checksum(b[:], castagnoli), castagnoli, payload)
}

// frame returns the frame that b begins with, and its length with its head.
func (h fileHead) frame(b []byte) (kind byte, payload []byte, size int, err error) {
	if len(b) < frameHead || !bytes.HasPrefix(b, frameMagic) {
		return 0, nil, 0, fmt.Errorf("%w: no frame begins here", errDamaged)
	}
	n := binary.LittleEndian.Uint32(b[4:])
	if n > maxFrame || int(n) > len(b)-frameHead {
		return 0, nil, 0, fmt.Errorf("%w: a frame of %d bytes is not whole", errDamaged, n)
	}
	payload = b[frameHead : frameHead+int(n) : frameHead+int(n)]
	if h.sum(b[3], payload) != binary.LittleEndian.Uint32(b[8:]) {
		return 0, nil, 0, fmt.Errorf("%w: the checksum of a frame is wrong", errDamaged)
	}
	return b[3], payload, frameHead + int(n), nil
}

// scan calls each for every whole frame of b, a file without its head, and
// returns where the last one ends and how many bytes of what is not whole lie
// before that. Offsets count from the beginning of b.
func (h fileHead) scan(b []byte, each func(kind byte, payload []byte, offset int)) (end, lost int) {
	for at := 0; at < len(b); {
		kind, payload, size, err := h.frame(b[at:])
		if err == nil {
			each(kind, payload, at)
			lost += at - end
			at += size
			end = at
			continue
		}
		skip := bytes.Index(b[at+1:], frameMagic)
		if skip < 0 {
			break
		}
		at += 1 + skip
	}
	return end, lost
}
