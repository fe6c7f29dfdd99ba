package storetest

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
)

// Mode says what a crash leaves of what was not synced.
type Mode int

// What a crash may leave. A folder that was not synced has of its changes none,
// all, the first few (as with a journal) or any (as without one).
const (
	None Mode = iota // nothing
	All              // everything
	Some             // any of the sectors, each as it was at any time since
	Torn             // likewise, and some only to their middle
	Kill             // the cache: only the process has ended
)

func (m Mode) String() string { return [...]string{"none", "all", "some", "torn", "kill"}[m] }

// Modes are all modes.
var Modes = []Mode{None, All, Some, Torn, Kill}

// Crash returns the disk as it is found after the power went now. The disk that
// it was stays as it is, and can crash in another way again.
func (d *Disk) Crash(m Mode, seed uint64) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := NewDisk(seed)
	after.free = d.free
	copies := make(map[*inode]*inode)
	get := func(n *inode) *inode {
		if n == nil {
			return nil
		}
		c := copies[n]
		if c == nil {
			if c = newInode(); m == Kill {
				c.data, c.stable = bytes.Clone(n.data), bytes.Clone(n.stable)
				c.sizes = slices.Clone(n.sizes)
				for i, versions := range n.dirty {
					c.dirty[i] = slices.Clip(versions)
				}
			} else {
				c.stable = n.after(m, after.rand)
				c.data = bytes.Clone(c.stable)
			}
			copies[n] = c
		}
		return c
	}
	for name, n := range d.stable {
		after.stable[name] = get(n)
	}
	if m == Kill {
		for _, x := range d.moves {
			x.inode = get(x.inode)
			after.moves = append(after.moves, x)
		}
		for name, n := range d.names {
			after.names[name] = get(n)
		}
		return after
	}
	for _, x := range kept(d.moves, m, after.rand) {
		x.inode = get(x.inode)
		x.apply(after.stable)
	}
	after.names = maps.Clone(after.stable)
	return after
}

// kept returns which changes of names a crash keeps.
func kept(moves []move, m Mode, r *rand.Rand) []move {
	switch {
	case m == All:
		return moves
	case m == None:
		return nil
	case r.IntN(2) == 0:
		return moves[:r.IntN(len(moves)+1)]
	}
	return slices.DeleteFunc(slices.Clone(moves), func(move) bool { return r.IntN(2) == 0 })
}

// after returns what the disk has of a file after a crash.
func (n *inode) after(m Mode, r *rand.Rand) []byte {
	out := bytes.Clone(n.stable)
	switch {
	case m == All:
		out = resize(out, int64(len(n.data)))
	case m != None && len(n.sizes) > 0:
		if i := r.IntN(len(n.sizes) + 1); i > 0 {
			out = resize(out, n.sizes[i-1])
		}
	}
	for _, i := range slices.Sorted(maps.Keys(n.dirty)) {
		at := i * SectorSize
		if at >= int64(len(out)) {
			continue
		}
		versions := n.dirty[i]
		switch m {
		case All:
			copy(out[at:], versions[len(versions)-1])
		case Some, Torn:
			v := r.IntN(len(versions) + 1)
			if v == 0 {
				continue
			}
			kept := versions[v-1]
			if m == Torn && r.IntN(2) == 0 {
				kept = kept[:r.IntN(SectorSize)]
			}
			copy(out[at:], kept)
		}
	}
	return out
}

// Content returns what a file has, as it is seen; nil if there is none of that
// name.
func (d *Disk) Content(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[name]; n != nil {
		return bytes.Clone(n.data)
	}
	return nil
}

// Put makes a file with that content, all of it stable, or replaces one.
func (d *Disk) Put(name string, content []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := newInode()
	n.data, n.stable = bytes.Clone(content), bytes.Clone(content)
	d.names[name], d.stable[name] = n, n
}

// List returns the names of all files, sorted.
func (d *Disk) List() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.names))
}
