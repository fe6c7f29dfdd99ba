package badline

// Ending is how connections are cut.
type Ending int

// Reset ends with RST: the peers' reads fail. Finish ends with FIN: the peers
// read the end; what they still send is thrown away until they close as well.
const (
	Reset Ending = iota
	Finish
)

// cutting is a cut that waits for a number of bytes.
type cutting struct {
	armed bool
	left  int64 // bytes that still pass
	how   Ending
}

// Cut ends all connections on both sides; what is under way is lost. New
// connections are taken, see [Line.Refuse]. One that is half open, or that has
// been finished before, is reset whatever how is.
func (l *Line) Cut(how Ending) {
	for _, p := range l.all() {
		if how == Finish {
			p.finish()
		} else {
			p.reset()
		}
	}
}

// HalfOpen makes dead all connections that are open now, as a NAT does that
// forgot them: they stay open on both sides, nothing passes any more in either
// direction, and what is under way is lost. They last until Cut or Close, also
// if their peers close. New connections work.
func (l *Line) HalfOpen() {
	for _, p := range l.all() {
		p.silence()
	}
}

// CutAfter cuts all connections, once, when n more bytes have passed in the
// direction, all connections together: in the middle of a packet. With Finish
// exactly n bytes arrive, with Reset at most n. For Both each direction has its
// own n. A value below 1 takes the order back.
func (l *Line) CutAfter(dir Direction, n int64, how Ending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	dir.each(func(way int) {
		if n < 1 {
			l.cutting[way].armed = false
			return
		}
		l.cutting[way] = cutting{armed: true, left: n, how: how}
	})
	l.changedLocked()
}

// allow takes up to n bytes from what may pass before the cut. If last, the
// caller calls cutNow after writing them. 0 bytes that are not the last wait for
// somebody else's cut.
func (l *Line) allow(way, n int) (allowed int, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &l.cutting[way]
	if !c.armed {
		return n, false
	}
	if c.left == 0 {
		return 0, false
	}
	n = int(min(int64(n), c.left))
	c.left -= int64(n)
	return n, c.left == 0
}

// cutNow carries out the cut that way waited for.
func (l *Line) cutNow(way int) {
	l.mu.Lock()
	how := l.cutting[way].how
	l.mu.Unlock()
	l.Cut(how)
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := &l.cutting[way]; c.left == 0 {
		c.armed = false
	}
	l.changedLocked()
}
