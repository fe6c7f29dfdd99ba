//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"gateway/broker/packet"
)

// seed returns a seed that is logged.
func seed(t *testing.T) uint64 {
	s := rand.Uint64()
	t.Logf("seed %d", s)
	return s
}

const testSalt = 77

// segmentWith makes a segment of 32 KiB with these records in a frame each, the
// first of which has mark 5. The second begins at a page.
func segmentWith(bodies ...[]byte) []byte {
	b := make([]byte, 32<<10)
	copy(b, segmentMagic)
	binary.LittleEndian.PutUint64(b[16:], 5)
	binary.LittleEndian.PutUint32(b[32:], testSalt)
	copy(b[len(b)-segmentHead:], b[:segmentHead])
	at := segmentHead
	for i, body := range bodies {
		if i == 1 {
			at = storePage
		}
		f := b[at : at+frameHead+len(body)]
		binary.LittleEndian.PutUint32(f, frameMagic)
		binary.LittleEndian.PutUint32(f[4:], uint32(len(body)))
		binary.LittleEndian.PutUint64(f[8:], uint64(5+i))
		copy(f[frameHead:], body)
		binary.LittleEndian.PutUint32(f[20:], sum(f, testSalt))
		at += (len(f) + 7) / 8 * 8
	}
	return b
}

func record(kind byte, body []byte) []byte {
	return append(binary.AppendUvarint([]byte{kind}, uint64(len(body))), body...)
}

// published is a record of the message with number seq of publisher 0.
func published(seq int) []byte {
	return record(kindPublish, append([]byte("....t....."), payload(key{0, seq}, 1, "t", 100)...))
}

func TestLastFrame(t *testing.T) {
	b := segmentWith(published(0), published(1), published(2))
	last, largest, end, salt := lastFrame(b)
	if last.mark != 7 || salt != testSalt || !bytes.Equal(last.body, published(2)) || end <= last.at || end%8 != 0 || largest.mark != 5 {
		t.Errorf("%+v, %+v, %d, %d", last, largest, end, salt)
	}
	b[last.at+30] ^= 1
	if last, _, _, _ = lastFrame(b); last.mark != 6 || last.at != storePage {
		t.Errorf("%+v", last)
	}
	for name, b := range map[string][]byte{"empty": nil, "another file": make([]byte, 4096), "no frame": segmentWith()} {
		if _, _, end, _ := lastFrame(b); end != 0 {
			t.Errorf("%s: a frame ends at %d", name, end)
		}
	}
}

func TestUnknown(t *testing.T) {
	j := newJournal(1)
	for range 3 {
		j.send(0, message{topic: "t", qos: 1})
	}
	j.ack(key{0, 1}, packet.Success)
	j.receive(&sink{}, "", &packet.Publish{QoS: 1, Topic: "t", Payload: payload(key{0, 2}, 1, "t", 40)})
	for _, tt := range []struct {
		name    string
		records []byte
		want    bool
	}{
		{"nobody knows", published(0), true},
		{"done", append(record(kindDone, []byte{1, 2}), published(0)...), true},
		{"acknowledged", append(published(0), published(1)...), false},
		{"arrived", published(2), false},
		{"never sent", published(3), false},
		{"a session", record(1, []byte("x")), false},
		{"not ours", record(kindPublish, []byte("payload")), false},
		{"cut", published(0)[:20], false},
	} {
		if got := unknown(tt.records, j); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

// TestTearGateway tears many times, and looks at what is left.
func TestTearGateway(t *testing.T) {
	random := rand.New(rand.NewPCG(1, seed(t)))
	j := newJournal(1)
	for range 3 {
		j.send(0, message{topic: "t", qos: 1})
	}
	for i := range 300 {
		if i == 150 { // from now on the last frame must stay
			j.ack(key{0, 2}, packet.Success)
		}
		dir := t.TempDir()
		b := &broker{dir: dir}
		if err := os.Mkdir(b.store(), 0o700); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(b.store(), "00000002.segment")
		before := segmentWith(published(0), published(1), published(2))
		for file, content := range map[string][]byte{name: before, filepath.Join(b.store(), "00000001.segment"): nil} {
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		what, err := tearGateway(b, j, random)
		if err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		old, _, end, _ := lastFrame(before)
		kept := end
		if last, _, _, _ := lastFrame(after); last.mark > 7 || last.mark < 6 || last.mark == 6 && i >= 150 {
			t.Fatalf("%s: the last frame is %d", what, last.mark)
		} else if last.mark == 6 {
			kept = old.at
		}
		if len(after) != len(before) || !bytes.Equal(after[:kept], before[:kept]) || !bytes.Equal(after[len(after)-segmentHead:], before[len(before)-segmentHead:]) {
			t.Fatalf("%s: more is changed than what was not stable", what)
		}
	}
}

func TestTearMosquitto(t *testing.T) {
	random := rand.New(rand.NewPCG(1, seed(t)))
	b := &broker{dir: t.TempDir()}
	if err := os.Mkdir(b.store(), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := tearMosquitto(b, nil, random); err != nil {
		t.Error("an empty folder:", err)
	}
	name := filepath.Join(b.store(), "mosquitto.db")
	for size := range 50 {
		if err := os.WriteFile(name, make([]byte, size*200), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := tearMosquitto(b, nil, random); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(name); err != nil || info.Size() > int64(size*200) || info.Size() < int64(size*200-min(4096, size*100)) {
			t.Errorf("%d bytes: %v left, %v", size*200, info.Size(), err)
		}
	}
}
