package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Lines returns the GPIO lines of this machine, as its character devices have
// them: /dev/gpiochip0, with version 2 of their interface, since Linux 5.10.
// None is opened before it is asked for. They may be used concurrently.
//
// A line has the name that the kernel gives it, on any controller; those of
// the processor's pins are looked at first, wherever they are: a Raspberry Pi 5
// has had them at gpiochip4 and at gpiochip0. "gpiochip0:17" is a line by its
// controller and its number there.
func Lines() GPIOLines { return &gpio{kernel: linux(), root: Root()} }

// GPIOChips returns the GPIO controllers of this machine, those of the
// processor's pins first.
func GPIOChips() ([]GPIOChip, error) {
	g := &gpio{kernel: linux(), root: Root()}
	chips, err := g.chips()
	var all []GPIOChip
	for _, c := range chips {
		all = append(all, c.GPIOChip)
		c.f.Close()
	}
	return all, err
}

// The flags of <linux/gpio.h>, enum gpio_v2_line_flag.
const (
	lineActiveLow  = 1 << 1
	lineInput      = 1 << 2
	lineOutput     = 1 << 3
	lineRising     = 1 << 4
	lineFalling    = 1 << 5
	linePullUp     = 1 << 8
	linePullDown   = 1 << 9
	lineBiasOff    = 1 << 10
	lineMaxEvents  = 1024 // more, the kernel does not buffer
	gpioMaxNameLen = 31   // of a consumer; a zero follows
)

// gpio are the controllers of a machine.
type gpio struct {
	kernel kernel
	root   fs.FS
}

// gpioChip is a controller that is open.
type gpioChip struct {
	GPIOChip
	f *os.File
}

// linePlace is a line that was found.
type linePlace struct {
	gpioChip
	line   string // as it is called by whoever wants it
	offset uint32
}

// Input implements [GPIOLines].
func (g *gpio) Input(line string, o InputOptions) (Input, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("GPIO line %s: %w", line, err)
	}
	config := unix.GPIOV2LineConfig{Flags: inputFlags(o)}
	if o.Debounce > 0 {
		a := &config.Attrs[0]
		a.Attr.Id, a.Mask = unix.GPIO_V2_LINE_ATTR_ID_DEBOUNCE, 1
		// It is a union, whose debounce_period_us has 32 bits.
		*(*uint32)(unsafe.Pointer(&a.Attr.Flags)) = uint32((o.Debounce + 999).Microseconds())
		config.Num_attrs = 1
	}
	f, err := g.request(line, config)
	if err != nil {
		return nil, err
	}
	return &gpioInput{gpioLine: gpioLine{line, g.kernel, f}, edges: o.Rising || o.Falling, clock: newEventClock()}, nil
}

func inputFlags(o InputOptions) uint64 {
	flags := uint64(lineInput)
	for flag, on := range map[uint64]bool{
		lineActiveLow: o.ActiveLow, lineRising: o.Rising, lineFalling: o.Falling,
		linePullUp: o.PullUp, linePullDown: o.PullDown,
		// Or it would keep the resistor of whoever had the line before.
		lineBiasOff: !o.PullUp && !o.PullDown,
	} {
		if on {
			flags |= flag
		}
	}
	return flags
}

// Output implements [GPIOLines].
func (g *gpio) Output(line string, high bool) (Output, error) {
	config := unix.GPIOV2LineConfig{Flags: lineOutput, Num_attrs: 1}
	a := &config.Attrs[0]
	a.Attr.Id, a.Mask = unix.GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES, 1
	if high {
		a.Attr.Flags = 1 // the values, in the same union
	}
	f, err := g.request(line, config)
	if err != nil {
		return nil, err
	}
	return &gpioOutput{gpioLine{line, g.kernel, f}}, nil
}

// request asks the kernel for a line, and returns the file that it is.
func (g *gpio) request(line string, config unix.GPIOV2LineConfig) (*os.File, error) {
	p, err := g.find(line)
	if err != nil {
		return nil, err
	}
	defer p.f.Close()
	r := unix.GPIOV2LineRequest{Config: config, Num_lines: 1}
	r.Offsets[0] = p.offset
	copy(r.Consumer[:gpioMaxNameLen], "gateway")
	if config.Flags&(lineRising|lineFalling) != 0 {
		r.Event_buffer_size = lineMaxEvents
	}
	if err := g.kernel.ioctl(p.f, unix.GPIO_V2_GET_LINE_IOCTL, unsafe.Pointer(&r)); err != nil {
		return nil, g.explainRequest(p, config, err)
	}
	// Non-blocking, so that Go's poller takes it and a Read can be interrupted.
	if err := unix.SetNonblock(int(r.Fd), true); err != nil {
		unix.Close(int(r.Fd))
		return nil, fmt.Errorf("GPIO line %s: %w", line, err)
	}
	return os.NewFile(uintptr(r.Fd), p.Name+":"+strconv.Itoa(int(p.offset))), nil
}

// explainRequest says what to do about err, which asking for a line gave.
func (g *gpio) explainRequest(p linePlace, config unix.GPIOV2LineConfig, err error) error {
	hint := ""
	switch {
	case errors.Is(err, unix.EBUSY):
		hint = "something has it already"
		if info, infoErr := g.info(p.gpioChip, p.offset); infoErr == nil && text(info.Consumer[:]) != "" {
			hint = strconv.Quote(text(info.Consumer[:])) + " has it already"
		}
		hint += "; stop that program, or take its dtoverlay out of /boot/firmware/config.txt"
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENOTSUP), errors.Is(err, enotsupp):
		hint = "its controller cannot do that: an expander without an interrupt has no edges"
	case isOld(err) && config.Flags&lineInput != 0 && config.Num_attrs > 0:
		hint = "debounce by the kernel needs Linux 5.10"
	}
	if hint == "" {
		return fmt.Errorf("GPIO line %s (%s, line %d): %w", p.line, p.GPIOChip, p.offset, err)
	}
	return fmt.Errorf("GPIO line %s (%s, line %d): %w (%s)", p.line, p.GPIOChip, p.offset, err, hint)
}

// enotsupp is ENOTSUPP, which the kernel was not meant to show.
const enotsupp = unix.Errno(524)

// isOld tells whether the kernel does not know what was asked.
func isOld(err error) bool { return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTTY) }

// find returns the place of a line, with its controller open.
func (g *gpio) find(line string) (linePlace, error) {
	chips, err := g.chips()
	if err != nil {
		return linePlace{}, fmt.Errorf("GPIO line %s: %w", line, err)
	}
	p, err := g.findOn(chips, line)
	for _, c := range chips {
		if c.f != p.f || err != nil {
			c.f.Close()
		}
	}
	if err != nil {
		return linePlace{}, fmt.Errorf("GPIO line %s: %w", line, err)
	}
	return p, nil
}

func (g *gpio) findOn(chips []gpioChip, line string) (linePlace, error) {
	if chip, number, ok := strings.Cut(line, ":"); ok && strings.HasPrefix(chip, "gpiochip") {
		return findByNumber(chips, line, chip, number)
	}
	name := LineName(line)
	for _, c := range chips {
		for offset := range uint32(c.Lines) {
			info, err := g.info(c, offset)
			if isOld(err) {
				return linePlace{}, fmt.Errorf("line %d of %s: %w (this kernel is too old, the gateway needs Linux 5.10 for GPIO)", offset, c, err)
			}
			if err != nil {
				return linePlace{}, fmt.Errorf("line %d of %s: %w", offset, c, err)
			}
			if text(info.Name[:]) == name {
				return linePlace{c, line, offset}, nil
			}
		}
	}
	// The pins of a Raspberry Pi have the names of other uses on some kernels,
	// "SDA1" and "GPIO_GCLK", and their own numbers on all of them.
	if number, ok := strings.CutPrefix(name, "GPIO"); ok {
		for _, c := range chips {
			if isRaspberryPi(c.Label) {
				return findByNumber([]gpioChip{c}, line, c.Name, number)
			}
		}
	}
	return linePlace{}, fmt.Errorf("no line of that name on %s; gpioinfo lists them, and gpiochip0:17 is one by its number: %w",
		list(chips), fs.ErrNotExist)
}

// isRaspberryPi tells whether line n of the controller is pin n of the
// processor's documentation.
func isRaspberryPi(label string) bool {
	return strings.HasPrefix(label, "pinctrl-bcm2") || label == "pinctrl-rp1"
}

func findByNumber(chips []gpioChip, line, chip, number string) (linePlace, error) {
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return linePlace{}, fmt.Errorf("%q is not the number of a line", number)
	}
	for _, c := range chips {
		if c.Name != chip {
			continue
		}
		if int(n) >= c.Lines {
			return linePlace{}, fmt.Errorf("%s has no line %d: %w", c, n, fs.ErrNotExist)
		}
		return linePlace{c, line, uint32(n)}, nil
	}
	return linePlace{}, fmt.Errorf("this machine has no %s, but %s: %w", chip, list(chips), fs.ErrNotExist)
}

func list(chips []gpioChip) string {
	var names []string
	for _, c := range chips {
		names = append(names, c.String())
	}
	return strings.Join(names, ", ")
}

// chips opens all controllers, at least one, those of the processor's pins
// first. They are the caller's to close.
func (g *gpio) chips() ([]gpioChip, error) {
	devices, _ := fs.Glob(g.root, "dev/gpiochip*") // it fails on a bad pattern only
	if len(devices) == 0 {
		return nil, fmt.Errorf("this machine has no GPIO: no /dev/gpiochip0: %w", fs.ErrNotExist)
	}
	var chips []gpioChip
	var failed error
	for _, d := range devices {
		c, err := g.openChip("/" + d)
		switch {
		case err != nil:
			failed = err
		case slices.ContainsFunc(chips, func(other gpioChip) bool { return other.Name == c.Name }):
			c.f.Close() // a link to one we have
		default:
			chips = append(chips, c)
		}
	}
	if len(chips) == 0 {
		return nil, explainChip(failed)
	}
	slices.SortStableFunc(chips, func(a, b gpioChip) int {
		if d := pinsFirst(a) - pinsFirst(b); d != 0 {
			return d
		}
		if d := len(a.Name) - len(b.Name); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return chips, nil
}

func pinsFirst(c gpioChip) int {
	if strings.HasPrefix(c.Label, "pinctrl-") {
		return 0
	}
	return 1
}

func (g *gpio) openChip(device string) (gpioChip, error) {
	f, err := g.kernel.open(device)
	if err != nil {
		return gpioChip{}, err
	}
	var info unix.GPIOChipInfo
	if err := g.kernel.ioctl(f, unix.GPIO_GET_CHIPINFO_IOCTL, unsafe.Pointer(&info)); err != nil {
		f.Close()
		return gpioChip{}, fmt.Errorf("%s is no GPIO controller: %w", device, err)
	}
	c := gpioChip{GPIOChip{text(info.Name[:]), text(info.Label[:]), int(info.Lines)}, f}
	if c.Name == "" {
		c.Name = path.Base(device)
	}
	return c, nil
}

// explainChip says what to do about err, which opening the controllers gave.
func explainChip(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w (this user may not use it; run: sudo usermod -aG gpio $USER, and log in again)", err)
	}
	return err
}

// info asks about a line.
func (g *gpio) info(c gpioChip, offset uint32) (unix.GPIOV2LineInfo, error) {
	info := unix.GPIOV2LineInfo{Offset: offset}
	err := g.kernel.ioctl(c.f, unix.GPIO_V2_GET_LINEINFO_IOCTL, unsafe.Pointer(&info))
	return info, err
}

// text returns what is before the first zero.
func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}
