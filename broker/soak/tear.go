//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What a power cut does to a file that kill -9 does not: what was not stable is
// there in part, or is something else.

// tearMosquitto cuts up to 4 KiB off the newest file, at most half of it.
func tearMosquitto(b *broker, _ *journal, random *rand.Rand) (string, error) {
	entries, err := os.ReadDir(b.store())
	if err != nil {
		return "", err
	}
	var newest os.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && (newest == nil || info.ModTime().After(newest.ModTime())) {
			newest = info
		}
	}
	if newest == nil {
		return "no file to tear", nil
	}
	n := min(1+random.Int64N(4096), newest.Size()/2)
	return fmt.Sprintf("%d bytes cut off %s", n, newest.Name()), os.Truncate(filepath.Join(b.store(), newest.Name()), newest.Size()-n)
}

// The format of the gateway's store, as package store documents it.
const (
	segmentHead  = 64 // and the same again at the end
	frameHead    = 24
	frameMagic   = 0xA9C35E17
	storePage    = 4096
	kindPublish  = 5
	kindDone     = 7
	segmentMagic = "GWSTORE\n"
)

// storeFrame is where a frame lies in its segment.
type storeFrame struct {
	at   int
	mark uint64
	body []byte // records
}

// tearGateway damages what was not stable of the newest segment. From outside
// nobody knows what was synced last, but everything that was acknowledged, or
// reached somebody, was: so it adds damage behind the last frame, and cuts that
// one only if all it holds are messages that nobody was told of.
func tearGateway(b *broker, j *journal, random *rand.Rand) (string, error) {
	names, err := filepath.Glob(filepath.Join(b.store(), "*.segment"))
	if err != nil || len(names) == 0 {
		return "no segment to tear", err
	}
	name := slices.Max(names)
	content, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	last, largest, end, salt := lastFrame(content)
	if end == 0 {
		return "no frame in the newest segment", nil
	}
	at, damage, what := end, []byte(nil), ""
	switch n := 1 + random.IntN(2*storePage); random.IntN(4) {
	case 0:
		damage, what = make([]byte, n), "zeros behind the last frame"
	case 1:
		damage, what = garbage(n, random), "garbage behind the last frame"
	case 2:
		damage, what = halfFrame(last.body, last.mark+1, salt, random), "half a frame behind the last one, with what that has"
	default:
		damage, what = halfFrame(largest.body, last.mark+1, salt, random), "half a large frame behind the last one"
	}
	if random.IntN(4) > 0 && unknown(last.body, j) {
		at, what = last.at+1+random.IntN(end-last.at-1), "the last frame cut in its middle, nobody knows of it; "+what
	}
	damage = damage[:max(0, min(len(damage), len(content)-segmentHead-at))]
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return "", err
	}
	_, err = f.WriteAt(damage, int64(at))
	return fmt.Sprintf("%s: %s, %d bytes at %d", filepath.Base(name), what, len(damage), at), errors.Join(err, f.Close())
}

// lastFrame finds the last whole frame of a segment, the largest one, and where
// the last one ends: 0 if there is none.
func lastFrame(b []byte) (last, largest storeFrame, end int, salt uint32) {
	if len(b) < 2*segmentHead || string(b[:len(segmentMagic)]) != segmentMagic {
		return last, largest, 0, 0
	}
	salt = binary.LittleEndian.Uint32(b[32:])
	want := binary.LittleEndian.Uint64(b[16:])
	for at := segmentHead; ; want++ {
		f, next, ok := frameAt(b, at, salt)
		if !ok || f.mark != want {
			if f, next, ok = frameAt(b, (at+storePage-1)/storePage*storePage, salt); !ok || f.mark != want {
				return last, largest, end, salt
			}
		}
		last, end, at = f, next, next
		if len(f.body) > len(largest.body) {
			largest = f
		}
	}
}

func frameAt(b []byte, at int, salt uint32) (f storeFrame, end int, ok bool) {
	if at+frameHead > len(b)-segmentHead || binary.LittleEndian.Uint32(b[at:]) != frameMagic {
		return f, 0, false
	}
	n := int64(binary.LittleEndian.Uint32(b[at+4:]))
	if n > int64(len(b)-segmentHead-at-frameHead) {
		return f, 0, false
	}
	whole := b[at : at+frameHead+int(n)]
	if sum(whole, salt) != binary.LittleEndian.Uint32(whole[20:]) {
		return f, 0, false
	}
	return storeFrame{at: at, mark: binary.LittleEndian.Uint64(whole[8:]), body: whole[frameHead:]}, at + (len(whole)+7)/8*8, true
}

func sum(whole []byte, salt uint32) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	var s [4]byte
	binary.LittleEndian.PutUint32(s[:], salt)
	return crc32.Update(crc32.Update(crc32.Update(0, table, s[:]), table, whole[:20]), table, whole[frameHead:])
}

// halfFrame is what a write of the next frame may leave: a beginning that is
// right, and zeros or garbage where the rest should be. body is that of a frame
// that is there already.
func halfFrame(body []byte, mark uint64, salt uint32, random *rand.Rand) []byte {
	b := make([]byte, frameHead, frameHead+len(body))
	binary.LittleEndian.PutUint32(b, frameMagic)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(body)))
	binary.LittleEndian.PutUint64(b[8:], mark)
	b = append(b, body...)
	binary.LittleEndian.PutUint32(b[20:], sum(b, salt))
	cut := 1 + random.IntN(len(b)-1)
	rest := b[cut:]
	if random.IntN(2) == 0 {
		clear(rest)
	} else {
		copy(rest, garbage(len(rest), random))
	}
	if _, _, whole := frameAt(append(slices.Clone(b), make([]byte, segmentHead)...), 0, salt); whole {
		b[len(b)-1] ^= 1 // what was cut was zeros anyway
	}
	return b
}

func garbage(n int, random *rand.Rand) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// unknown tells whether a frame holds nothing that anybody outside has been
// told of: messages that were not acknowledged and reached nobody, and what
// subscribers have acknowledged, which the store may forget.
func unknown(records []byte, j *journal) bool {
	for len(records) > 0 {
		kind := records[0]
		length, n := binary.Uvarint(records[1:])
		if n <= 0 || length > uint64(len(records)-1-n) {
			return false
		}
		body := records[1+n : 1+n+int(length)]
		records = records[1+n+int(length):]
		switch kind {
		case kindDone:
		case kindPublish:
			i := bytes.LastIndex(body, []byte("soak "))
			if i < 0 {
				return false
			}
			k, _, topic, ok := parse(body[i:])
			if !ok || !strings.Contains(string(body[:i]), topic) || !j.unpromised(k) {
				return false
			}
		default:
			return false
		}
	}
	return true
}
