package nbd

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// newDisk returns a disk of n sectors, and its image's file.
func newDisk(t testing.TB, n int64) (*Disk, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, n*Sector); err != nil {
		t.Fatal(err)
	}
	d, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, file
}

// fill returns n sectors of a byte.
func fill(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n*Sector) }

// content returns the first byte of each sector of the image: what a power cut
// that loses all would leave.
func content(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for s := range slices.Chunk(b, Sector) {
		if !bytes.Equal(s, bytes.Repeat(s[:1], Sector)) {
			t.Fatalf("a sector is torn: % x", s)
		}
		out = append(out, s[0])
	}
	return out
}

func read(t testing.TB, d *Disk) []byte {
	t.Helper()
	b := make([]byte, d.Size())
	if _, err := d.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	var out []byte
	for s := range slices.Chunk(b, Sector) {
		out = append(out, s[0])
	}
	return out
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("%s has % x, want % x", what, got, want)
	}
}

func TestWritesWaitForAFlush(t *testing.T) {
	d, file := newDisk(t, 4)
	ok(t, d.WriteAt(fill(1, 2), 0, false))
	ok(t, d.WriteAt(fill(2, 2), Sector, false))
	equal(t, "the image before the flush", content(t, file), []byte{0, 0, 0, 0})
	equal(t, "the disk before the flush", read(t, d), []byte{1, 2, 2, 0})
	ok(t, d.Flush())
	equal(t, "the image after the flush", content(t, file), []byte{1, 2, 2, 0})
	ok(t, d.WriteAt(fill(3, 4), 0, false))
	r, err := d.Cut(LoseAll, nil)
	ok(t, err)
	if r != (Report{Waiting: 4}) {
		t.Errorf("report of the cut: %v", r)
	}
	equal(t, "the disk after the cut", read(t, d), []byte{1, 2, 2, 0})
	if s := d.Stats(); s.Writes != 3 || s.Flushes != 1 || s.BytesWritten != 8*Sector {
		t.Errorf("stats %+v", s)
	}
}

func TestForcedUnitAccessIsDurableAtOnce(t *testing.T) {
	d, file := newDisk(t, 4)
	ok(t, d.WriteAt(fill(1, 4), 0, false))
	ok(t, d.WriteAt(fill(2, 1), 2*Sector, true))
	equal(t, "the image", content(t, file), []byte{0, 0, 2, 0})
	ok(t, d.Flush()) // must not bring back what is older
	equal(t, "the image after a flush", content(t, file), []byte{1, 1, 2, 1})
}

func TestTrimmedSectorsAreZero(t *testing.T) {
	d, file := newDisk(t, 300)
	ok(t, d.WriteAt(fill(7, 300), 0, true))
	ok(t, d.Zero(Sector, Sector, false))
	ok(t, d.Zero(3*Sector, 290*Sector, true))
	if got := content(t, file); got[1] != 7 || got[3] != 0 || got[292] != 0 || got[293] != 7 {
		t.Errorf("the image has % x", got)
	}
	if got := read(t, d); got[1] != 0 || got[2] != 7 {
		t.Errorf("the disk has % x", got)
	}
}

func TestAFullCacheIsWrittenOut(t *testing.T) {
	d, file := newDisk(t, 8)
	d.limit = 3 * Sector
	ok(t, d.WriteAt(fill(5, 8), 0, false))
	if d.cached > d.limit || d.Stats().Early == 0 {
		t.Errorf("%d bytes wait, of at most %d; written out %d times", d.cached, d.limit, d.Stats().Early)
	}
	equal(t, "the disk", read(t, d), fill(5, 8)[:8])
	equal(t, "the image", content(t, file), []byte{5, 5, 5, 5, 5, 5, 0, 0})
}

func TestOutsideOfTheDisk(t *testing.T) {
	d, _ := newDisk(t, 4)
	for _, c := range []struct {
		off  int64
		n    int
		want error
	}{
		{4 * Sector, Sector, errRange}, {0, 5 * Sector, errRange}, {-Sector, Sector, errRange},
		{1, Sector, errAlign}, {0, 100, errAlign},
	} {
		if err := d.WriteAt(make([]byte, c.n), c.off, false); !errors.Is(err, c.want) {
			t.Errorf("write of %d bytes at %d: %v", c.n, c.off, err)
		}
		if _, err := d.ReadAt(make([]byte, c.n), c.off); !errors.Is(err, c.want) {
			t.Errorf("read of %d bytes at %d: %v", c.n, c.off, err)
		}
		if err := d.Zero(c.off, int64(c.n), false); !errors.Is(err, c.want) {
			t.Errorf("trim of %d bytes at %d: %v", c.n, c.off, err)
		}
	}
	ok(t, d.Close())
	ok(t, d.Close())
	if err := d.Flush(); !errors.Is(err, errClosed) {
		t.Errorf("flush of a closed disk: %v", err)
	}
}

func TestImagesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	odd := filepath.Join(dir, "odd")
	ok(t, os.WriteFile(odd, make([]byte, 700), 0o600))
	if _, err := Open(odd); !errors.Is(err, errAlign) {
		t.Errorf("700 bytes: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// A disk beside a model that knows what each sector may have after a cut: what it
// had at the last flush, or anything written since.
func TestCutsAtRandom(t *testing.T) {
	const sectors = 12
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		d, file := newDisk(t, sectors)
		allowed := make([][]byte, sectors)
		for i := range allowed {
			allowed[i] = []byte{0}
		}
		for step := range 200 {
			at := random.IntN(sectors)
			n := 1 + random.IntN(sectors-at)
			value := byte(1 + step)
			switch random.IntN(12) {
			case 0:
				ok(t, d.Flush())
				for i := range allowed {
					allowed[i] = allowed[i][len(allowed[i])-1:]
				}
			case 1:
				ok(t, d.WriteAt(fill(value, n), int64(at)*Sector, true))
				for i := at; i < at+n; i++ {
					allowed[i] = []byte{value}
				}
			case 2:
				ok(t, d.Zero(int64(at)*Sector, int64(n)*Sector, false))
				for i := at; i < at+n; i++ {
					allowed[i] = append(allowed[i], 0)
				}
			case 3:
				loss := Losses[random.IntN(len(Losses))]
				r, err := d.Cut(loss, random)
				ok(t, err)
				got := content(t, file)
				equal(t, "the disk after the cut", read(t, d), got)
				for i, b := range got {
					if !bytes.Contains(allowed[i], []byte{b}) || loss == LoseAll && b != allowed[i][0] {
						t.Fatalf("seed %d, %v: sector %d has %d, and may have %d", seed, loss, i, b, allowed[i])
					}
					allowed[i] = []byte{b}
				}
				if r.Reached > r.Waiting || loss == LoseAll && r.Reached != 0 {
					t.Fatalf("%v: %v", loss, r)
				}
			default:
				ok(t, d.WriteAt(fill(value, n), int64(at)*Sector, false))
				for i := at; i < at+n; i++ {
					allowed[i] = append(allowed[i], value)
				}
			}
		}
	}
}

// What one write has for an atom is there or is not.
func TestAtomsAreNotTorn(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 3))
		for _, loss := range Losses {
			for _, fua := range []bool{false, true} {
				d, file := newDisk(t, 16)
				stopped := d.StopAfter(1 + random.IntN(40))
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					for i := byte(1); d.WriteAt(fill(i, 14), Sector, fua) == nil; i++ { // two halves, six whole ones
					}
				}()
				<-stopped
				_, err := d.Cut(loss, random)
				ok(t, err)
				<-ended
				got := content(t, file)
				for i := 2; i < 14; i += 2 {
					if got[i] != got[i+1] {
						t.Fatalf("seed %d, %v, FUA %v: % x", seed, loss, fua, got)
					}
				}
			}
		}
	}
}

// What LoseTail leaves is what there was at some moment, but for the last write.
func TestTheTailIsLostInOrder(t *testing.T) {
	seen := make(map[int]bool)
	for seed := range uint64(200) {
		d, file := newDisk(t, 16)
		for i := range 16 {
			ok(t, d.WriteAt(fill(byte(i+1), 1), int64(i)*Sector, false))
		}
		_, err := d.Cut(LoseTail, rand.New(rand.NewPCG(seed, 2)))
		ok(t, err)
		n := len(bytes.TrimRight(content(t, file), "\x00"))
		if bytes.IndexByte(content(t, file)[:n], 0) >= 0 {
			t.Fatalf("seed %d: a hole: % x", seed, content(t, file))
		}
		seen[n] = true
	}
	if len(seen) < 10 {
		t.Errorf("200 cuts ended in %d places", len(seen))
	}
}

// The same seed cuts in the same way.
func TestCutsCanBeRepeated(t *testing.T) {
	for _, loss := range Losses {
		var first []byte
		for range 3 {
			d, file := newDisk(t, 64)
			for i := range 64 {
				ok(t, d.WriteAt(fill(byte(i+1), 64-i), int64(i)*Sector, false))
			}
			_, err := d.Cut(loss, rand.New(rand.NewPCG(9, 9)))
			ok(t, err)
			if got := content(t, file); first == nil {
				first = got
			} else {
				equal(t, loss.String(), got, first)
			}
		}
	}
}
