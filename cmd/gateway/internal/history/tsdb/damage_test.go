package tsdb

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// copied is a folder with the same files.
func (s *shaky) copied() *shaky {
	s.kill = true
	return s.again()
}

// TestFlippedBits damages each file of a history, somewhere, in many ways. What
// is not in it is served, the rest is answered from other tiers, and the file is
// set aside.
func TestFlippedBits(t *testing.T) {
	alone(t)
	s := newShaky()
	h := newHouse(t, 4, Options{folder: s})
	h.names = h.names[:2]
	for range 20 {
		h.live(24*time.Hour, 10*time.Minute)
		h.must(h.db.maintain())
	}
	h.now = h.now.Add(26 * time.Hour)
	for range 3 {
		h.now = h.now.Add(2 * time.Hour)
		h.must(h.db.maintain())
	}
	h.must(h.db.Close())
	flips := 12
	if testing.Short() {
		flips = 5
	}
	want := wanted{}
	for _, n := range h.names {
		all := h.m.samples(n, minTime, maxTime)
		from, to := floorDiv(all[0].Time, day)*day, all[len(all)-1].Time/day*day+day
		for _, width := range []int64{minute, 10 * minute, 15 * minute, hour, 6 * hour, day} {
			want[asked{n, from, to, width}] = h.m.buckets(n, from, to, width)
		}
	}
	h.checkAll(s, "nothing", want)
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		size := len(s.files[name].data)
		for i := range flips {
			c := s.copied()
			at := h.rng.IntN(size)
			switch i {
			case 0:
				at = h.rng.IntN(headSize)
			case 1:
				at = size - 1 - h.rng.IntN(endSize)
			}
			switch i {
			case 2:
				c.files[name].data = c.files[name].data[:at]
			case 3:
				delete(c.files, name)
			default:
				c.files[name].data[at] ^= 1 << h.rng.IntN(8)
			}
			h.checkAll(c, fmt.Sprint(name, " case ", i, " at ", at, " of ", size), want)
		}
	}
}

// wanted are answers.
type wanted map[asked][]Bucket

type asked struct {
	name            string
	from, to, width int64
}

// checkAll opens a folder and compares all roll-ups with what is wanted.
func (h *house) checkAll(s *shaky, name string, want wanted) {
	h.t.Helper()
	o := h.o
	o.folder = s
	var err error
	if h.db, err = Open(o); err != nil {
		h.fatal("%s is damaged: %v", name, err)
	}
	h.readAll()
	h.must(h.db.maintain())
	h.now = h.now.Add(2 * time.Hour)
	h.must(h.db.maintain())
	for range 2 {
		for q, b := range want {
			got, tier, err := h.db.Buckets(q.name, q.from, q.to, q.width, nil)
			h.must(err)
			if bad := sameBuckets(got, b); bad != "" {
				h.fatal("%s is damaged: %s by %v from %v: %s", name, q.name, time.Duration(q.width)*time.Millisecond, tier, bad)
			}
		}
		for _, n := range h.names {
			for _, x := range collect(h.t, h.db, n) {
				if v, ok := h.m[n][x.Time]; !ok || v != x.Value {
					h.fatal("%s is damaged: %s has %+v", name, n, x)
				}
			}
		}
		st := h.db.Stats()
		aside := 0
		for n := range s.files {
			if strings.HasSuffix(n, damagedSuffix) {
				aside++
			}
		}
		if aside != st.Damaged || aside > 1 {
			h.fatal("%s is damaged: %d files are set aside, and %d counted", name, aside, st.Damaged)
		}
		h.must(h.db.Close())
		if h.db, err = Open(o); err != nil {
			h.fatal("%s was damaged: %v", name, err)
		}
	}
	h.must(h.db.Close())
}

// readAll reads everything, whatever is damaged: nothing wrong comes of it.
func (h *house) readAll() {
	h.t.Helper()
	for _, n := range h.names {
		lost := 0
		for s, err := range h.db.Samples(n, minTime, maxTime) {
			if v, ok := h.m[n][s.Time]; err != nil || !ok || v != s.Value {
				h.fatal("%s: %+v, %v", n, s, err)
			}
			lost++
		}
		for t := Minute; t < tiers; t++ {
			if _, _, err := h.db.Buckets(n, minTime/day*day, maxTime/day*day, t.period(), nil); err != nil {
				h.fatal("%v", err)
			}
		}
	}
}

// A page that is damaged while the program runs is missing at first, and filled
// from roll-ups when Run has seen it.
func TestDamageMeanwhile(t *testing.T) {
	s := newShaky()
	h := newHouse(t, 4, Options{folder: s})
	h.live(60*time.Hour, time.Minute)
	h.seal()
	h.now = h.now.Add(2 * time.Hour)
	h.must(h.db.maintain())
	for name, f := range s.files {
		if strings.HasPrefix(name, "raw") {
			f.data[len(f.data)/2] ^= 1
		}
	}
	h.readAll()
	h.must(h.db.maintain())
	if h.db.Stats().Damaged == 0 {
		t.Error("nothing was set aside")
	}
	all := h.m.samples("a", minTime, maxTime)
	from, to := floorDiv(all[0].Time, day)*day, floorDiv(all[0].Time, day)*day+2*day
	got, _, err := h.db.Buckets("a", from, to, hour, nil)
	if bad := sameBuckets(got, h.m.buckets("a", from, to, hour)); err != nil || bad != "" {
		t.Error(bad, err)
	}
	// Late samples do not hide what is left of their hour.
	for i := range int64(50) {
		h.append("a", Sample{from + day + i*20*minute + 7, float64(i)})
	}
	for range 3 {
		h.seal()
		got, _, err = h.db.Buckets("a", from, to, hour, nil)
		if bad := sameBuckets(got, h.m.buckets("a", from, to, hour)); err != nil || bad != "" {
			t.Error(bad, err)
		}
		h.now = h.now.Add(2 * time.Hour)
		h.must(h.db.maintain())
	}
}

// Open says what is of a newer version, and touches nothing.
func TestNewerVersion(t *testing.T) {
	for _, name := range []string{manifestName, journalName(7), pageName(Minute, 3)} {
		s := newShaky()
		head := fileHead{kind: kindPages}.append(nil)
		head[8] = 2
		binary.LittleEndian.PutUint32(head[16:], crc32.Checksum(head[:16], castagnoli))
		s.files[name] = &shakyFile{s: s, data: append(head, make([]byte, 100)...)}
		if _, err := Open(Options{folder: s}); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "newer") {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.files) != 1 || s.files[name] == nil {
			t.Error("it touched the folder")
		}
	}
}
