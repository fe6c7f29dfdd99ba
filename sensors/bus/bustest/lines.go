package bustest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	"gateway/sensors/bus"
)

// Lines are GPIO lines that a test drives. Every line there can be exists; one
// that nobody drives has the level of its resistor, or is low. It may be used
// concurrently.
//
//	l := bustest.NewLines()
//	l.OnSet("GPIO23", func(high bool) { // an HC-SR04 that sees a wall
//		if !high {
//			l.SetLevel("GPIO24", true, time.Now().Add(200*time.Microsecond))
//			l.SetLevel("GPIO24", false, time.Now().Add(3*time.Millisecond))
//		}
//	})
type Lines struct {
	mu      sync.Mutex
	changed chan struct{} // closed at the next change; a new one then
	lines   map[string]*fakeLine
	buffer  int
}

// Level is a level of a line, from a moment on.
type Level struct {
	Time time.Time
	High bool // the voltage, whatever ActiveLow says
}

var _ bus.GPIOLines = (*Lines)(nil)

// NewLines returns lines that nobody drives.
func NewLines() *Lines {
	return &Lines{changed: make(chan struct{}), lines: map[string]*fakeLine{}, buffer: 1024}
}

// fakeLine is a line. Its level is brought up to date when somebody looks.
type fakeLine struct {
	high     bool
	since    time.Time // of that level
	driven   bool      // from outside
	coming   []Level   // in order
	in       *fakeInput
	out      *fakeOutput
	onSet    func(high bool)
	sets     []Level
	consumer string // who else has the line
	err      error
}

// SetLevel makes the voltage of a line high or low from at on: then, an input
// has its edge with that time. A zero time is now; a time that has passed
// counts at once.
func (l *Lines) SetLevel(line string, high bool, at time.Time) {
	if at.IsZero() {
		at = time.Now()
	}
	l.change(line, func(f *fakeLine) {
		f.coming = append(f.coming, Level{at, high})
		slices.SortStableFunc(f.coming, func(a, b Level) int { return a.Time.Compare(b.Time) })
	})
}

// High returns the voltage of a line now, of outputs too.
func (l *Lines) High(line string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.lineLocked(line)
	f.advance(time.Now(), l.buffer)
	return f.high
}

// OnSet has do called when the level of an output has changed, so that what is
// wired to it can react; do may call SetLevel.
func (l *Lines) OnSet(line string, do func(high bool)) {
	l.change(line, func(f *fakeLine) { f.onSet = do })
}

// Sets returns what an output was set to, its first level included.
func (l *Lines) Sets(line string) []Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lineLocked(line).sets)
}

// Take gives a line to another program, so that it cannot be opened; "" gives
// it back.
func (l *Lines) Take(line, consumer string) {
	l.change(line, func(f *fakeLine) { f.consumer = consumer })
}

// Fail makes everything about a line fail with err, until it is nil.
func (l *Lines) Fail(line string, err error) {
	l.change(line, func(f *fakeLine) { f.err = err })
}

// Buffer sets how many edges an input keeps, 1024 before. The oldest are lost.
func (l *Lines) Buffer(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buffer = n
}

// Open returns the lines that are open: none if a driver cleans up.
func (l *Lines) Open() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var open []string
	for _, name := range slices.Sorted(maps.Keys(l.lines)) {
		if f := l.lines[name]; f.in != nil || f.out != nil {
			open = append(open, name)
		}
	}
	return open
}

// Input implements [bus.GPIOLines].
func (l *Lines) Input(line string, o bus.InputOptions) (bus.Input, error) {
	if o.PullUp && o.PullDown {
		return nil, fmt.Errorf("fake line %s: it is pulled up or down, not both", line)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.lineLocked(line)
	if err := f.claim(line); err != nil {
		return nil, err
	}
	f.advance(time.Now(), l.buffer)
	if !f.driven {
		f.high = o.PullUp
	}
	f.in = &fakeInput{l: l, name: line, line: f, o: o, level: f.high}
	return f.in, nil
}

// Output implements [bus.GPIOLines].
func (l *Lines) Output(line string, high bool) (bus.Output, error) {
	l.mu.Lock()
	f := l.lineLocked(line)
	if err := f.claim(line); err != nil {
		l.mu.Unlock()
		return nil, err
	}
	f.out = &fakeOutput{l: l, name: line, line: f}
	react := f.set(high)
	l.mu.Unlock()
	react()
	return f.out, nil
}

func (l *Lines) lineLocked(name string) *fakeLine {
	name = bus.LineName(name)
	f := l.lines[name]
	if f == nil {
		f = new(fakeLine)
		l.lines[name] = f
	}
	return f
}

func (l *Lines) change(line string, do func(*fakeLine)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do(l.lineLocked(line))
	close(l.changed)
	l.changed = make(chan struct{})
}

// claim returns why the line cannot be opened.
func (f *fakeLine) claim(name string) error {
	switch {
	case f.err != nil:
		return fmt.Errorf("fake line %s: %w", name, f.err)
	case f.consumer != "":
		return fmt.Errorf("fake line %s: %s has it: %w", name, f.consumer, syscall.EBUSY)
	case f.in != nil || f.out != nil:
		return fmt.Errorf("fake line %s: it is open already: %w", name, syscall.EBUSY)
	}
	return nil
}

// set drives the line, and returns what to call without the lock.
func (f *fakeLine) set(high bool) func() {
	now := time.Now()
	changed := f.high != high
	f.high, f.since = high, now
	f.sets = append(f.sets, Level{now, high})
	if do := f.onSet; do != nil && changed {
		return func() { do(high) }
	}
	return func() {}
}

// advance brings the line up to date.
func (f *fakeLine) advance(now time.Time, buffer int) {
	for len(f.coming) > 0 && !f.coming[0].Time.After(now) {
		c := f.coming[0]
		f.coming = f.coming[1:]
		f.settle(c.Time, buffer)
		f.driven = true
		if c.High != f.high {
			f.high, f.since = c.High, c.Time
		}
	}
	f.settle(now, buffer)
}

// settle notes the edge of a level that has lasted for Debounce. Its time is
// the end of that, as it is with the kernel.
func (f *fakeLine) settle(now time.Time, buffer int) {
	if f.in == nil || f.in.level == f.high {
		return
	}
	at := f.since.Add(f.in.debounce())
	if now.Before(at) {
		return
	}
	f.in.level = f.high
	f.in.note(at, f.high, buffer)
}

// next returns when something will happen next, end at the latest.
func (f *fakeLine) next(end time.Time) time.Time {
	if len(f.coming) > 0 && f.coming[0].Time.Before(end) {
		end = f.coming[0].Time
	}
	if f.in != nil && f.in.level != f.high {
		if at := f.since.Add(f.in.debounce()); at.Before(end) {
			end = at
		}
	}
	return end
}

// fakeInput is a line that is open as an input.
type fakeInput struct {
	l      *Lines
	name   string
	line   *fakeLine
	o      bus.InputOptions
	level  bool // the voltage after Debounce
	queue  []bus.Edge
	lost   uint32 // since the last edge that was returned
	closed bool
}

// debounce is how long a level has to last for the kernel. It counts ticks of
// its scheduler, of which there are 250 a second in Debian's kernels and those
// of the Raspberry Pi, so one at least. Linux, drivers/gpio/gpiolib-cdev.c,
// edge_irq_handler.
func (in *fakeInput) debounce() time.Duration {
	if in.o.Debounce == 0 {
		return 0
	}
	return max(in.o.Debounce, time.Second/250)
}

// note queues an edge, if it was asked for.
func (in *fakeInput) note(at time.Time, high bool, buffer int) {
	high = high != in.o.ActiveLow
	if high && !in.o.Rising || !high && !in.o.Falling {
		return
	}
	in.queue = append(in.queue, bus.Edge{Time: at, High: high})
	if n := len(in.queue) - buffer; n > 0 {
		in.queue = in.queue[n:]
		in.lost += uint32(n)
	}
}

func (in *fakeInput) errLocked() error {
	switch {
	case in.closed:
		return fmt.Errorf("fake line %s: %w", in.name, fs.ErrClosed)
	case in.line.err != nil:
		return fmt.Errorf("fake line %s: %w", in.name, in.line.err)
	}
	return nil
}

// High implements [bus.Input].
func (in *fakeInput) High() (bool, error) {
	in.l.mu.Lock()
	defer in.l.mu.Unlock()
	if err := in.errLocked(); err != nil {
		return false, err
	}
	in.line.advance(time.Now(), in.l.buffer)
	return in.level != in.o.ActiveLow, nil
}

// Edge implements [bus.Input].
func (in *fakeInput) Edge(ctx context.Context, timeout time.Duration) (bus.Edge, error) {
	if !in.o.Rising && !in.o.Falling {
		return bus.Edge{}, errors.New("fake line " + in.name + ": it was opened without edges")
	}
	end := time.Now().Add(timeout)
	for {
		if err := ctx.Err(); err != nil {
			return bus.Edge{}, err
		}
		e, next, changed, err := in.take(end)
		if changed == nil {
			return e, err
		}
		if !time.Now().Before(end) {
			return bus.Edge{}, bus.ErrNoEdge
		}
		t := time.NewTimer(time.Until(next))
		select {
		case <-t.C:
		case <-changed:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// take returns the next edge or an error, or how long to wait for what.
func (in *fakeInput) take(end time.Time) (e bus.Edge, next time.Time, changed <-chan struct{}, err error) {
	in.l.mu.Lock()
	defer in.l.mu.Unlock()
	if err := in.errLocked(); err != nil {
		return bus.Edge{}, next, nil, err
	}
	in.line.advance(time.Now(), in.l.buffer)
	if len(in.queue) == 0 {
		return bus.Edge{}, in.line.next(end), in.l.changed, nil
	}
	e = in.queue[0]
	e.Lost, in.lost = in.lost, 0
	in.queue = in.queue[1:]
	return e, next, nil, nil
}

// Close implements [bus.Input]. An Edge that waits returns.
func (in *fakeInput) Close() error {
	var err error
	in.l.change(in.name, func(f *fakeLine) {
		if in.closed {
			err = fmt.Errorf("fake line %s: %w", in.name, fs.ErrClosed)
			return
		}
		in.closed, f.in = true, nil
	})
	return err
}

// fakeOutput is a line that is open as an output.
type fakeOutput struct {
	l      *Lines
	name   string
	line   *fakeLine
	closed bool
}

// Set implements [bus.Output].
func (o *fakeOutput) Set(high bool) error {
	o.l.mu.Lock()
	switch {
	case o.closed:
		o.l.mu.Unlock()
		return fmt.Errorf("fake line %s: %w", o.name, fs.ErrClosed)
	case o.line.err != nil:
		err := o.line.err
		o.l.mu.Unlock()
		return fmt.Errorf("fake line %s: %w", o.name, err)
	}
	react := o.line.set(high)
	o.l.mu.Unlock()
	react()
	return nil
}

// Close implements [bus.Output].
func (o *fakeOutput) Close() error {
	o.l.mu.Lock()
	defer o.l.mu.Unlock()
	if o.closed {
		return fmt.Errorf("fake line %s: %w", o.name, fs.ErrClosed)
	}
	o.closed, o.line.out = true, nil
	return nil
}
