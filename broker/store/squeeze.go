package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Compact makes the store as small as it can be: it moves what is needed out of
// every segment that has something else, too, and gives the rest back to the file
// system. A store does as much of this by itself as is worth the writing; this
// is for one that is to be copied or has to be small now. It fails with ctx's
// error, or if the store cannot be written.
func (d *Disk) Compact(ctx context.Context) error {
	d.mu.Lock()
	upTo := d.lastID
	if c := d.cur; c.empty() && (c.at > segmentHead || c.seg.file != nil) {
		d.newSegmentLocked(d.o.SegmentSize)
	}
	d.mu.Unlock()
	for {
		d.mu.Lock()
		if d.closing {
			d.mu.Unlock()
			return ErrClosed
		}
		if d.move == nil {
			d.move = d.squeezeLocked(upTo)
		}
		more := d.move != nil
		if more {
			d.moveLocked()
		}
		d.mu.Unlock()
		if !more {
			break
		}
		if err := d.settle(ctx); err != nil {
			return err
		}
	}
	// What lies before the last round but one is not needed.
	for range 2 {
		if err := d.forceRound(ctx); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clearLocked()
	for _, name := range d.spares {
		if err := d.fs.Remove(name); err != nil {
			return err
		}
	}
	d.spares = nil
	return nil
}

// squeezeLocked begins to move from a segment up to a number that has anything
// that is not needed, nil if there is none.
func (d *Disk) squeezeLocked(upTo uint32) *mover {
	for _, s := range d.segments {
		u := d.x.usage[s.id]
		if s.id > upTo || !s.old || s.file == nil || s.tried || u == nil || u.refs == 0 || u.bytes*10 > (s.size-2*segmentHead)*9 {
			continue
		}
		s.tried = true
		if m := d.moverLocked(s); m != nil {
			return m
		}
	}
	return nil
}

// forceRound states everything again.
func (d *Disk) forceRound(ctx context.Context) error {
	if err := d.endRound(ctx); err != nil { // one that is under way
		return err
	}
	d.mu.Lock()
	d.round.wanted = true
	d.roundLocked()
	d.mu.Unlock()
	return d.endRound(ctx)
}

// endRound carries the round on until it has ended and is stable.
func (d *Disk) endRound(ctx context.Context) error {
	for {
		if err := d.settle(ctx); err != nil {
			return err
		}
		d.mu.Lock()
		d.roundLocked()
		r := &d.round
		done := !r.active && r.end == 0
		d.mu.Unlock()
		if done {
			return nil
		}
	}
}

// settle waits until everything that was appended is stable, as long as it can
// be.
func (d *Disk) settle(ctx context.Context) error {
	for {
		d.mu.Lock()
		mark := d.cur.mark
		if d.cur.empty() {
			mark--
		}
		d.mu.Unlock()
		short, cancel := context.WithTimeout(ctx, time.Second)
		err := d.Wait(short, mark)
		cancel()
		if err == nil || ctx.Err() != nil || errors.Is(err, ErrClosed) {
			return err
		}
		if failed := d.Stats().Failure; failed != nil {
			return fmt.Errorf("the store cannot be written: %w", failed)
		}
	}
}
