package storetest

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"

	"gateway/broker/store"
)

// SectorSize is how many bytes a disk writes together, if nothing tears them.
const SectorSize = 512

// ErrOff is what everything fails with after the power went.
var ErrOff = errors.New("the power is off")

// Disk is a folder in memory, a [store.FS], that treats what was not synced as
// badly as a disk may. Every write goes into a cache, sector by sector, and
// every change of a name does; Sync of a file empties the one, Sync of the
// folder the other. [Disk.Crash] leaves of the cache what it likes.
//
// Every method of the folder and of its files is a call, and calls are counted
// from 1. At a call the power can go ([Disk.CrashAt]), and from a call on they
// can fail ([Disk.FailAt]).
//
// The zero Disk is not ready; make one with [NewDisk]. Its methods may be called
// concurrently.
type Disk struct {
	mu     sync.Mutex
	rand   *rand.Rand
	names  map[string]*inode // as they are seen
	stable map[string]*inode // as they are on the disk
	moves  []move            // what was not synced of names, in its order
	free   int64

	calls   int
	crashAt int // the power goes before this call; 0 for never
	off     bool
	fault   Fault
	failed  int // calls that failed because of fault
}

// Fault is calls that fail.
type Fault struct {
	At    int   // the first, as calls are counted; 0 for none
	Count int   // how many; less than 0 is all until [Disk.Heal]
	Err   error // ENOSPC and EROFS meet only calls that can fail with them
}

// NewDisk returns an empty disk with much room. seed decides what is left open:
// how much of a write that fails is done, and what a failed sync has written.
func NewDisk(seed uint64) *Disk {
	return &Disk{
		rand:   rand.New(rand.NewPCG(seed, 0)),
		names:  make(map[string]*inode),
		stable: make(map[string]*inode),
		free:   math.MaxInt64,
	}
}

// CrashAt has the power go before the call n, counted from the making of the
// disk.
func (d *Disk) CrashAt(n int) { d.mu.Lock(); d.crashAt = n; d.mu.Unlock() }

// FailAt has calls fail.
func (d *Disk) FailAt(f Fault) { d.mu.Lock(); d.fault, d.failed = f, 0; d.mu.Unlock() }

// Heal ends what FailAt has begun.
func (d *Disk) Heal() { d.FailAt(Fault{}) }

// SetFree sets what Free returns.
func (d *Disk) SetFree(n int64) { d.mu.Lock(); d.free = n; d.mu.Unlock() }

// Calls returns how many calls there were.
func (d *Disk) Calls() int { d.mu.Lock(); defer d.mu.Unlock(); return d.calls }

// Failed returns how many calls failed since FailAt.
func (d *Disk) Failed() int { d.mu.Lock(); defer d.mu.Unlock(); return d.failed }

// Off tells whether the power went.
func (d *Disk) Off() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.off }

// ability is what a call does, which decides how it can fail.
type ability int

const (
	reads   ability = iota
	changes         // what is there: on a file system that is read-only it fails
	adds            // and on one that is full, too
)

// callLocked counts a call and returns why it fails, nil if it does not.
func (d *Disk) callLocked(a ability) error {
	d.calls++
	if d.crashAt != 0 && d.calls >= d.crashAt {
		d.off = true
	}
	if d.off {
		return ErrOff
	}
	f := d.fault
	if f.At == 0 || d.calls < f.At || f.Count >= 0 && d.failed >= f.Count {
		return nil
	}
	if errors.Is(f.Err, syscall.ENOSPC) && a != adds || errors.Is(f.Err, syscall.EROFS) && a == reads {
		return nil
	}
	d.failed++
	return f.Err
}

// Names implements [store.FS].
func (d *Disk) Names() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.callLocked(reads); err != nil {
		return nil, err
	}
	return slices.Collect(maps.Keys(d.names)), nil
}

// Open implements [store.FS].
func (d *Disk) Open(name string, create bool) (store.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := reads
	if create {
		a = adds
	}
	if err := d.callLocked(a); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	n := d.names[name]
	switch {
	case create && n != nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case !create && n == nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case create:
		n = newInode()
		d.moveLocked(move{to: name, inode: n})
	}
	return &file{disk: d, inode: n}, nil
}

// Rename implements [store.FS].
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.callLocked(adds); err != nil {
		return &fs.PathError{Op: "rename", Path: from, Err: err}
	}
	if d.names[from] == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	d.moveLocked(move{from: from, to: to})
	return nil
}

// Remove implements [store.FS].
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.callLocked(changes); err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	if d.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	d.moveLocked(move{from: name})
	return nil
}

// Sync implements [store.FS].
func (d *Disk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.callLocked(adds); err != nil {
		return &fs.PathError{Op: "sync", Path: ".", Err: err}
	}
	d.stable, d.moves = maps.Clone(d.names), nil
	return nil
}

// Free implements [store.FS].
func (d *Disk) Free() (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.callLocked(reads); err != nil {
		return 0, err
	}
	return d.free, nil
}

// move is a change of names: a file was made, renamed or removed.
type move struct {
	from, to string
	inode    *inode // the one that was made
}

func (m move) apply(names map[string]*inode) {
	n := m.inode
	if m.from != "" {
		if n = names[m.from]; n == nil {
			return // it was never made
		}
		delete(names, m.from)
	}
	if m.to != "" {
		names[m.to] = n
	}
}

func (d *Disk) moveLocked(m move) {
	m.apply(d.names)
	d.moves = append(d.moves, m)
}

// inode is a file without its name.
type inode struct {
	data   []byte             // as it is seen
	stable []byte             // as it is on the disk
	dirty  map[int64][][]byte // what each sector has been since the last sync
	sizes  []int64            // and the file
}

func newInode() *inode { return &inode{dirty: make(map[int64][][]byte)} }

// sector returns the sector of b, which may be longer or shorter than that.
func sector(b []byte, i int64) []byte {
	out := make([]byte, SectorSize)
	if at := i * SectorSize; at < int64(len(b)) {
		copy(out, b[at:])
	}
	return out
}

func resize(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		return b[:n]
	}
	return append(b, make([]byte, n-int64(len(b)))...)
}

func (n *inode) write(b []byte, at int64) {
	if len(b) == 0 {
		return
	}
	end := at + int64(len(b))
	if end > int64(len(n.data)) {
		n.data = resize(n.data, end)
		n.sizes = append(n.sizes, end)
	}
	copy(n.data[at:], b)
	for i := at / SectorSize; i*SectorSize < end; i++ {
		n.dirty[i] = append(n.dirty[i], sector(n.data, i))
	}
}

func (n *inode) clean() {
	n.sizes = nil
	clear(n.dirty)
}

// sync makes the file stable as it is: those sectors that were written, and
// not those that a failed sync has forgotten.
func (n *inode) sync() {
	n.stable = resize(n.stable, int64(len(n.data)))
	for i, versions := range n.dirty {
		copy(n.stable[i*SectorSize:], versions[len(versions)-1])
	}
	n.clean()
}

// file is an open file.
type file struct {
	disk   *Disk
	inode  *inode
	closed bool
}

// call counts a call of the file's, which is locked until unlock.
func (f *file) call(a ability) error {
	f.disk.mu.Lock()
	if f.closed {
		return fs.ErrClosed
	}
	return f.disk.callLocked(a)
}

func (f *file) unlock() { f.disk.mu.Unlock() }

func (f *file) ReadAt(b []byte, at int64) (int, error) {
	defer f.unlock()
	if err := f.call(reads); err != nil {
		return 0, err
	}
	if at >= int64(len(f.inode.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.inode.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(b []byte, at int64) (int, error) {
	defer f.unlock()
	if err := f.call(adds); err != nil {
		n := 0
		if !f.closed && !f.disk.off && f.disk.rand.IntN(2) == 0 {
			n = f.disk.rand.IntN(len(b) + 1)
			f.inode.write(b[:n], at)
		}
		return n, err
	}
	f.inode.write(b, at)
	return len(b), nil
}

// Sync fails as the systems do that forget what they could not write: it looks
// written, and the next sync succeeds.
func (f *file) Sync() error {
	defer f.unlock()
	if err := f.call(adds); err != nil {
		if !f.closed && !f.disk.off && f.disk.rand.IntN(2) == 0 {
			f.inode.stable = f.inode.after(Some, f.disk.rand)
			f.inode.clean()
		}
		return err
	}
	f.inode.sync()
	return nil
}

func (f *file) Allocate(size int64) error {
	defer f.unlock()
	if err := f.call(adds); err != nil {
		return err
	}
	if size > int64(len(f.inode.data)) {
		f.inode.data = resize(f.inode.data, size)
		f.inode.sizes = append(f.inode.sizes, size)
	}
	return nil
}

func (f *file) Size() (int64, error) {
	defer f.unlock()
	if err := f.call(reads); err != nil {
		return 0, err
	}
	return int64(len(f.inode.data)), nil
}

// Close closes the file even where it fails.
func (f *file) Close() error {
	defer f.unlock()
	err := f.call(reads)
	f.closed = true
	return err
}
