package health

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// Build tells what runs.
func Build(version, commit string) Source {
	return func() []Figure {
		return []Figure{gauge("gateway_build_info", "What runs.", 1, "version", version, "revision", commit, "goversion", runtime.Version(), "goos", runtime.GOOS, "goarch", runtime.GOARCH)}
	}
}

// Process gives the figures of this process, by the names that Prometheus' client
// libraries have for them; what the system does not tell is left out.
func Process(started time.Time) Source {
	return func() []Figure {
		all := append(goFigures(), gauge("process_start_time_seconds", "When the process started, in Unix time.", seconds(started)))
		return append(all, linuxFigures("/proc/self")...)
	}
}

func goFigures() []Figure {
	figures := []struct{ sample, name, typ, help string }{
		{"/sched/goroutines:goroutines", "go_goroutines", "gauge", "Goroutines that there are."},
		{"/memory/classes/heap/objects:bytes", "go_memstats_heap_alloc_bytes", "gauge", "Bytes of the heap in use."},
		{"/memory/classes/total:bytes", "go_memstats_sys_bytes", "gauge", "Bytes that Go has from the system."},
		{"/gc/heap/allocs:bytes", "go_memstats_alloc_bytes_total", "counter", "Bytes ever put on the heap."},
		{"/gc/cycles/total:gc-cycles", "go_gc_cycles_total_gc_cycles_total", "counter", "Garbage collections."},
	}
	samples := make([]metrics.Sample, len(figures))
	for i, f := range figures {
		samples[i].Name = f.sample
	}
	metrics.Read(samples)
	var all []Figure
	for i, f := range figures {
		if samples[i].Value.Kind() == metrics.KindUint64 {
			all = append(all, Figure{f.name, f.typ, f.help, float64(samples[i].Value.Uint64()), nil})
		}
	}
	return all
}

// ticksPerSecond is the unit of times in /proc, which Linux never changes: USER_HZ.
const ticksPerSecond = 100

// linuxFigures reads what the kernel knows of a process: proc(5).
func linuxFigures(proc string) (all []Figure) {
	if f := statFields(proc); len(f) > 21 {
		user, system, virtual, pages := f[11], f[12], f[20], f[21]
		all = append(all,
			counter("process_cpu_seconds_total", "Time of processors taken.", (user+system)/ticksPerSecond),
			gauge("process_virtual_memory_bytes", "Bytes of addresses.", virtual),
			gauge("process_resident_memory_bytes", "Bytes in memory.", pages*float64(os.Getpagesize())))
	}
	if entries, err := os.ReadDir(filepath.Join(proc, "fd")); err == nil {
		all = append(all, gauge("process_open_fds", "Files and connections that are open.", float64(len(entries))))
	}
	if most, ok := maxFiles(proc); ok {
		all = append(all, gauge("process_max_fds", "Files and connections that may be open.", most))
	}
	return all
}

// statFields are the numbers of /proc/PID/stat behind the name of the program, which
// may have spaces: [0] is the state, which is no number and 0 here.
func statFields(proc string) (all []float64) {
	b, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return nil
	}
	_, rest, ok := strings.Cut(string(b[max(0, strings.LastIndexByte(string(b), ')')):]), ") ")
	if !ok {
		return nil
	}
	for _, f := range strings.Fields(rest) {
		x, _ := strconv.ParseFloat(f, 64)
		all = append(all, x)
	}
	return all
}

// maxFiles is the soft limit of open files.
func maxFiles(proc string) (most float64, ok bool) {
	b, err := os.ReadFile(filepath.Join(proc, "limits"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		rest, found := strings.CutPrefix(line, "Max open files")
		if f := strings.Fields(rest); found && len(f) > 0 {
			if f[0] == "unlimited" {
				return math.Inf(1), true
			}
			most, err = strconv.ParseFloat(f[0], 64)
			return most, err == nil
		}
	}
	return 0, false
}
