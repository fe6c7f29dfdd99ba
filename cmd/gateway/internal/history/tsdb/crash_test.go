package tsdb

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The journal cut at every byte of its last batch, with nothing, zeros or garbage
// behind: what was flushed before is there, and nothing that is not whole.
func TestTornJournal(t *testing.T) {
	dir := t.TempDir()
	h := newHouse(t, 1, Options{folder: quick{disk(dir)}})
	h.live(10*time.Minute, 10*time.Second)
	h.must(h.db.Flush())
	journal := filepath.Join(dir, journalName(1))
	before := len(h.m.samples("a", minTime, maxTime))
	size := h.db.journal.size
	h.live(time.Minute, 10*time.Second)
	h.must(h.db.Flush())
	h.must(h.db.Close())
	whole, err := os.ReadFile(journal)
	h.must(err)
	if int64(len(whole)) <= size {
		t.Fatal("there is no last batch")
	}
	for cut := int(size); cut <= len(whole); cut++ {
		for kind, tail := range [][]byte{nil, make([]byte, 300), []byte(strings.Repeat("\xF7hf\x05\xff\x00\x00\x00garbage", 9))} {
			dir := t.TempDir()
			h.must(os.WriteFile(filepath.Join(dir, journalName(1)), slices.Concat(whole[:cut], tail), 0o600))
			db, err := Open(Options{folder: quick{disk(dir)}})
			if err != nil {
				t.Fatalf("cut at %d, tail %d: %v", cut, kind, err)
			}
			want := before
			if cut == len(whole) || kind == 1 && allZero(whole[cut:]) {
				want += 6
			}
			if got := collect(t, db, "a"); len(got) != want {
				t.Fatalf("cut at %d, tail %d: %d samples, want %d", cut, kind, len(got), want)
			}
			torn := want == before && cut > int(size) && !allZero(whole[size:cut]) || kind == 2
			if s := db.Stats(); (s.Torn > 0) != torn || s.Damaged != 0 || s.Lost != 0 {
				t.Fatalf("cut at %d, tail %d: %+v", cut, kind, s)
			}
			h.must(db.Append("a", Sample{1, 2}))
			h.must(db.Close())
			if db, err = Open(Options{folder: quick{disk(dir)}}); err != nil || db.Stats().Torn != 0 {
				t.Fatalf("cut at %d, tail %d, once more: %v, %+v", cut, kind, err, db.Stats())
			}
			if got := collect(t, db, "a"); len(got) != want+1 {
				t.Fatalf("cut at %d, tail %d, once more: %d samples", cut, kind, len(got))
			}
			db.Close()
		}
	}
}

// A journal with a damaged frame in it loses that frame, and is set aside when
// the rest of it is safe.
func TestDamagedJournal(t *testing.T) {
	dir := t.TempDir()
	h := newHouse(t, 1, Options{folder: quick{disk(dir)}})
	var ends []int64
	for range 5 {
		h.live(time.Minute, 10*time.Second)
		h.must(h.db.Flush())
		ends = append(ends, h.db.journal.size)
	}
	h.must(h.db.Close())
	journal := filepath.Join(dir, journalName(1))
	b, err := os.ReadFile(journal)
	h.must(err)
	b[(ends[1]+ends[2])/2] ^= 0x10
	h.must(os.WriteFile(journal, b, 0o600))
	h.db = open(t, h.o)
	if got := collect(t, h.db, "a"); len(got) != 24 {
		t.Errorf("%d samples are left of 30", len(got))
	}
	if s := h.db.Stats(); s.Lost != ends[2]-ends[1] || s.Torn != 0 {
		t.Errorf("%+v", s)
	}
	h.seal()
	if _, err := os.Stat(journal + damagedSuffix); err != nil || h.db.Stats().Damaged != 1 {
		t.Error(err, h.db.Stats().Damaged)
	}
	if got := collect(t, h.db, "a"); len(got) != 24 {
		t.Errorf("%d samples after it was set aside", len(got))
	}
}

// shaky is a folder whose power goes after some operations: what was not synced
// is lost then, names and bytes. Until then it may have no room.
type shaky struct {
	mu     sync.Mutex
	files  map[string]*shakyFile
	stable map[string]*shakyFile
	left   int   // operations until the power goes, if it is above 0
	off    bool  // it is gone
	kill   bool  // only the program goes: nothing is lost
	room   int64 // bytes that can be written, if full
	full   bool

	unsure  bool // names cannot be made stable that were renamed
	renamed bool // since the last sync
}

type shakyFile struct {
	s      *shaky
	data   []byte
	stable []byte
}

var errPower = errors.New("the power is gone")

func newShaky() *shaky {
	return &shaky{files: map[string]*shakyFile{}, stable: map[string]*shakyFile{}}
}

// again is what a program finds that starts afterwards.
func (s *shaky) again() *shaky {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := newShaky()
	names := s.stable
	if s.kill {
		names = s.files
	}
	for name, f := range names {
		data := f.stable
		if s.kill {
			data = f.data
		}
		c := &shakyFile{s: n, data: slices.Clone(data), stable: slices.Clone(data)}
		n.files[name], n.stable[name] = c, c
	}
	return n
}

// use counts an operation.
func (s *shaky) use() error {
	if s.left > 0 {
		if s.left--; s.left == 0 {
			s.off = true
		}
	}
	if s.off {
		return errPower
	}
	return nil
}

func (s *shaky) names() ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.files)), nil
}

func (s *shaky) create(name string) (outFile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.use(); err != nil {
		return nil, err
	}
	if s.files[name] != nil {
		return nil, fs.ErrExist
	}
	f := &shakyFile{s: s}
	s.files[name] = f
	return f, nil
}

func (s *shaky) open(name string) (inFile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.files[name]; f != nil {
		return f, nil
	}
	return nil, fs.ErrNotExist
}

func (s *shaky) rename(from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.use(); err != nil {
		return err
	}
	s.files[to] = s.files[from]
	delete(s.files, from)
	s.renamed = true
	return nil
}

func (s *shaky) remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.use(); err != nil {
		return err
	}
	if s.files[name] == nil {
		return fs.ErrNotExist
	}
	delete(s.files, name)
	return nil
}

func (s *shaky) cut(name string, size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.use(); err != nil {
		return err
	}
	f := s.files[name]
	f.data = f.data[:min(int(size), len(f.data))]
	return nil
}

func (s *shaky) sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.use(); err != nil {
		return err
	}
	if s.renamed = s.renamed && s.unsure; s.renamed {
		s.renamed = false
		return errors.New("input/output error")
	}
	s.stable = maps.Clone(s.files)
	return nil
}

func (f *shakyFile) WriteAt(p []byte, off int64) (int, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if err := f.s.use(); err != nil {
		p = p[:len(p)/2] // it went in the middle
		f.write(p, off)
		return len(p), err
	}
	if f.s.full && int64(len(p)) > f.s.room {
		return 0, errors.New("no space left on device")
	}
	f.s.room -= int64(len(p))
	f.write(p, off)
	return len(p), nil
}

func (f *shakyFile) write(p []byte, off int64) {
	if end := int(off) + len(p); end > len(f.data) {
		f.data = append(f.data, make([]byte, end-len(f.data))...)
	}
	copy(f.data[off:], p)
}

func (f *shakyFile) ReadAt(p []byte, off int64) (int, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	m := memoryFile{b: f.data}
	return m.ReadAt(p, off)
}

func (f *shakyFile) Sync() error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if err := f.s.use(); err != nil {
		return err
	}
	f.stable = slices.Clone(f.data)
	return nil
}

func (f *shakyFile) Size() (int64, error) { return int64(len(f.data)), nil }
func (*shakyFile) Close() error           { return nil }
func (*shakyFile) allocate(int64) error   { return nil }

// TestPowerCut lets the power go, or the program, at every operation on the disk
// of some days with everything in them, and compares with what was flushed.
func TestPowerCut(t *testing.T) {
	for _, kill := range []bool{false, true} {
		ops := 0
		for cut := 1; ; cut++ {
			if testing.Short() && cut%7 != 0 || underRace && cut%29 != 0 {
				continue
			}
			s := newShaky()
			s.kill, s.left = kill, cut
			before, after := cutDays(t, s)
			if !s.off {
				ops = cut
				break
			}
			s = s.again()
			db, err := Open(Options{folder: s})
			if err != nil {
				t.Fatalf("after operation %d: %v", cut, err)
			}
			var got model = model{}
			for _, i := range db.Series() {
				got.append(i.Name, collect(t, db, i.Name)...)
			}
			if !got.equal(before) && !got.equal(after) {
				t.Fatalf("after operation %d (kill %v): there is neither what was stable nor what was to be: %d and %d samples, not %d and %d or %d and %d",
					cut, kill, len(got["a"]), len(got["b"]), len(before["a"]), len(before["b"]), len(after["a"]), len(after["b"]))
			}
			if st := db.Stats(); st.Damaged > 0 || st.Lost > 0 {
				t.Fatalf("after operation %d (kill %v): %+v", cut, kill, st)
			}
			for name, samples := range got {
				from := int64(1_763_900_000_000) / day * day
				want := got.buckets(name, from, from+20*day, 6*hour)
				b, _, err := db.Buckets(name, from, from+20*day, 6*hour, nil)
				if bad := sameBuckets(b, want); bad != "" || err != nil {
					t.Fatalf("after operation %d (kill %v): %s, %d samples: %s, %v", cut, kill, name, len(samples), bad, err)
				}
			}
			// It goes on.
			if err := errors.Join(db.Append("a", Sample{5, 5}), db.maintain(), db.Close()); err != nil {
				t.Fatalf("after operation %d: %v", cut, err)
			}
		}
		t.Logf("%d operations", ops)
	}
}

func (m model) equal(o model) bool {
	return maps.EqualFunc(m, o, func(a, b map[int64]float64) bool { return maps.Equal(a, b) })
}

func (m model) clone() model {
	c := model{}
	for name, s := range m {
		c[name] = maps.Clone(s)
	}
	return c
}

// cutDays does a bit of everything until the power goes. It returns what was
// certainly there then, and what was just being done.
func cutDays(t *testing.T, s *shaky) (before, after model) {
	before, after = model{}, model{}
	h := &house{t: t, m: model{}, now: time.UnixMilli(1_764_000_000_000), names: []string{"a", "b"}}
	h.rng = newRand(9)
	h.o = Options{folder: s, Now: func() time.Time { return h.now }}
	db, err := Open(h.o)
	if err != nil {
		return before, after
	}
	h.db = db
	did := func(err error) bool {
		after = h.m.clone()
		if err != nil || s.off {
			return false
		}
		before = after
		return true
	}
	for i := range 6 {
		for range 3 {
			h.live(4*time.Hour+7*time.Minute, 20*time.Minute)
			h.late(3, 50*time.Hour)
			after = h.m.clone()
			if !did(db.Flush()) || !did(db.maintain()) {
				return before, after
			}
		}
		switch i {
		case 2:
			delete(h.m, "b")
			if !did(db.Delete("b")) {
				return before, after
			}
		case 3:
			from := h.now.Add(-20 * time.Hour).UnixMilli()
			h.m.shift("a", from, from+5*hour, 7*hour+13)
			if !did(db.Shift("a", from, from+5*hour, 7*hour+13)) {
				return before, after
			}
		}
	}
	did(db.Close())
	return before, after
}

// A disk that is full takes nothing from those who append; when there is room
// again everything is written. Beyond the backlog the oldest is dropped.
func TestFullDisk(t *testing.T) {
	s := newShaky()
	h := newHouse(t, 1, Options{folder: s, Backlog: 20_000})
	h.live(time.Hour, 10*time.Second)
	h.maintain()
	s.full = true
	for range 5 {
		h.live(10*time.Minute, 10*time.Second)
		err := h.db.Flush()
		if err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Fatalf("Flush: %v", err)
		}
		h.db.report(err)
		if st := h.db.Stats(); st.Failing == "" || st.Unsaved == 0 || st.Pending == 0 || st.Dropped != 0 {
			t.Fatalf("%+v", st)
		}
		h.checkSamples()
	}
	s.full = false
	h.db.report(h.db.maintain())
	if st := h.db.Stats(); st.Failing != "" || st.Unsaved != 0 || st.Pending != 0 {
		t.Fatalf("%+v", st)
	}
	h.db, h.o.folder = open(t, Options{folder: s.again(), Now: h.o.Now}), nil
	h.checkSamples()

	s = h.db.folder.(*shaky)
	s.full, h.db.o.Backlog = true, 20_000
	for range 40 {
		for i := range int64(1000) {
			h.must(h.db.Append("a", Sample{h.now.UnixMilli() + i*100, h.rng.NormFloat64()}))
		}
		h.now = h.now.Add(100 * time.Second)
		h.db.maintain()
	}
	if st := h.db.Stats(); st.Unsaved > 20_000 || st.Dropped < 20_000 {
		t.Errorf("%+v", st)
	}
	got := collect(t, h.db, "a")
	if last := got[len(got)-1].Time; last < h.now.UnixMilli()-1000 {
		t.Error("the newest was dropped")
	}
}

func (h *house) checkSamples() {
	h.t.Helper()
	for _, name := range h.names {
		if got, all := collect(h.t, h.db, name), h.m.samples(name, minTime, maxTime); !slices.Equal(got, all) {
			h.fatal("%s: %d samples, want %d", name, len(got), len(all))
		}
	}
}

// A folder that cannot be written can be read, and is written when it can.
func TestReadOnly(t *testing.T) {
	s := newShaky()
	h := newHouse(t, 1, Options{folder: s})
	h.live(30*time.Hour, time.Minute)
	h.maintain()
	h.must(h.db.Close())
	s.off = true
	h.db = open(t, h.o)
	h.live(time.Hour, time.Minute)
	if h.db.maintain() == nil {
		t.Error("it was written")
	}
	h.checkSamples()
	s.off = false
	h.must(h.db.maintain())
	h.check()
}

// TestKill kills a process that writes, many times, as kill -9 does, and looks
// for what it said was stable.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	stable := 0
	for round := range 6 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "TSDB_KILLED="+dir, "TSDB_FROM="+strconv.Itoa(stable+1000))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 5+20*round && lines.Scan(); n++ {
			if v, err := strconv.Atoi(lines.Text()); err == nil {
				stable = v
			} else {
				t.Fatal(lines.Text())
			}
		}
		cmd.Process.Kill()
		for lines.Scan() {
			if v, err := strconv.Atoi(lines.Text()); err == nil {
				stable = v
			}
		}
		cmd.Wait()
		db, err := Open(Options{Folder: dir})
		if err != nil {
			t.Fatal(err)
		}
		got := map[int64]float64{}
		for s, err := range db.Samples("a", minTime, maxTime) {
			if err != nil {
				t.Fatal(err)
			}
			got[s.Time] = s.Value
		}
		first := int64(1000)
		if round > 0 && len(got) == 0 {
			t.Fatal("nothing is there")
		}
		missing := 0
		for i := first; i <= int64(stable); i++ {
			if v, ok := got[i*1000]; ok && v != float64(i) {
				t.Fatalf("sample %d is %v", i, v)
			} else if !ok {
				missing++
			}
		}
		// Each round begins 1000 later than the one before had said.
		if missing > round*1000 {
			t.Fatalf("round %d: %d samples are missing up to %d", round, missing, stable)
		}
		if s := db.Stats(); s.Damaged > 0 || s.Lost > 0 {
			t.Fatalf("%+v", s)
		}
		db.Close()
	}
}

// TestKilled is the process that TestKill kills: it says which number is stable.
func TestKilled(t *testing.T) {
	dir := os.Getenv("TSDB_KILLED")
	if dir == "" {
		t.Skip("part of TestKill")
	}
	from, _ := strconv.Atoi(os.Getenv("TSDB_FROM"))
	now := time.UnixMilli(int64(from) * 1000)
	db, err := Open(Options{Folder: dir, Now: func() time.Time { return now }})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for i := from; i < from+10_000_000; {
		for range 500 {
			if err := db.Append("a", Sample{int64(i) * 1000, float64(i)}); err != nil {
				fmt.Println(err)
			}
			i++
		}
		now = time.UnixMilli(int64(i) * 1000)
		if err := db.Flush(); err != nil {
			fmt.Println(err)
		}
		fmt.Println(i - 1)
		if err := db.maintain(); err != nil {
			fmt.Println(err)
		}
	}
}
