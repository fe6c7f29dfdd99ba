package system

import (
	"math"
	"net/http"
	"path/filepath"
	"runtime"
	"time"

	"gateway/cmd/gateway/internal/dashboard/answer"
)

// Health is how the machine and this process are. Sizes are bytes; null is what
// the machine does not tell.
type Health struct {
	Host     string    `json:"host"`
	Model    string    `json:"model"`
	Pi       bool      `json:"raspberry_pi"`
	Kernel   string    `json:"kernel"`
	OS       string    `json:"os"`
	Arch     string    `json:"arch"`
	CPUs     int       `json:"cpus"`
	UptimeMS int64     `json:"uptime_ms"` // of the machine; 0 if it does not say
	Load     []float64 `json:"load"`      // of the last 1, 5 and 15 minutes; empty if it does not say
	CPUUsage *float64  `json:"cpu_usage"` // %
	CPUTemp  *float64  `json:"cpu_temperature"`
	MemTotal *float64  `json:"memory_total"`
	MemFree  *float64  `json:"memory_available"`
	Voltage  *bool     `json:"under_voltage"`
	Slowed   *bool     `json:"throttled"`

	Clock      Clock            `json:"clock"`
	Disk       *Disk            `json:"disk"` // null: it cannot be asked
	Store      *Store           `json:"store"`
	History    *Record          `json:"history"`
	Gateway    Gateway          `json:"gateway"`
	Checks     []Check          `json:"checks"` // one for each tile of the page
	Alarms     []string         `json:"alarms"`
	AlarmsSaid []answer.Failure `json:"alarms_said,omitempty"` // the same, for a page in another language
}

// Clock is the time of day.
type Clock struct {
	TimeMS  int64  `json:"time_ms"`
	Zone    string `json:"zone"`
	OffsetS int    `json:"offset_s"` // east of UTC
	Synced  bool   `json:"synced"`
	Why     string `json:"why"` // why nobody knows, "" if it is known
}

// Disk is the file system of the folder where state is kept.
type Disk struct {
	Folder  string   `json:"folder"`
	Total   float64  `json:"total"`
	Free    float64  `json:"free"`
	Folders []Folder `json:"folders"`
}

// Folder is what one of our folders takes.
type Folder struct {
	Name  string `json:"name"` // store, history
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// Store is the broker's store.
type Store struct {
	Enabled  bool   `json:"enabled"`
	Bytes    int64  `json:"bytes"`
	Needed   int64  `json:"needed"`
	Segments int    `json:"segments"`
	Waiting  int    `json:"waiting"`
	Written  int64  `json:"written"`
	Damaged  int    `json:"damaged"`
	Failure  string `json:"failure"`
	SinceMS  int64  `json:"failure_age_ms"` // -1: there is none
}

// Record is the history.
type Record struct {
	Series  int    `json:"series"`
	Bytes   int64  `json:"bytes"`
	Written int64  `json:"written"`
	Damaged int    `json:"damaged"`
	Dropped uint64 `json:"dropped"`
}

// Gateway is this process.
type Gateway struct {
	Version    string   `json:"version"`
	Commit     string   `json:"commit"`
	Go         string   `json:"go"`
	UptimeMS   int64    `json:"uptime_ms"`
	Resident   float64  `json:"resident"`
	Heap       uint64   `json:"heap"`
	GoTotal    uint64   `json:"go_total"`
	Goroutines int      `json:"goroutines"`
	OpenFiles  int      `json:"open_files"`
	Written    *float64 `json:"written"`         // that had to go to a disk, since the start
	PerDay     *float64 `json:"written_per_day"` // at this rate; null in the first minutes, and if nobody knows
	LogLines   int      `json:"log_lines"`
}

// Check is a judgement: ok, warn, bad, or unknown. The page has the words.
type Check struct {
	ID    string `json:"id"`
	Level string `json:"level"`
}

func (s *System) system(w http.ResponseWriter, _ *http.Request) { answer.JSON(w, s.health()) }

func (s *System) health() Health {
	now := time.Now()
	m, c := s.Machine.State(), s.Machine.Clock()
	h := Health{
		Host: m.Host, Model: m.Model, Pi: m.Pi, Kernel: m.Kernel, OS: m.OS, Arch: m.Arch, CPUs: m.CPUs, UptimeMS: m.Uptime.Milliseconds(),
		Load: m.Load, CPUUsage: m.CPUUsage, CPUTemp: m.CPUTemp, MemTotal: m.MemTotal, MemFree: m.MemFree, Voltage: m.Voltage, Slowed: m.Throttled,
		Clock: Clock{c.Time.UnixMilli(), c.Zone, c.Offset, c.Synced, c.Why}, Disk: s.disk(), Store: s.store(now), Gateway: s.process(now),
	}
	if h.Load == nil {
		h.Load = []float64{}
	}
	h.Alarms, h.AlarmsSaid = answer.Texts(s.Alarms())
	if s.Deps.History != nil {
		x := s.Deps.History()
		h.History = &Record{x.Series, x.Bytes, x.Written, x.Damaged, x.Dropped}
	}
	h.Checks = judge(&h)
	return h
}

// disk is the file system of what is kept, nil if nothing is or it cannot be
// asked.
func (s *System) disk() *Disk {
	folder := s.Folder
	if folder == "" {
		folder = "/"
	}
	d, err := s.Machine.Disk(folder)
	if err != nil {
		return nil
	}
	all := &Disk{Folder: folder, Total: d.Total, Free: d.Free, Folders: []Folder{}}
	if s.Folder == "" {
		return all
	}
	history := filepath.Join(s.Folder, "history")
	all.Folders = append(all.Folders,
		Folder{"store", s.Folder, s.Machine.FolderSize(s.Folder, history)},
		Folder{"history", history, s.Machine.FolderSize(history)})
	return all
}

func (s *System) store(now time.Time) *Store {
	st := s.Broker.Stats().Store
	if st == nil {
		return &Store{SinceMS: -1}
	}
	x := &Store{
		Enabled: true, Bytes: st.Bytes, Needed: st.Live, Segments: st.Segments, Waiting: st.Waiting, Written: st.Written,
		Damaged: st.Damaged, SinceMS: -1,
	}
	if st.Failure != nil {
		x.Failure, x.SinceMS = st.Failure.Error(), age(st.Since, now)
	}
	return x
}

// settled is how long the gateway has to run before what it writes in a day is
// estimated: it writes more than usual at its start.
const settled = 10 * time.Minute

func (s *System) process(now time.Time) Gateway {
	p := s.Machine.Process()
	g := Gateway{
		Version: s.Version, Commit: s.Commit, Go: runtime.Version(), UptimeMS: age(s.Started, now), Resident: p.Resident, Heap: p.Heap, GoTotal: p.GoTotal,
		Goroutines: p.Goroutines, OpenFiles: p.OpenFiles, Written: p.Written, LogLines: s.Ring.Stats().Lines,
	}
	if up := now.Sub(s.Started); p.Written != nil && up >= settled {
		day := *p.Written / up.Hours() * 24
		g.PerDay = &day
	}
	return g
}

// The marks of the judgements. A Raspberry Pi slows itself down from 80 °C on
// (85 °C without mercy); SD cards of 32 GB are specified for tens of terabytes, of
// which 2 GB a day are used up in some years.
const (
	warm, hot                 = 70, 80 // °C
	diskLow, diskVeryLow      = 0.10, 0.03
	diskLowBytes              = 500e6
	diskVeryLowBytes          = 100e6
	memoryLow, memoryVeryLow  = 0.15, 0.05
	busy, veryBusy            = 1.5, 4.0  // load for each processor, 5 minutes
	writesMuch, writesTooMuch = 2e9, 10e9 // bytes a day
)

// judge says of each thing how it is.
func judge(h *Health) []Check {
	var all []Check
	add := func(id, level string) { all = append(all, Check{id, level}) }
	add("temperature", above(h.CPUTemp, warm, hot))
	add("power", flag(h.Voltage))
	add("throttled", flag(h.Slowed))
	add("memory", below(ratio(h.MemFree, h.MemTotal), memoryLow, memoryVeryLow))
	add("load", loadLevel(h))
	add("disk", diskLevel(h.Disk))
	add("clock", clockLevel(h.Clock))
	add("store", storeLevel(h.Store))
	add("writes", above(h.Gateway.PerDay, writesMuch, writesTooMuch))
	return all
}

func above(x *float64, warn, bad float64) string {
	switch {
	case x == nil:
		return "unknown"
	case *x >= bad:
		return "bad"
	case *x >= warn:
		return "warn"
	}
	return "ok"
}

func below(x *float64, warn, bad float64) string {
	if x == nil {
		return "unknown"
	}
	negative := -*x
	return above(&negative, -warn, -bad)
}

func flag(set *bool) string {
	switch {
	case set == nil:
		return "unknown"
	case *set:
		return "bad"
	}
	return "ok"
}

func ratio(a, b *float64) *float64 {
	if a == nil || b == nil || *b <= 0 {
		return nil
	}
	r := *a / *b
	return &r
}

func loadLevel(h *Health) string {
	if len(h.Load) < 2 {
		return "unknown"
	}
	per := h.Load[1] / math.Max(1, float64(h.CPUs))
	return above(&per, busy, veryBusy)
}

func diskLevel(d *Disk) string {
	switch {
	case d == nil || d.Total <= 0:
		return "unknown"
	case d.Free < diskVeryLowBytes || d.Free/d.Total < diskVeryLow && d.Free < 4*diskLowBytes:
		return "bad"
	case d.Free < diskLowBytes || d.Free/d.Total < diskLow && d.Free < 10*diskLowBytes:
		return "warn"
	}
	return "ok"
}

func clockLevel(c Clock) string {
	switch {
	case c.Why != "":
		return "unknown"
	case !c.Synced:
		return "bad"
	}
	return "ok"
}

func storeLevel(s *Store) string {
	switch {
	case s == nil || !s.Enabled:
		return "unknown"
	case s.Failure != "":
		return "bad"
	case s.Damaged > 0:
		return "warn"
	}
	return "ok"
}
