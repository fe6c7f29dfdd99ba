package bus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// board is a kernel with GPIO controllers. A line that is open is a pipe, into
// which a test writes events.
type board struct {
	t       *testing.T
	chips   map[string]*boardChip // by device
	openErr error
	v1      bool  // a kernel without version 2
	lineErr error // of asking for a line

	open     map[*os.File]*boardChip
	requests []unix.GPIOV2LineRequest
	events   *os.File // of the line that was opened last
	values   map[string]uint64
}

type boardChip struct {
	name, label string
	lines       []string          // names
	consumers   map[uint32]string // of lines in use
}

// newBoard returns a Raspberry Pi 5 of the time when its pins were at
// gpiochip4, and gpiochip0 was something else.
func newBoard(t *testing.T) *board {
	pins := make([]string, 54)
	for i := range pins {
		pins[i] = fmt.Sprintf("GPIO%d", i)
	}
	pins[4] = "GPIO_GCLK" // as on some kernels
	rp1 := &boardChip{"gpiochip4", "pinctrl-rp1", pins, map[uint32]string{18: "onewire@0"}}
	return &board{
		t: t, open: map[*os.File]*boardChip{}, values: map[string]uint64{},
		chips: map[string]*boardChip{
			"/dev/gpiochip0":  {"gpiochip0", "gpio-brcmstb@107d508500", []string{"-", "GPIO17", "LED"}, nil},
			"/dev/gpiochip4":  rp1,
			"/dev/gpiochip10": {"gpiochip10", "raspberrypi-exp-gpio", []string{"LED", "CAM"}, nil},
			"/dev/gpiochip7":  rp1, // a link
		},
	}
}

func (b *board) gpio() *gpio {
	root := fstest.MapFS{}
	for name := range b.chips {
		root[strings.TrimPrefix(name, "/")] = &fstest.MapFile{}
	}
	return &gpio{kernel: kernel{open: b.openFile, ioctl: b.ioctl}, root: root}
}

func (b *board) openFile(name string) (*os.File, error) {
	if b.openErr != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: b.openErr}
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		b.t.Fatal(err)
	}
	b.open[f] = b.chips[name]
	return f, nil
}

// checkClosed finds controllers that are still open.
func (b *board) checkClosed() {
	b.t.Helper()
	for f, c := range b.open {
		if _, err := f.Stat(); err == nil {
			b.t.Errorf("%s is still open", c.name)
		}
	}
}

func (b *board) ioctl(f *os.File, request uint, arg unsafe.Pointer) error {
	chip := b.open[f]
	switch request {
	case unix.GPIO_GET_CHIPINFO_IOCTL:
		info := (*unix.GPIOChipInfo)(arg)
		copy(info.Name[:], chip.name)
		copy(info.Label[:], chip.label)
		info.Lines = uint32(len(chip.lines))
		return nil
	case unix.GPIO_V2_GET_LINEINFO_IOCTL:
		if b.v1 {
			return unix.EINVAL
		}
		info := (*unix.GPIOV2LineInfo)(arg)
		copy(info.Name[:], chip.lines[info.Offset])
		copy(info.Consumer[:], chip.consumers[info.Offset])
		return nil
	case unix.GPIO_V2_GET_LINE_IOCTL:
		return b.getLine(chip, (*unix.GPIOV2LineRequest)(arg))
	case unix.GPIO_V2_LINE_GET_VALUES_IOCTL:
		v := (*unix.GPIOV2LineValues)(arg)
		v.Bits = b.values[f.Name()] & v.Mask
		return nil
	case unix.GPIO_V2_LINE_SET_VALUES_IOCTL:
		v := (*unix.GPIOV2LineValues)(arg)
		b.values[f.Name()] = v.Bits & v.Mask
		return nil
	}
	b.t.Errorf("ioctl %#x", request)
	return unix.ENOTTY
}

func (b *board) getLine(chip *boardChip, r *unix.GPIOV2LineRequest) error {
	if b.lineErr != nil {
		return b.lineErr
	}
	if chip.consumers[r.Offsets[0]] != "" {
		return unix.EBUSY
	}
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		b.t.Fatal(err)
	}
	b.requests = append(b.requests, *r)
	b.events = os.NewFile(uintptr(p[1]), "events")
	b.t.Cleanup(func() { b.events.Close() })
	r.Fd = int32(p[0])
	return nil
}

// event has the line of in have an edge.
func (b *board) event(at int64, high bool, number uint32) {
	b.t.Helper()
	var e [eventSize]byte
	binary.NativeEndian.PutUint64(e[0:], uint64(at))
	id := uint32(2)
	if high {
		id = 1
	}
	binary.NativeEndian.PutUint32(e[8:], id)
	binary.NativeEndian.PutUint32(e[16:], 1000+number)
	binary.NativeEndian.PutUint32(e[20:], number)
	if _, err := b.events.Write(e[:]); err != nil {
		b.t.Error(err)
	}
}

func (b *board) input(line string, o InputOptions) Input {
	b.t.Helper()
	in, err := b.gpio().Input(line, o)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { in.Close() })
	return in
}

// What gcc says of <linux/gpio.h>, on machines with 64 bits and with 32.
func TestGPIOLayouts(t *testing.T) {
	var chip unix.GPIOChipInfo
	var request unix.GPIOV2LineRequest
	var config unix.GPIOV2LineConfig
	var info unix.GPIOV2LineInfo
	var event unix.GPIOV2LineEvent
	for _, tt := range []struct {
		what      string
		got, want uintptr
	}{
		{"gpiochip_info", unsafe.Sizeof(chip), 68},
		{"gpiochip_info.label", unsafe.Offsetof(chip.Label), 32},
		{"gpiochip_info.lines", unsafe.Offsetof(chip.Lines), 64},
		{"gpio_v2_line_values", unsafe.Sizeof(unix.GPIOV2LineValues{}), 16},
		{"gpio_v2_line_attribute", unsafe.Sizeof(unix.GPIOV2LineAttribute{}), 16},
		{"gpio_v2_line_config_attribute", unsafe.Sizeof(unix.GPIOV2LineConfigAttribute{}), 24},
		{"gpio_v2_line_config", unsafe.Sizeof(config), 272},
		{"gpio_v2_line_config.num_attrs", unsafe.Offsetof(config.Num_attrs), 8},
		{"gpio_v2_line_config.attrs", unsafe.Offsetof(config.Attrs), 32},
		{"gpio_v2_line_request", unsafe.Sizeof(request), 592},
		{"gpio_v2_line_request.consumer", unsafe.Offsetof(request.Consumer), 256},
		{"gpio_v2_line_request.config", unsafe.Offsetof(request.Config), 288},
		{"gpio_v2_line_request.num_lines", unsafe.Offsetof(request.Num_lines), 560},
		{"gpio_v2_line_request.event_buffer_size", unsafe.Offsetof(request.Event_buffer_size), 564},
		{"gpio_v2_line_request.fd", unsafe.Offsetof(request.Fd), 588},
		{"gpio_v2_line_info", unsafe.Sizeof(info), 256},
		{"gpio_v2_line_info.consumer", unsafe.Offsetof(info.Consumer), 32},
		{"gpio_v2_line_info.offset", unsafe.Offsetof(info.Offset), 64},
		{"gpio_v2_line_info.flags", unsafe.Offsetof(info.Flags), 72},
		{"gpio_v2_line_event", unsafe.Sizeof(event), eventSize},
		{"gpio_v2_line_event.id", unsafe.Offsetof(event.Id), 8},
		{"gpio_v2_line_event.line_seqno", unsafe.Offsetof(event.Line_seqno), 20},
		{"GPIO_V2_GET_LINEINFO_IOCTL", unix.GPIO_V2_GET_LINEINFO_IOCTL, 0xC100B405},
		{"GPIO_V2_GET_LINE_IOCTL", unix.GPIO_V2_GET_LINE_IOCTL, 0xC250B407},
		{"GPIO_V2_LINE_GET_VALUES_IOCTL", unix.GPIO_V2_LINE_GET_VALUES_IOCTL, 0xC010B40E},
		{"GPIO_V2_LINE_SET_VALUES_IOCTL", unix.GPIO_V2_LINE_SET_VALUES_IOCTL, 0xC010B40F},
		{"GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES", unix.GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES, 2},
		{"GPIO_V2_LINE_ATTR_ID_DEBOUNCE", unix.GPIO_V2_LINE_ATTR_ID_DEBOUNCE, 3},
		{"GPIO_V2_LINE_EVENT_RISING_EDGE", unix.GPIO_V2_LINE_EVENT_RISING_EDGE, 1},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %#x, want %#x", tt.what, tt.got, tt.want)
		}
	}
}

func TestGPIOFind(t *testing.T) {
	for _, tt := range []struct {
		line, want string // "" for an error
		says       string
	}{
		{"17", "gpiochip4:17", ""}, // and not gpiochip0:1
		{"GPIO17", "gpiochip4:17", ""},
		{"gpio17", "gpiochip4:17", ""},
		{"GPIO_GCLK", "gpiochip4:4", ""},
		{"GPIO4", "gpiochip4:4", ""}, // by its number
		{"LED", "gpiochip0:2", ""},
		{"CAM", "gpiochip10:1", ""},
		{"gpiochip0:1", "gpiochip0:1", ""},
		{"gpiochip10:0", "gpiochip10:0", ""},
		{"GPIO54", "", "no line 54"},
		{"gpiochip0:3", "", "no line 3"},
		{"gpiochip1:3", "", "gpiochip4 (pinctrl-rp1, 54 lines), gpiochip0"},
		{"gpiochip0:x", "", `"x" is not the number`},
		{"GPIO99999", "", "not the number"},
		{"SDA9", "", "gpioinfo"},
		{"", "", "no line of that name"},
	} {
		b := newBoard(t)
		p, err := b.gpio().find(tt.line)
		if tt.want == "" {
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "GPIO line "+tt.line) {
				t.Errorf("find(%q) = %v, want %q", tt.line, err, tt.says)
			}
		} else if got := fmt.Sprintf("%s:%d", p.Name, p.offset); err != nil || got != tt.want {
			t.Errorf("find(%q) = %s, %v, want %s", tt.line, got, err, tt.want)
		} else {
			p.f.Close()
		}
		b.checkClosed()
	}
}

// What the kernel is asked for.
func TestGPIORequests(t *testing.T) {
	for _, tt := range []struct {
		o        InputOptions
		flags    uint64
		debounce uint32
		events   uint32
	}{
		{InputOptions{}, 0x404, 0, 0},
		{InputOptions{PullUp: true, ActiveLow: true}, 0x106, 0, 0},
		{InputOptions{PullDown: true, Rising: true}, 0x214, 0, 1024},
		{InputOptions{Falling: true, Debounce: 30 * time.Millisecond}, 0x424, 30000, 1024},
		{InputOptions{Debounce: 1}, 0x404, 1, 0},
	} {
		b := newBoard(t)
		b.input("17", tt.o)
		r := b.requests[0]
		if r.Offsets[0] != 17 || r.Num_lines != 1 || text(r.Consumer[:]) != "gateway" || r.Config.Flags != tt.flags || r.Event_buffer_size != tt.events {
			t.Errorf("%+v: line %d of %d, %q, flags %#x, %d events", tt.o, r.Offsets[0], r.Num_lines, text(r.Consumer[:]), r.Config.Flags, r.Event_buffer_size)
		}
		a := r.Config.Attrs[0]
		us := *(*uint32)(unsafe.Pointer(&a.Attr.Flags))
		if tt.debounce == 0 && r.Config.Num_attrs != 0 || tt.debounce != 0 && (r.Config.Num_attrs != 1 || a.Attr.Id != 3 || a.Mask != 1 || us != tt.debounce) {
			t.Errorf("%+v: %d attributes, %+v, %d µs", tt.o, r.Config.Num_attrs, a, us)
		}
		b.checkClosed()
	}
	for _, high := range []bool{false, true} {
		b := newBoard(t)
		out, err := b.gpio().Output("GPIO27", high)
		if err != nil {
			t.Fatal(err)
		}
		r := b.requests[0]
		a := r.Config.Attrs[0]
		if r.Offsets[0] != 27 || r.Config.Flags != 0x8 || r.Config.Num_attrs != 1 || a.Attr.Id != 2 || a.Mask != 1 || (a.Attr.Flags == 1) != high {
			t.Errorf("output %v: %+v", high, r.Config)
		}
		for _, set := range []bool{true, false, true} {
			if err := out.Set(set); err != nil || (b.values["gpiochip4:27"] == 1) != set {
				t.Errorf("Set(%v): %v, and it is %d", set, err, b.values["gpiochip4:27"])
			}
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
		if err := out.Close(); !errors.Is(err, fs.ErrClosed) || !strings.Contains(err.Error(), "GPIO27") {
			t.Errorf("closing it again: %v", err)
		}
	}
}

func TestGPIOHigh(t *testing.T) {
	b := newBoard(t)
	in := b.input("22", InputOptions{})
	for _, want := range []bool{false, true} {
		if want {
			b.values["gpiochip4:22"] = 1
		}
		if got, err := in.High(); got != want || err != nil {
			t.Errorf("High = %v, %v, want %v", got, err, want)
		}
	}
	if _, err := in.Edge(t.Context(), time.Second); err == nil || !strings.Contains(err.Error(), "without edges") {
		t.Errorf("Edge: %v", err)
	}
}

func monotonic(t *testing.T) int64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return ts.Nano()
}

// Edges come in order with the kernel's times, and what was lost is counted.
func TestGPIOEdges(t *testing.T) {
	b := newBoard(t)
	in := b.input("17", InputOptions{Rising: true, Falling: true})
	now, mono := time.Now(), monotonic(t)
	numbers := []uint32{1, 2, 3, 7, 8}
	for i, n := range numbers {
		b.event(mono-1_000_000_000+int64(i)*58_000, i%2 == 0, n)
	}
	var first time.Time
	for i, n := range numbers {
		e, err := in.Edge(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = e.Time
			// Within a second of what it must be: this machine may be busy.
			if age := now.Sub(e.Time); age < 0 || age > 2*time.Second {
				t.Errorf("an edge of a second ago is %v old", age)
			}
			if wall := now.Round(0).Sub(e.Time.Round(0)); wall < 0 || wall > 2*time.Second {
				t.Errorf("an edge of a second ago is %v old by the time of day", wall)
			}
		}
		if got, want := e.Time.Sub(first), time.Duration(i)*58*time.Microsecond; got != want {
			t.Errorf("edge %d is %v after the first, want %v exactly", i, got, want)
		}
		want := Edge{Time: e.Time, High: i%2 == 0}
		if n == 7 {
			want.Lost = 3
		}
		if e != want {
			t.Errorf("edge %d: %+v, want %+v", i, e, want)
		}
	}
	if _, err := in.Edge(t.Context(), 0); !errors.Is(err, ErrNoEdge) {
		t.Errorf("one more: %v", err)
	}
}

// The number of an edge wraps around after four thousand million.
func TestGPIOEdgeNumbersWrap(t *testing.T) {
	b := newBoard(t)
	in := b.input("17", InputOptions{Rising: true}).(*gpioInput)
	in.last = 1<<32 - 1
	b.event(monotonic(t), true, 1)
	if e, err := in.Edge(t.Context(), 0); err != nil || e.Lost != 1 {
		t.Errorf("%+v, %v, want number 0 lost", e, err)
	}
}

func TestGPIOWaiting(t *testing.T) {
	b := newBoard(t)
	in := b.input("17", InputOptions{Rising: true})
	took := func(f func()) time.Duration { start := time.Now(); f(); return time.Since(start) }

	for _, timeout := range []time.Duration{0, 20 * time.Millisecond} {
		var err error
		if d := took(func() { _, err = in.Edge(t.Context(), timeout) }); !errors.Is(err, ErrNoEdge) || d < timeout {
			t.Errorf("no edge within %v: %v after %v", timeout, err, d)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var err error
	if d := took(func() { _, err = in.Edge(ctx, time.Minute) }); !errors.Is(err, context.DeadlineExceeded) || d > 30*time.Second {
		t.Errorf("with a context: %v after %v", err, d)
	}
	if _, err := in.Edge(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a context that has ended: %v", err)
	}
	// An edge that comes while it waits; the context of before is forgotten.
	time.AfterFunc(5*time.Millisecond, func() { b.event(monotonic(t), true, 1) })
	if e, err := in.Edge(t.Context(), time.Minute); err != nil || !e.High {
		t.Errorf("an edge: %+v, %v", e, err)
	}
	time.AfterFunc(5*time.Millisecond, func() { in.Close() })
	if d := took(func() { _, err = in.Edge(t.Context(), time.Minute) }); !errors.Is(err, fs.ErrClosed) || d > 30*time.Second {
		t.Errorf("closed meanwhile: %v after %v", err, d)
	}
	if _, err := in.Edge(t.Context(), time.Minute); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// Contexts that end just as edges come lose none.
func TestGPIOEdgesAndContexts(t *testing.T) {
	b := newBoard(t)
	in := b.input("17", InputOptions{Rising: true})
	const edges = 200
	go func() {
		for i := range uint32(edges) {
			b.event(int64(i), true, i+1)
		}
	}()
	for got := 0; got < edges; {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Microsecond)
		e, err := in.Edge(ctx, time.Minute)
		cancel()
		switch {
		case err == nil && e.Lost == 0:
			got++
		case !errors.Is(err, context.DeadlineExceeded):
			t.Fatalf("after %d edges: %+v, %v", got, e, err)
		}
	}
}

func TestGPIOGone(t *testing.T) {
	b := newBoard(t)
	in := b.input("17", InputOptions{Rising: true})
	b.events.Close()
	if _, err := in.Edge(t.Context(), time.Minute); err == nil || errors.Is(err, ErrNoEdge) || !strings.Contains(err.Error(), "GPIO line 17: its controller is gone") {
		t.Errorf("gone: %v", err)
	}
	b = newBoard(t)
	in = b.input("17", InputOptions{Rising: true})
	b.events.Write(make([]byte, 50))
	if _, err := in.Edge(t.Context(), time.Minute); err == nil || !strings.Contains(err.Error(), "50 bytes") {
		t.Errorf("half an event: %v", err)
	}
}

func TestGPIOExplains(t *testing.T) {
	edges := InputOptions{Rising: true}
	for _, tt := range []struct {
		name  string
		spoil func(*board)
		line  string
		o     InputOptions
		is    error
		says  []string
	}{
		{"in use", nil, "18", edges, syscall.EBUSY, []string{"GPIO line 18", `"onewire@0" has it already`, "dtoverlay"}},
		{"in use by nobody", func(b *board) { b.lineErr = unix.EBUSY }, "17", edges, syscall.EBUSY, []string{"something has it"}},
		{"no edges", func(b *board) { b.lineErr = unix.ENXIO }, "LED", edges, syscall.ENXIO, []string{"gpiochip0", "without an interrupt"}},
		{"no debounce", func(b *board) { b.lineErr = unix.EINVAL }, "17", InputOptions{Debounce: 1}, syscall.EINVAL, []string{"debounce", "Linux 5.10"}},
		{"invalid", func(b *board) { b.lineErr = unix.EINVAL }, "17", edges, syscall.EINVAL, []string{"GPIO line 17 (gpiochip4 (pinctrl-rp1, 54 lines), line 17): invalid"}},
		{"old kernel", func(b *board) { b.v1 = true }, "17", edges, syscall.EINVAL, []string{"too old", "Linux 5.10"}},
		{"not allowed", func(b *board) { b.openErr = syscall.EACCES }, "17", edges, fs.ErrPermission, []string{"/dev/gpiochip", "sudo usermod -aG gpio $USER"}},
		{"none", func(b *board) { clear(b.chips) }, "17", edges, fs.ErrNotExist, []string{"no GPIO"}},
		{"two resistors", nil, "17", InputOptions{PullUp: true, PullDown: true}, nil, []string{"GPIO line 17", "not both"}},
		{"negative", nil, "17", InputOptions{Debounce: -1}, nil, []string{"negative"}},
		{"too long", nil, "17", InputOptions{Debounce: 72 * time.Minute}, nil, []string{"71 minutes"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBoard(t)
			if tt.spoil != nil {
				tt.spoil(b)
			}
			in, err := b.gpio().Input(tt.line, tt.o)
			if in != nil || err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Fatalf("%v, %v, want %v", in, err, tt.is)
			}
			for _, s := range tt.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
			b.checkClosed()
		})
	}
	b := newBoard(t)
	if out, err := b.gpio().Output("18", true); out != nil || !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), "onewire@0") {
		t.Errorf("output in use: %v, %v", out, err)
	}
}

func TestGPIOOfThisMachine(t *testing.T) {
	chips, err := GPIOChips()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		t.Skip(err)
	}
	if err != nil || len(chips) == 0 {
		t.Fatal(chips, err)
	}
	t.Log(chips)
	if _, err := Lines().Input("no such line", InputOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
