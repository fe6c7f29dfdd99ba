package nbd

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
)

// Loss is what a power cut does to writes that were not flushed. All of them are
// allowed to a disk; a file system and a store have to stand each.
type Loss int

const (
	// LoseAll: nothing of them reached the disk.
	LoseAll Loss = iota
	// LoseSome: some atoms reached the disk and others did not, in no order. One
	// that was written several times may be as after any of these writes. So writes
	// are torn and reordered.
	LoseSome
	// LoseTail: they reached the disk in their order up to some moment; the last
	// one is torn.
	LoseTail
)

// Losses are all of them.
var Losses = []Loss{LoseAll, LoseSome, LoseTail}

func (l Loss) String() string {
	if l < 0 || int(l) >= len(Losses) {
		return fmt.Sprintf("Loss(%d)", int(l))
	}
	return [...]string{"all is lost", "some is lost", "the tail is lost"}[l]
}

// Report is what a cut has done.
type Report struct {
	Waiting int // sectors that waited for a flush
	Reached int // of those, sectors that have a new content
}

func (r Report) String() string {
	return fmt.Sprintf("%d of %d unflushed sectors reached the disk", r.Reached, r.Waiting)
}

// Cut takes the power away, or what [Disk.StopAfter] has left: what waits for a flush is lost as l says, and the
// image is what the disk has at its next power on. The machine that uses the
// disk should be gone: what it writes later is written to the disk that is on
// again.
func (d *Disk) Cut(l Loss, random *rand.Rand) (Report, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.image == nil {
		return Report{}, errClosed
	}
	r := Report{Waiting: len(d.cache)}
	reached := d.survivorsLocked(l, random)
	r.Reached = len(reached)
	for at, data := range reached {
		if _, err := d.image.WriteAt(data, at*Sector); err != nil {
			return r, fmt.Errorf("cut: %w", err)
		}
	}
	d.emptyLocked()
	d.powerOnLocked()
	return r, nil
}

// survivorsLocked returns what reached the disk, by sector. The sectors are
// visited in their order, so that a seed always does the same.
func (d *Disk) survivorsLocked(l Loss, random *rand.Rand) map[int64][]byte {
	reached := make(map[int64][]byte)
	if l == LoseAll || len(d.cache) == 0 {
		return reached
	}
	sectors := slices.Sorted(maps.Keys(d.cache))
	if l == LoseSome {
		share := random.Float64()
		for atom := range chunk(sectors) {
			if random.Float64() < share {
				writes := d.writesLocked(atom)
				d.asOfLocked(reached, atom, writes[random.IntN(len(writes))])
			}
		}
		return reached
	}
	writes := d.writesLocked(sectors)
	last := writes[random.IntN(len(writes))]
	torn := sectors[random.IntN(len(sectors))] / atomSectors // the last write got as far as here
	for atom := range chunk(sectors) {
		if atom[0]/atomSectors < torn {
			d.asOfLocked(reached, atom, last)
		} else {
			d.asOfLocked(reached, atom, last-1)
		}
	}
	return reached
}

const atomSectors = Atom / Sector

// chunk yields those of ascending sectors that are of one atom.
func chunk(sectors []int64) iter.Seq[[]int64] {
	return func(yield func([]int64) bool) {
		for len(sectors) > 0 {
			n := 1
			for n < len(sectors) && sectors[n]/atomSectors == sectors[0]/atomSectors {
				n++
			}
			if !yield(sectors[:n]) {
				return
			}
			sectors = sectors[n:]
		}
	}
}

// writesLocked returns the writes that sectors have something of, in their order.
func (d *Disk) writesLocked(sectors []int64) []int {
	var all []int
	for _, at := range sectors {
		for _, v := range d.cache[at] {
			all = append(all, v.write)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// asOfLocked puts into reached what sectors had after a write.
func (d *Disk) asOfLocked(reached map[int64][]byte, sectors []int64, write int) {
	for _, at := range sectors {
		for _, v := range d.cache[at] {
			if v.write <= write {
				reached[at] = v.data
			}
		}
	}
}
