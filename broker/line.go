package broker

// line is the deliveries that wait for a Subscription and were never
// delivered, by rising number. Unlike of a queue, any of them may be taken out.
// The zero line is empty. Its owner locks.
type line struct {
	q    queue
	void int // of q, that were taken out and are still there
}

// lineSlack is how many that were taken out a line may have besides as many as
// wait.
const lineSlack = 64

// len returns how many wait.
func (l *line) len() int { return l.q.len - l.void }

// bytes returns the size of those that wait.
func (l *line) bytes() int64 { return l.q.bytes }

// push adds a delivery with a number above all in the line.
func (l *line) push(d delivery) { l.q.push(d) }

// front returns the oldest delivery, nil if there is none. It is valid until
// the line changes.
func (l *line) front() *delivery {
	for l.q.len > 0 && l.q.front().void {
		l.q.pop()
		l.void--
	}
	return l.q.front()
}

// pop takes the oldest delivery out. There is one.
func (l *line) pop() delivery {
	l.front()
	return l.q.pop()
}

// find returns the delivery with that number, nil if it does not wait here.
func (l *line) find(seq uint64) *delivery {
	if d := l.q.find(seq); d != nil && !d.void {
		return d
	}
	return nil
}

// remove takes out a delivery that find has returned. Each costs the same in
// the long run, and memory is as for twice as many as wait.
func (l *line) remove(d *delivery) {
	l.q.bytes -= int64(d.size)
	*d = delivery{seq: d.seq, void: true}
	l.void++
	if l.void > l.len()+lineSlack {
		var q queue
		for l.len() > 0 {
			q.push(l.pop())
		}
		l.q, l.void = q, 0
	}
}

// join moves all of other, whose numbers are higher, to the end.
func (l *line) join(other *line) {
	for other.len() > 0 {
		l.push(other.pop())
	}
	*other = line{}
}
