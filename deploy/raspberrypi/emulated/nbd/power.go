package nbd

// power is what is left of the power of a disk that stops in mid-write.
type power struct {
	left int64         // bytes that may still be written
	gone chan struct{} // closed when it stops
	on   chan struct{} // closed when the power is back, or the disk is closed
}

// StopAfter has the power go in the middle of a write: with the last of n more
// sectors, at least 1, the disk stops, takes no more of that request and answers
// nobody. The channel is closed then. What the machine does meanwhile is of no
// avail; it is to be killed, and then [Disk.Cut] is to be called, which tells
// what became of what had not been flushed. Until then the disk stays as it is.
// StopAfter may be called again after a cut.
func (d *Disk) StopAfter(n int) (stopped <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.powerOnLocked()
	d.power = &power{left: int64(n) * Sector, gone: make(chan struct{}), on: make(chan struct{})}
	return d.power.gone
}

// powerOnLocked lets go who waits for the power.
func (d *Disk) powerOnLocked() {
	if d.power != nil {
		close(d.power.on)
		d.power = nil
	}
}

// most returns how many of n bytes at off can be written: whole atoms, and so
// perhaps one sector more than there is power for. A nil power is one that stays
// on.
func (p *power) most(off, n int64) int64 {
	if p == nil {
		return n
	}
	end := (off + p.left + Atom - 1) / Atom * Atom
	return min(n, end-off)
}

// spend notes that n bytes were written. With nothing left the power goes.
func (p *power) spend(n int64) {
	if p == nil {
		return
	}
	if p.left -= n; p.left <= 0 {
		close(p.gone)
	}
}

// stopped tells whether nothing works any more.
func (p *power) stopped() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// awaitPowerLocked returns nil if the disk works. If it has stopped it waits until
// the power is back, without the lock, and returns an error: what was asked for
// is not done.
func (d *Disk) awaitPowerLocked() error {
	if d.image == nil {
		return errClosed
	}
	p := d.power
	if !p.stopped() {
		return nil
	}
	d.mu.Unlock()
	<-p.on
	d.mu.Lock()
	return errPower
}
