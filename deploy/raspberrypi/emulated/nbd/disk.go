package nbd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

const (
	// Sector is the unit, bytes, of all offsets and lengths.
	Sector = 512
	// Atom is what of one write reaches the disk whole or not at all: bytes that
	// begin at a multiple of it.
	Atom = 2 * Sector
)

// cacheLimit is how many bytes wait for a flush at most.
const cacheLimit = 64 << 20

// Disk is an image file with a write cache that is lost with the power. Its
// methods may be called concurrently.
type Disk struct {
	size  int64 // bytes
	limit int64 // bytes in cache

	mu     sync.Mutex
	image  *os.File
	cache  map[int64][]version // by sector: what was written since the last flush, the newest last
	cached int64               // bytes in cache, all versions
	serial int                 // of the last write
	stats  Stats
	power  *power // nil: it stays on
}

// version is what a write had for one sector.
type version struct {
	write int // serial number
	data  []byte
}

// Stats are counts since Open. Bytes are those of requests.
type Stats struct {
	Reads, Writes, Flushes           int
	BytesRead, BytesWritten, Trimmed int64
	// Early is how often the cache was written out because it was full.
	Early int
}

var (
	errClosed = errors.New("the disk is closed")
	errPower  = errors.New("the power was cut meanwhile")
	errRange  = errors.New("not within the disk")
	errAlign  = errors.New("not a multiple of 512 bytes")
)

// Open opens an image, whose size is a multiple of 512 bytes.
func Open(path string) (*Disk, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open the image: %w", err)
	}
	info, err := f.Stat()
	if err == nil && (info.Size() == 0 || info.Size()%Sector != 0) {
		err = fmt.Errorf("%d bytes is %w", info.Size(), errAlign)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("image %s: %w", path, err)
	}
	return &Disk{size: info.Size(), limit: cacheLimit, image: f, cache: make(map[int64][]version)}, nil
}

// Close flushes and closes the image. Whoever wants what a cut leaves calls Cut before.
func (d *Disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.image == nil {
		return nil
	}
	err := errors.Join(d.flushLocked(), d.image.Close())
	d.image = nil
	d.powerOnLocked()
	return err
}

// Size is in bytes.
func (d *Disk) Size() int64 { return d.size }

// Stats returns the counts up to now.
func (d *Disk) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// check tells whether n bytes at off may be asked for.
func (d *Disk) check(off uint64, n int64) error {
	if off%Sector != 0 || n%Sector != 0 {
		return errAlign
	}
	if off > uint64(d.size) || n < 0 || n > d.size-int64(off) {
		return errRange
	}
	return nil
}

// ReadAt fills p with what was written last. It is an [io.ReaderAt] of whole sectors.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) {
	if err := d.check(uint64(off), int64(len(p))); err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.awaitPowerLocked(); err != nil {
		return 0, err
	}
	if n, err := d.image.ReadAt(p, off); err != nil && err != io.EOF {
		return n, err
	}
	for i := 0; i < len(p); i += Sector {
		if v := d.cache[(off+int64(i))/Sector]; len(v) > 0 {
			copy(p[i:i+Sector], v[len(v)-1].data)
		}
	}
	d.stats.Reads++
	d.stats.BytesRead += int64(len(p))
	return len(p), nil
}

// WriteAt takes whole sectors into the cache or, if fua is set, to the disk. It
// keeps nothing of p.
func (d *Disk) WriteAt(p []byte, off int64, fua bool) error {
	if err := d.check(uint64(off), int64(len(p))); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.awaitPowerLocked(); err != nil {
		return err
	}
	d.stats.Writes++
	d.stats.BytesWritten += int64(len(p))
	if fua {
		return d.throughLocked(p, off)
	}
	own := append([]byte(nil), p...)
	return d.cacheLocked(off, int64(len(p)), func(i int64) []byte { return own[i : i+Sector : i+Sector] })
}

var zeros [64 << 10]byte

// Zero makes n bytes read as zeros: TRIM and WRITE_ZEROES.
func (d *Disk) Zero(off, n int64, fua bool) error {
	if err := d.check(uint64(off), n); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.awaitPowerLocked(); err != nil {
		return err
	}
	d.stats.Trimmed += n
	if !fua {
		return d.cacheLocked(off, n, func(int64) []byte { return zeros[:Sector:Sector] })
	}
	for n > 0 {
		part := min(n, int64(len(zeros)))
		if err := d.throughLocked(zeros[:part], off); err != nil {
			return err
		}
		off, n = off+part, n-part
	}
	return nil
}

// cacheLocked takes n bytes that begin at off; data(i) are those of the sector i
// bytes behind off.
func (d *Disk) cacheLocked(off, n int64, data func(i int64) []byte) error {
	d.serial++
	n = d.power.most(off, n)
	for i := int64(0); i < n; i += Sector {
		if d.cached+Sector > d.limit {
			d.stats.Early++
			if err := d.flushLocked(); err != nil {
				return err
			}
		}
		at := (off + i) / Sector
		d.cache[at] = append(d.cache[at], version{d.serial, data(i)})
		d.cached += Sector
	}
	d.power.spend(n)
	return d.awaitPowerLocked()
}

// throughLocked writes to the image. What waited for the same sectors is older,
// and must not come after it.
func (d *Disk) throughLocked(p []byte, off int64) error {
	p = p[:d.power.most(off, int64(len(p)))]
	if _, err := d.image.WriteAt(p, off); err != nil {
		return err
	}
	for i := 0; i < len(p); i += Sector {
		at := (off + int64(i)) / Sector
		d.cached -= Sector * int64(len(d.cache[at]))
		delete(d.cache, at)
	}
	d.power.spend(int64(len(p)))
	return d.awaitPowerLocked()
}

// Flush makes durable what was written before.
func (d *Disk) Flush() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.awaitPowerLocked(); err != nil {
		return err
	}
	d.stats.Flushes++
	return d.flushLocked()
}

// flushLocked needs no fsync: the power of this machine is not cut.
func (d *Disk) flushLocked() error {
	for at, v := range d.cache {
		if _, err := d.image.WriteAt(v[len(v)-1].data, at*Sector); err != nil {
			return err
		}
	}
	d.emptyLocked()
	return nil
}

func (d *Disk) emptyLocked() {
	clear(d.cache)
	d.cached = 0
}
