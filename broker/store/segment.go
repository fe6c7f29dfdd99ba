package store

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// formatVersion is the version of the segments that are written.
const formatVersion = 1

const (
	segmentMagic = "GWSTORE\n"
	segmentHead  = 64 // bytes of a segment before its first frame
	frameMagic   = 0xA9C35E17
	frameHead    = 24 // bytes of a frame before its records
	frameAlign   = 8
	maxMark      = 1 << 62 // nobody gets as far
)

// Names of files: 00000012.segment, spare-00000012, and what was set aside.
const (
	segmentSuffix = ".segment"
	sparePrefix   = "spare-"
	asideSuffix   = ".damaged"
)

func segmentName(id uint32) string { return fmt.Sprintf("%08d%s", id, segmentSuffix) }

// segmentID returns the number of a segment by the name of its file.
func segmentID(name string) (uint32, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) < 8 {
		return 0, false
	}
	id, err := strconv.ParseUint(digits, 10, 32)
	return uint32(id), err == nil && id > 0
}

// segment is one file of the log.
type segment struct {
	id      uint32
	version uint16
	first   Mark // of the first frame
	last    Mark // of the last one that is stable; first-1 if none is
	salt    uint32
	size    int64 // of the file
	next    int64 // where the next frame goes
	file    File  // nil until its first frame is written

	cut     bool // the copy of its head is not at its end
	short   bool // frames are missing at its end, and that was said
	damaged bool // it is to be set aside when nothing of it is needed
	old     bool // nothing is appended to it any more
	tried   bool // to move what is needed of a damaged one
}

// head returns the beginning of the segment's file:
//
//	0   8  "GWSTORE\n"
//	8   2  version
//	10  2  zero
//	12  4  number
//	16  8  mark of the first frame
//	24  8  when it was made, Unix time, ms
//	32  4  salt of the frames' checksums
//	36 24  zero
//	60  4  CRC32C of the 60 bytes before
func (s *segment) head(now time.Time) []byte {
	b := make([]byte, segmentHead)
	copy(b, segmentMagic)
	binary.LittleEndian.PutUint16(b[8:], formatVersion)
	binary.LittleEndian.PutUint32(b[12:], s.id)
	binary.LittleEndian.PutUint64(b[16:], uint64(s.first))
	binary.LittleEndian.PutUint64(b[24:], uint64(now.UnixMilli()))
	binary.LittleEndian.PutUint32(b[32:], s.salt)
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

var errHead = errors.New("the head of the segment is damaged")

// parseHead reads the head of a segment's file.
func parseHead(name string, b []byte) (*segment, error) {
	if len(b) < segmentHead || string(b[:8]) != segmentMagic {
		return nil, errHead
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v > formatVersion && crc32.Checksum(b[:60], castagnoli) == binary.LittleEndian.Uint32(b[60:]) {
		return nil, &NewerError{File: name, Version: int(v)}
	}
	if crc32.Checksum(b[:60], castagnoli) != binary.LittleEndian.Uint32(b[60:]) {
		return nil, errHead
	}
	s := &segment{
		id:      binary.LittleEndian.Uint32(b[12:]),
		version: binary.LittleEndian.Uint16(b[8:]),
		first:   Mark(binary.LittleEndian.Uint64(b[16:])),
		salt:    binary.LittleEndian.Uint32(b[32:]),
	}
	if s.first == 0 || s.first > maxMark || !readable(s.version) {
		return nil, errHead
	}
	s.last = s.first - 1
	return s, nil
}

// readHead reads the head of a segment whose file is b, or the copy of it at the
// file's end.
func readHead(name string, b []byte) (s *segment, err error) {
	s, err = parseHead(name, b)
	if err != nil && !errors.Is(err, errHead) {
		return nil, err
	}
	var copied *segment
	e := errHead
	if len(b) >= 2*segmentHead {
		copied, e = parseHead(name, b[len(b)-segmentHead:])
	}
	switch {
	case err == nil:
		s.cut = e != nil || copied.salt != s.salt
		return s, nil
	case e == nil:
		copied.damaged = true
		return copied, nil
	case !errors.Is(e, errHead):
		return nil, e
	}
	return nil, err
}

// frames returns what of a segment's file has frames: all but the copy of the
// head, which a file that was cut off does not have. They begin at segmentHead.
func frames(b []byte) []byte {
	if n := len(b) - segmentHead; n >= segmentHead && string(b[n:n+len(segmentMagic)]) == segmentMagic {
		return b[:n]
	}
	return b
}

func newSalt() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // it never fails
	return binary.LittleEndian.Uint32(b[:])
}

func align(n int64) int64 { return (n + frameAlign - 1) &^ (frameAlign - 1) }

// sealFrame fills in the head of a frame, which lies at the beginning of b:
//
//	0   4  0xA9C35E17
//	4   4  bytes of the records
//	8   8  mark
//	16  4  when it was written, Unix time, s
//	20  4  CRC32C of salt, the 20 bytes before, and the records
func sealFrame(b []byte, mark Mark, salt uint32, now time.Time) {
	binary.LittleEndian.PutUint32(b, frameMagic)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-frameHead))
	binary.LittleEndian.PutUint64(b[8:], uint64(mark))
	binary.LittleEndian.PutUint32(b[16:], uint32(now.Unix()))
	binary.LittleEndian.PutUint32(b[20:], frameSum(b, salt))
}

func frameSum(b []byte, salt uint32) uint32 {
	var s [4]byte
	binary.LittleEndian.PutUint32(s[:], salt)
	sum := crc32.Update(0, castagnoli, s[:])
	sum = crc32.Update(sum, castagnoli, b[:20])
	return crc32.Update(sum, castagnoli, b[frameHead:])
}

// frame is a frame as it was read.
type frame struct {
	at      int64
	mark    Mark
	written time.Time
	records []byte
}

// parseFrame reads the frame at b[at:].
func parseFrame(b []byte, at int64, salt uint32) (f frame, size int64, ok bool) {
	if int64(len(b))-at < frameHead || binary.LittleEndian.Uint32(b[at:]) != frameMagic {
		return f, 0, false
	}
	n := int64(binary.LittleEndian.Uint32(b[at+4:]))
	if n > int64(len(b))-at-frameHead {
		return f, 0, false
	}
	whole := b[at : at+frameHead+n]
	if m := binary.LittleEndian.Uint64(whole[8:]); m == 0 || m > maxMark {
		return f, 0, false
	}
	if frameSum(whole, salt) != binary.LittleEndian.Uint32(whole[20:]) {
		return f, 0, false
	}
	return frame{
		at:      at,
		mark:    Mark(binary.LittleEndian.Uint64(whole[8:])),
		written: time.Unix(int64(binary.LittleEndian.Uint32(whole[16:])), 0),
		records: whole[frameHead:],
	}, align(frameHead + n), true
}

// gap is a part of a segment that cannot be read, though frames follow it.
type gap struct {
	at, bytes int64
	lost      int // frames
}

// scanned is what was found in a segment.
type scanned struct {
	end  int64 // where the frames end
	last Mark  // of the last frame
	gaps []gap
	torn int64 // bytes behind the end of a frame that was being written; 0 if there are none
}

// scan calls yield with every frame of a segment whose content is b, in their
// order. limit is the mark at which the next segment begins, the highest there
// is if there is none. follows is that no segment was between them.
//
// Of a frame that is not whole, and that no other follows, nothing was ever
// promised: it is where the power went. One that others follow was whole.
func scan(s *segment, b []byte, limit Mark, follows bool, yield func(frame) error) (found scanned, err error) {
	at, want := int64(segmentHead), s.first
	found.last = s.first - 1
	for {
		if want >= limit {
			break // what follows was written again into the next segment
		}
		f, size, ok := parseFrame(b, at, s.salt)
		if !ok {
			if page := (at + pageSize - 1) &^ (pageSize - 1); page != at {
				if next, n, whole := parseFrame(b, page, s.salt); whole && next.mark == want && next.mark < limit {
					f, size, ok, at = next, n, true, page
				}
			}
		}
		if !ok || f.mark != want {
			next, size2, ok := resync(b, at+frameAlign, s.salt, want, limit)
			if !ok {
				break
			}
			found.gaps = append(found.gaps, gap{at, next.at - at, int(min(uint64(next.mark-want), math.MaxInt32))})
			f, size, at = next, size2, next.at
		}
		if err := yield(f); err != nil {
			return found, fmt.Errorf("frame at %d: %w", f.at, err)
		}
		found.last, want = f.mark, f.mark+1
		at += size
	}
	found.end = at
	if limit != math.MaxUint64 {
		if follows && want < limit { // frames are gone that were there
			found.gaps = append(found.gaps, gap{at, int64(len(b)) - at, int(min(uint64(limit-want), math.MaxInt32))})
		}
		return found, nil
	}
	found.torn = torn(b, at)
	return found, nil
}

// resync looks for the next whole frame.
func resync(b []byte, at int64, salt uint32, want, limit Mark) (f frame, size int64, ok bool) {
	for at = align(at); at+frameHead <= int64(len(b)); at += frameAlign {
		if binary.LittleEndian.Uint32(b[at:]) != frameMagic {
			continue
		}
		if m := Mark(binary.LittleEndian.Uint64(b[at+8:])); m <= want || m >= limit {
			continue
		}
		if f, size, ok = parseFrame(b, at, salt); ok {
			return f, size, true
		}
	}
	return f, 0, false
}

// torn returns how many bytes behind the last whole frame belong to one that
// was being written. Zeros are written behind every frame, so that what an
// earlier segment has left in the file is not taken for one.
func torn(b []byte, at int64) int64 {
	h := b[min(at, int64(len(b))):min(at+frameHead, int64(len(b)))]
	switch {
	case len(h) < frameHead: // the file was cut off
		return int64(len(h))
	case binary.LittleEndian.Uint32(h) == frameMagic:
		return min(frameHead+int64(binary.LittleEndian.Uint32(h[4:])), int64(len(b))-at)
	case slices.ContainsFunc(h, func(c byte) bool { return c != 0 }):
		return frameHead
	}
	return 0
}

// readAll returns the content of a file, in buf if it is large enough.
func readAll(f File, buf []byte) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > math.MaxInt32 {
		return nil, fmt.Errorf("a file of %d bytes is no segment", size)
	}
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	n, err := f.ReadAt(buf, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return buf[:n], err
}
