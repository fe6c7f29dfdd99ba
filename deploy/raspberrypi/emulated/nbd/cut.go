package nbd

import (
	"fmt"
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
	// LoseSome: some sectors reached the disk and others did not, in no order. A
	// sector that was written several times may have any of its versions. So
	// writes are torn and reordered.
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

// Cut takes the power away: what waits for a flush is lost as l says, and the
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
		for _, at := range sectors {
			if random.Float64() < share {
				v := d.cache[at]
				reached[at] = v[random.IntN(len(v))].data
			}
		}
		return reached
	}
	oldest := d.serial
	for _, v := range d.cache {
		oldest = min(oldest, v[0].write)
	}
	last := oldest + random.IntN(d.serial-oldest+1)
	torn := sectors[random.IntN(len(sectors))] // the last write got as far as here
	for _, at := range sectors {
		for _, v := range d.cache[at] {
			if v.write < last || v.write == last && at < torn {
				reached[at] = v.data
			}
		}
	}
	return reached
}
