// Package machine tells how the computer is that the gateway runs on: what it is,
// how warm, how full, whether its supply and its clock are right. It knows /proc
// and /sys, and has the driver host read what sensors may read, too.
package machine

import (
	"bytes"
	"context"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// Machine is a computer. Make one with [New]; its methods may be called
// concurrently.
type Machine struct {
	root fs.FS
	disk func(folder string) (total, free float64, err error)

	mu       sync.Mutex // the sensor measures one at a time
	host     driver.Sensor
	channels []driver.Channel

	sizes sizes
}

// New makes a Machine of the file system from /.
func New(root fs.FS) *Machine { return &Machine{root: root, disk: diskSize} }

// State is how it is now. What it does not tell is nil.
type State struct {
	Host      string
	Model     string // "Raspberry Pi 4 Model B Rev 1.4"; "" if it does not say
	Pi        bool   // a Raspberry Pi
	Kernel    string
	OS, Arch  string
	CPUs      int
	Uptime    time.Duration // of the machine
	Load      []float64     // of the last 1, 5 and 15 minutes
	CPUUsage  *float64      // %, since the State before
	CPUTemp   *float64      // °C
	MemTotal  *float64      // bytes
	MemFree   *float64      // bytes that programs can get
	Voltage   *bool         // the supply is too low now
	Throttled *bool         // the processor is slowed because of its heat
}

// State measures.
func (m *Machine) State() State {
	s := State{
		Model: m.text("proc/device-tree/model"), Kernel: m.text("proc/sys/kernel/osrelease"),
		OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Load: m.load(),
	}
	s.Host, _ = os.Hostname()
	s.Pi = strings.Contains(s.Model, "Raspberry Pi")
	s.MemTotal, s.MemFree = m.memory()
	m.measure(func(q reading.Quantity, x float64) {
		flag := x != 0
		switch q {
		case reading.Temperature:
			s.CPUTemp = &x
		case reading.CPUUsage:
			s.CPUUsage = &x
		case reading.Uptime:
			s.Uptime = time.Duration(x * float64(time.Second))
		case reading.UnderVoltage:
			s.Voltage = &flag
		case reading.Throttled:
			s.Throttled = &flag
		}
	})
	return s
}

// measure reads the driver host, which is opened again if it failed.
func (m *Machine) measure(each func(q reading.Quantity, x float64)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx := context.Background() // files of the kernel, which wait for nothing
	if m.host == nil {
		d, ok := driver.Lookup("host")
		if !ok {
			return
		}
		sensor, err := d.Open(ctx, &bus.Slot{Root: m.root})
		if err != nil {
			return
		}
		m.host, m.channels = sensor, sensor.(driver.Channeler).Channels()
	}
	out := make([]float64, len(m.channels))
	if err := m.host.Measure(ctx, out); err != nil {
		m.host = nil
		return
	}
	for i, c := range m.channels {
		each(c.Quantity, out[i])
	}
}

// text reads a file of one line, "" if there is none.
func (m *Machine) text(name string) string {
	b, err := fs.ReadFile(m.root, name)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\x00\n ")
}

func (m *Machine) load() []float64 {
	fields := strings.Fields(m.text("proc/loadavg"))
	if len(fields) < 3 {
		return nil
	}
	var all []float64
	for _, f := range fields[:3] {
		x, err := strconv.ParseFloat(f, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
		all = append(all, x)
	}
	return all
}

func (m *Machine) memory() (total, free *float64) {
	for line := range strings.Lines(m.text("proc/meminfo")) {
		name, rest, _ := strings.Cut(line, ":")
		kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
		if err != nil {
			continue
		}
		size := kib * 1024
		switch name {
		case "MemTotal":
			total = &size
		case "MemAvailable":
			free = &size
		}
	}
	return total, free
}

// Disk is the file system that a folder is on.
type Disk struct{ Total, Free float64 } // bytes

// Disk asks for the file system of a folder, or of the nearest one above it that
// there is.
func (m *Machine) Disk(folder string) (Disk, error) {
	for {
		total, free, err := m.disk(folder)
		if err == nil {
			return Disk{total, free}, nil
		}
		above := filepath.Dir(folder)
		if above == folder {
			return Disk{}, err
		}
		folder = above
	}
}

// Process is what this process takes.
type Process struct {
	Resident   float64 // bytes in memory; 0 if the kernel does not say
	Heap       uint64  // bytes of Go's heap in use
	GoTotal    uint64  // bytes that Go has from the system
	Goroutines int
	Written    *float64 // bytes that had to go to a disk, since the start; nil if the kernel does not say
	OpenFiles  int      // 0 if it is not known
}

// Process asks about this process.
func (m *Machine) Process() Process {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"}}
	metrics.Read(samples)
	p := Process{Heap: samples[0].Value.Uint64(), GoTotal: samples[1].Value.Uint64(), Goroutines: runtime.NumGoroutine()}
	if fields := strings.Fields(m.text("proc/self/statm")); len(fields) > 1 {
		if pages, err := strconv.ParseFloat(fields[1], 64); err == nil {
			p.Resident = pages * float64(os.Getpagesize())
		}
	}
	if b, err := fs.ReadFile(m.root, "proc/self/io"); err == nil {
		for line := range bytes.Lines(b) {
			name, value, _ := bytes.Cut(line, []byte(": "))
			if string(name) != "write_bytes" {
				continue
			}
			if n, err := strconv.ParseFloat(string(bytes.TrimSpace(value)), 64); err == nil {
				p.Written = &n
			}
		}
	}
	if entries, err := fs.ReadDir(m.root, "proc/self/fd"); err == nil {
		p.OpenFiles = len(entries)
	}
	return p
}
