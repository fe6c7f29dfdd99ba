package driver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"gateway/sensors/reading"
)

// What the drivers hwmon, iio and thermal have in common: the kernel's driver
// has the chip, and shows its values as files.

// kernelChip is a chip that the kernel has.
type kernelChip struct {
	dir    string // "sys/class/hwmon/hwmon3"; its number changes
	name   string // what its driver calls it, "bme280"
	device string // where it is, "1-0076": that stays
	id     string // name if that tells it from the others, else name@device
}

// kernelChips returns the chips in the folders that a pattern matches, by the
// file that holds their name. device says where one is; it may be nil.
func kernelChips(root fs.FS, pattern, nameFile string, device func(dir string) string) []kernelChip {
	files, _ := fs.Glob(root, pattern+"/"+nameFile) // it fails on a bad pattern only
	var all []kernelChip
	for _, file := range files {
		name, err := text(root, file)
		if err != nil || name == "" {
			continue
		}
		c := kernelChip{dir: path.Dir(file), name: name}
		if device != nil {
			c.device = device(c.dir)
		}
		if c.device == "" {
			c.device = path.Base(c.dir)
		}
		all = append(all, c)
	}
	for i := range all {
		all[i].id = all[i].name
		for j := range all {
			if i != j && all[i].name == all[j].name {
				all[i].id = all[i].name + "@" + all[i].device
			}
		}
	}
	slices.SortStableFunc(all, func(a, b kernelChip) int { return strings.Compare(a.id, b.id) })
	return all
}

// is tells whether id means the chip: its id, its name, its folder or the
// path of that.
func (c kernelChip) is(id string) bool {
	return id == c.id || id == c.name || id == c.name+"@"+c.device || id == path.Base(c.dir) || strings.Trim(id, "/") == c.dir
}

// chooseChip returns the chip that id means, or the only one. what is what
// they are, and where they would come from.
func chooseChip(chips []kernelChip, id, what, where string) (kernelChip, error) {
	var fit []kernelChip
	var ids []string
	for _, c := range chips {
		ids = append(ids, c.id)
		if id == "" || c.is(id) {
			fit = append(fit, c)
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(chips) == 0:
		return kernelChip{}, fmt.Errorf("there is no %s: %w; %s", what, fs.ErrNotExist, where)
	case len(fit) == 0:
		return kernelChip{}, fmt.Errorf("there is no %s %s: %w; there is %s", what, id, fs.ErrNotExist, strings.Join(ids, ", "))
	}
	return kernelChip{}, fmt.Errorf("there are several: say which %s with id: %s", what, strings.Join(ids, ", "))
}

// kernelValue is one value that a chip of the kernel's shows.
type kernelValue struct {
	key      string // "temp1"
	label    string // what the board's maker calls it, "CPU"; "" if nothing
	quantity reading.Quantity
	part     string // behind the quantity, if there are several of it
	always   bool   // or even if there is one only
	read     func() (float64, error)
}

// kernelSensor measures some of the values of a chip.
type kernelSensor struct {
	channels []Channel
	read     []func() (float64, error)
	values   []float64 // taken before out is written
}

// openKernelSensor returns a sensor of the values that the option values
// names, or of all of them.
func openKernelSensor(name string, all []kernelValue, values string) (*kernelSensor, error) {
	s := new(kernelSensor)
	if strings.TrimSpace(values) == "" {
		for _, v := range all {
			s.add(channelOf(v.name(all)), v.read, 1)
		}
		return s, nil
	}
	m, err := parseMapping(values)
	if err != nil {
		return nil, err
	}
	for _, e := range m {
		i := slices.IndexFunc(all, func(v kernelValue) bool { return v.key == e.path })
		if i < 0 {
			i = slices.IndexFunc(all, func(v kernelValue) bool { return v.label != "" && strings.EqualFold(v.label, e.path) })
		}
		switch {
		case i < 0:
			return nil, fmt.Errorf("option values: %s has no %q; it has %s", name, e.path, kernelKeys(all))
		case e.invert:
			return nil, fmt.Errorf("option values: %q is no true or false; take the ! away", e.path)
		case e.quantity.Base() != reading.Raw && e.quantity.Unit() != all[i].quantity.Unit():
			return nil, fmt.Errorf("option values: %q is %s in %s, which %s is not", e.path, all[i].quantity, all[i].quantity.Unit(), e.quantity)
		}
		s.add(channelOf(e.quantity), all[i].read, e.factor)
	}
	return s, nil
}

func (s *kernelSensor) add(c Channel, read func() (float64, error), factor float64) {
	s.channels = append(s.channels, c)
	s.read = append(s.read, func() (float64, error) {
		x, err := read()
		return x * factor, err
	})
	s.values = append(s.values, 0)
}

// name is the quantity with its part, if it needs one among all.
func (v kernelValue) name(all []kernelValue) reading.Quantity {
	same := 0
	for _, other := range all {
		if other.quantity == v.quantity {
			same++
		}
	}
	if v.part == "" || same < 2 && !v.always {
		return v.quantity
	}
	return v.quantity.Of(v.part)
}

// kernelKeys lists what values may name.
func kernelKeys(all []kernelValue) string {
	var keys []string
	for _, v := range all {
		key := v.key
		if v.label != "" {
			key += " (" + v.label + ")"
		}
		keys = append(keys, key)
	}
	return strings.Join(keys, ", ")
}

// Channels implements [Channeler].
func (s *kernelSensor) Channels() []Channel { return s.channels }

// Measure implements [Sensor].
func (s *kernelSensor) Measure(_ context.Context, out []float64) error {
	for i, read := range s.read {
		x, err := read()
		if err != nil {
			return err
		}
		s.values[i] = x
	}
	copy(out, s.values)
	return nil
}

// kernelNumber reads a file of one number with a point, perhaps.
func kernelNumber(root fs.FS, file string) (float64, error) {
	s, err := text(root, file)
	if err != nil {
		return 0, err
	}
	x, err := parseNumber(s)
	if err != nil {
		return 0, fmt.Errorf("/%s: %w", file, err)
	}
	return x, nil
}

// lastOf is the last part of where a link leads, "" if there is none.
func lastOf(root fs.FS, link string) string {
	to, err := fs.ReadLink(root, link)
	if err != nil {
		return ""
	}
	return path.Base(to)
}

// hostHasIt is what Find notes about the processor, which nobody needs twice.
const hostHasIt = "the driver host has the processor's temperature already"

// kernelFound is what Find tells of chips that have values.
func kernelFound(chips []kernelChip, values func(kernelChip) []kernelValue) []Found {
	var all []Found
	for _, c := range chips {
		if v := values(c); len(v) > 0 {
			f := Found{Model: c.name, ID: c.id, Certain: true, Note: "has " + kernelKeys(v)}
			if slices.Contains(thermalNames, c.name) {
				f.Certain, f.Note = false, f.Note+"; "+hostHasIt
			}
			all = append(all, f)
		}
	}
	return all
}

// errNoValues is about a chip without values.
var errNoValues = errors.New("it has no values that the gateway knows")
