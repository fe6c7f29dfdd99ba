package tsdb

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// sensor is a generator that looks like a sensor.
type sensor struct {
	name   string
	jitter int64 // ms, times are up to so much late
	next   func(rng *rand.Rand, second int) float64
}

func decimals(v float64, n int) float64 {
	p := math.Pow10(n)
	return math.Round(v*p)/p + 0
}

func daily(second int, phase float64) float64 {
	return math.Sin(2*math.Pi*float64(second)/86400 + phase)
}

// sensors returns 20 series like those of a house. Each call begins anew.
func sensors() []sensor {
	walk := func(sigma, back float64) func(*rand.Rand) float64 {
		x := 0.0
		return func(rng *rand.Rand) float64 {
			x += rng.NormFloat64()*sigma - x*back
			return x
		}
	}
	var all []sensor
	add := func(n int, name string, jitter int64, make func(i int) func(*rand.Rand, int) float64) {
		for i := range n {
			all = append(all, sensor{fmt.Sprintf("home/room%d/%s#%s", i, name, name), jitter, make(i)})
		}
	}
	add(6, "temperature", 3, func(i int) func(*rand.Rand, int) float64 { // BME280: 0.01 °C, noise of 0.005 °C
		w := walk(0.002, 0.0001)
		return func(rng *rand.Rand, s int) float64 {
			return decimals(21+2*daily(s, float64(i))+w(rng)+rng.NormFloat64()*0.005, 2)
		}
	})
	add(4, "humidity", 3, func(i int) func(*rand.Rand, int) float64 { // 0.01 %, noise of 0.02 %
		w := walk(0.01, 0.0001)
		return func(rng *rand.Rand, s int) float64 {
			return decimals(45+10*daily(s, float64(i))+w(rng)+rng.NormFloat64()*0.02, 2)
		}
	})
	add(2, "pressure", 0, func(int) func(*rand.Rand, int) float64 { // 0.01 hPa, noise of 0.02 hPa
		w := walk(0.002, 0)
		return func(rng *rand.Rand, _ int) float64 { return decimals(1013+w(rng)+rng.NormFloat64()*0.02, 2) }
	})
	add(2, "power", 0, func(int) func(*rand.Rand, int) float64 { // a meter: 0.1 W, loads come and go, noise of 0.3 W
		load := 120.0
		return func(rng *rand.Rand, _ int) float64 {
			if rng.IntN(600) == 0 {
				load = []float64{95, 120, 310, 1250, 2100}[rng.IntN(5)]
			}
			return decimals(load+rng.NormFloat64()*0.3, 1)
		}
	})
	add(2, "energy", 0, func(int) func(*rand.Rand, int) float64 { // a counter: 0.001 kWh
		kwh := 1234.0
		return func(rng *rand.Rand, s int) float64 {
			kwh += (300 + 200*daily(s, 0) + 20*rng.Float64()) / 3.6e6
			return decimals(kwh, 3)
		}
	})
	add(1, "co2", 3, func(int) func(*rand.Rand, int) float64 { // 1 ppm
		w := walk(0.5, 0.001)
		return func(rng *rand.Rand, s int) float64 {
			return math.Round(650 + 150*daily(s, 1) + w(rng) + rng.NormFloat64())
		}
	})
	add(1, "single", 0, func(int) func(*rand.Rand, int) float64 { // 0.1 °C, through a float32
		w := walk(0.01, 0.001)
		return func(rng *rand.Rand, s int) float64 { return float64(float32(decimals(19+3*daily(s, 2)+w(rng), 1))) }
	})
	add(1, "door", 0, func(int) func(*rand.Rand, int) float64 {
		open := 0.0
		return func(rng *rand.Rand, _ int) float64 {
			if rng.IntN(1800) == 0 {
				open = 1 - open
			}
			return open
		}
	})
	add(1, "noise", 0, func(int) func(*rand.Rand, int) float64 { // a float32 of which no bit is quiet
		return func(rng *rand.Rand, _ int) float64 { return float64(float32(230 + rng.NormFloat64())) }
	})
	return all
}

// replayed is a folder with days of 20 series at 1 Hz, written as Run would.
func replay(tb testing.TB, o Options, days int, each func(*DB, time.Time)) {
	start := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	now := start
	o.Now = func() time.Time { return now }
	db, err := Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	all := sensors()
	var batch [60]Sample
	for s := 0; s < days*86400; s += 60 {
		for _, x := range all {
			for i := range batch {
				t := start.Add(time.Duration(s+i) * time.Second).UnixMilli()
				if x.jitter > 0 {
					t += rng.Int64N(x.jitter)
				}
				batch[i] = Sample{t, x.next(rng, s+i)}
			}
			if err := db.Append(x.name, batch[:]...); err != nil {
				tb.Fatal(err)
			}
		}
		now = start.Add(time.Duration(s+60) * time.Second)
		if err := db.maintain(); err != nil {
			tb.Fatal(err)
		}
		if each != nil {
			each(db, now)
		}
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
}

var month = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "history")
	if err != nil {
		panic(err)
	}
	return dir
})

// monthOf makes 30 days once for all benchmarks.
var monthMade sync.Once

func monthOf(tb testing.TB) string {
	monthMade.Do(func() { replay(tb, Options{folder: quick{disk(month())}}, 30, nil) })
	return month()
}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(month())
	os.Exit(code)
}

// BenchmarkDay writes days of 20 series at 1 Hz with the defaults, with every
// sync, in the folder for temporary files, and reports what the process writes
// in a day, and what a sample takes when the day is over. With TSDB_DEVICE=loop0 it
// reports the bytes that went to that block device as well, with the journal of
// the file system, if the folder is there and nothing else is.
func BenchmarkDay(b *testing.B) {
	const n = 4
	for b.Loop() {
		var last Stats
		perDay := map[int64]int64{}
		device := os.Getenv("TSDB_DEVICE")
		before := written(b, device)
		replay(b, Options{Folder: b.TempDir()}, n, func(db *DB, now time.Time) {
			last = db.Stats()
			for _, f := range db.files[Raw] {
				if f.merged {
					perDay[f.partition()] = f.size
				}
			}
		})
		size := int64(0)
		for _, s := range perDay {
			size += s
		}
		b.ReportMetric(float64(last.Written)/n/1e6, "MB-written/day")
		b.ReportMetric(float64(last.Syncs)/n, "syncs/day")
		b.ReportMetric(float64(size)/float64(len(perDay))/86400/20, "B/sample")
		b.ReportMetric(float64(last.Tiers[Minute].Bytes)/float64(len(perDay))/1e6, "MB-minutes/day")
		if device != "" {
			b.ReportMetric(float64(written(b, device)-before)/n/1e6, "MB-device/day")
		}
	}
}

// written returns the bytes that were written to a block device.
func written(tb testing.TB, device string) int64 {
	if device == "" {
		return 0
	}
	if err := exec.Command("sync").Run(); err != nil {
		tb.Fatal(err)
	}
	b, err := os.ReadFile("/sys/block/" + device + "/stat")
	if err != nil {
		tb.Fatal(err)
	}
	sectors, err := strconv.ParseInt(strings.Fields(string(b))[6], 10, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return sectors * 512
}

// BenchmarkSize reports the bytes of a sample of each kind, in pages of an hour
// and in the journal.
func BenchmarkSize(b *testing.B) {
	seen := map[string]bool{}
	for _, x := range sensors() {
		_, kind, _ := strings.Cut(x.name, "#")
		if seen[kind] {
			continue
		}
		seen[kind] = true
		b.Run(kind, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			var s []Sample
			for i := range 3600 {
				t := 1_764_000_000_000 + int64(i)*1000
				if x.jitter > 0 {
					t += rng.Int64N(x.jitter)
				}
				s = append(s, Sample{t, x.next(rng, i)})
			}
			var e encoder
			var page []byte
			for b.Loop() {
				page = e.samples(page[:0], s, true)
			}
			b.ReportMetric(float64(len(page))/3600, "B/sample")
			b.ReportMetric(float64(len(e.samples(nil, s[:60], false)))/60, "B/sample-in-journal")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/3600, "ns/sample")
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	db, err := Open(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	t := int64(1_764_000_000_000)
	for i := 0; b.Loop(); i++ {
		t += 1000
		db.Append("home/kitchen#temperature", Sample{t, 21.5})
		if i%100_000 == 0 {
			b.StopTimer()
			db.maintain()
			b.StartTimer()
		}
	}
}

// BenchmarkOpen opens a month.
func BenchmarkOpen(b *testing.B) {
	dir := monthOf(b)
	for b.Loop() {
		db, err := Open(Options{Folder: dir})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		db.Close()
		b.StartTimer()
	}
}

// BenchmarkQuery asks one series of a month for 1,500 points, on a grid and not.
func BenchmarkQuery(b *testing.B) {
	db, err := Open(Options{Folder: monthOf(b)})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	end := time.Date(2026, 10, 30, 20, 0, 0, 0, time.UTC).UnixMilli()
	name := sensors()[0].name
	for _, span := range []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour} {
		for _, grid := range []bool{true, false} {
			b.Run(fmt.Sprintf("%v/grid=%v", span, grid), func(b *testing.B) {
				var dst []Bucket
				var tier Tier
				for b.Loop() {
					from, to := end-span.Milliseconds(), end
					width := span.Milliseconds() / 1500
					if grid {
						from, to, width = Grid(from, to, 1500)
					}
					dst, tier, err = db.Buckets(name, from, to, width, dst[:0])
					if err != nil || len(dst) == 0 {
						b.Fatal(len(dst), err)
					}
				}
				b.ReportMetric(float64(len(dst)), "points")
				b.ReportMetric(float64(tier), "tier")
			})
		}
	}
	b.Run("export-30d", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = 0
			for range db.Samples(name, minTime, maxTime) {
				n++
			}
		}
		b.ReportMetric(float64(n), "samples")
	})
}

// BenchmarkRSS reports what a process takes more, of memory that is its own, with
// a month open, while it records 6 hours of 20 series at 1 Hz, seals them, and
// 20 times somebody asks for a day and the month of every series.
func BenchmarkRSS(b *testing.B) {
	dir := monthOf(b)
	for b.Loop() {
		cmd := exec.Command(os.Args[0], "-test.run=^TestRSSOfAProcess$", "-test.v")
		cmd.Env = append(os.Environ(), "TSDB_RSS="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		for line := range strings.Lines(string(out)) {
			var what string
			var kb float64
			if n, _ := fmt.Sscanf(line, "rss %s %f", &what, &kb); n == 2 {
				b.ReportMetric(kb/1024, "MiB-"+what)
			}
		}
	}
}

// TestRSSOfAProcess is the process that BenchmarkRSS measures.
func TestRSSOfAProcess(t *testing.T) {
	dir := os.Getenv("TSDB_RSS")
	if dir == "" {
		t.Skip("part of BenchmarkRSS")
	}
	base := rss(t)
	now := time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC)
	db, err := Open(Options{folder: readOnlyCopy(t, dir), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("rss open %d\n", rss(t)-base)
	rng := rand.New(rand.NewPCG(2, 2))
	all := sensors()
	most := 0
	for range 6 * 60 {
		for s := range 60 {
			for _, x := range all {
				db.Append(x.name, Sample{now.Add(time.Duration(s) * time.Second).UnixMilli(), x.next(rng, s)})
			}
		}
		now = now.Add(time.Minute)
		if err := db.maintain(); err != nil {
			t.Fatal(err)
		}
		most = max(most, rss(t))
	}
	fmt.Printf("rss recording %d\n", most-base)
	for range 20 {
		for _, x := range all {
			for _, span := range []time.Duration{24 * time.Hour, 30 * 24 * time.Hour} {
				from, to, width := Grid(now.Add(-span).UnixMilli(), now.UnixMilli(), 1500)
				if _, _, err := db.Buckets(x.name, from, to, width, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		db.Series()
		most = max(most, rss(t))
	}
	fmt.Printf("rss most %d\n", most-base)
}

// readOnlyCopy copies a folder with links, so that what is written goes elsewhere.
func readOnlyCopy(t *testing.T, dir string) folder {
	to := t.TempDir()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Link(filepath.Join(dir, e.Name()), filepath.Join(to, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return quick{disk(to)}
}

// rss returns the anonymous memory of this process, KiB.
func rss(t *testing.T) int {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	_, rest, _ := strings.Cut(string(b), "RssAnon:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb
}
