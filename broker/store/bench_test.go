package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gateway/broker/store"
)

// sensorMessage is one as a sensor publishes it.
func sensorMessage() *store.Message {
	return &store.Message{
		Topic: "sensors/cellar/humidity", Publisher: "sensor-17", QoS: 1, Came: 1_795_000_000_000,
		Payload: []byte(`{"value":61.5,"unit":"%","time":"2026-11-23T22:00:00Z","quality":"good"}`),
	}
}

func openBench(b *testing.B, dir string) *store.Disk {
	b.Helper()
	d, err := store.Open(dir, store.Options{Interval: 5 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// BenchmarkAppendWait has messages stored that somebody waits for, on the file
// system of the folder for temporary files: set TMPDIR to measure another one.
// syncs/op is how many of them share a write.
func BenchmarkAppendWait(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := openBench(b, b.TempDir())
			defer d.Close()
			var all sync.WaitGroup
			var left atomic.Int64
			left.Store(int64(b.N))
			commits := d.Stats().Commits
			b.ResetTimer()
			for range n {
				all.Go(func() {
					id := d.NewSession()
					if _, err := d.Append(store.Later, store.Change{Op: store.PutSession, Session: id, Name: fmt.Sprint(id)}); err != nil {
						b.Error(err)
						return
					}
					for seq := uint64(1); left.Add(-1) >= 0; seq++ {
						mark, err := d.Append(store.Now,
							store.Change{Op: store.Publish, Message: sensorMessage(), To: []store.Delivery{{Session: id, Seq: seq}}},
							store.Change{Op: store.Done, Session: id, Seq: seq - 1})
						if err == nil {
							err = d.Wait(b.Context(), mark)
						}
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64(d.Stats().Commits-commits)/float64(b.N), "syncs/op")
		})
	}
}

// BenchmarkAppendLater has messages taken that nobody waits for.
func BenchmarkAppendLater(b *testing.B) {
	d := openBench(b, b.TempDir())
	defer d.Close()
	id := d.NewSession()
	if _, err := d.Append(store.Later, store.Change{Op: store.PutSession, Session: id, Name: "a"}); err != nil {
		b.Fatal(err)
	}
	m, seq := sensorMessage(), uint64(0)
	mark := store.Mark(0)
	for b.Loop() {
		seq++
		var err error
		mark, err = d.Append(store.Later,
			store.Change{Op: store.Publish, Message: m, To: []store.Delivery{{Session: id, Seq: seq}}},
			store.Change{Op: store.Done, Session: id, Seq: seq - 1})
		if err != nil {
			b.Fatal(err)
		}
		if seq%50_000 == 0 { // what waits has a bound
			if err := d.Wait(b.Context(), mark); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// fillBench leaves n deliveries, of which keep says whether they are done.
func fillBench(b *testing.B, dir string, n uint64, keep func(seq uint64) bool) {
	b.Helper()
	d := openBench(b, dir)
	id := d.NewSession()
	var mark store.Mark
	_, err := d.Append(store.Later, store.Change{Op: store.PutSession, Session: id, Name: "a"})
	for seq := uint64(1); seq <= n && err == nil; seq++ {
		mark, err = d.Append(store.Later, store.Change{Op: store.Publish, Message: sensorMessage(), To: []store.Delivery{{Session: id, Seq: seq}}})
		if err == nil && !keep(seq) {
			mark, err = d.Append(store.Later, store.Change{Op: store.Done, Session: id, Seq: seq})
		}
		if err == nil && seq%10_000 == 0 {
			err = d.Wait(b.Context(), mark)
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	if err := d.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLoad opens a store with 100,000 messages for one session, and has it
// say so: the start of a broker whose bridge was cut off for a day.
func BenchmarkLoad(b *testing.B) {
	const n = 100_000
	dir := b.TempDir()
	fillBench(b, dir, n, func(uint64) bool { return true })
	for b.Loop() {
		d := openBench(b, dir)
		b.SetBytes(d.Recovered().Bytes)
		found := 0
		err := d.Load(func(s *store.Session) {
			s.Queue(func(store.Queued) bool { found++; return true })
		}, func(*store.Message) {})
		if err != nil || found != n {
			b.Fatalf("%d, %v", found, err)
		}
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/delivery")
}

// BenchmarkCompact makes a store small of whose 50,000 messages every fifth is
// needed. A message that is moved is read, written and noted anew.
func BenchmarkCompact(b *testing.B) {
	const n = 50_000
	live, took := int64(0), time.Duration(0)
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		fillBench(b, dir, n, func(seq uint64) bool { return seq%5 == 0 })
		d := openBench(b, dir)
		before := d.Stats()
		b.StartTimer()
		began := time.Now()
		if err := d.Compact(b.Context()); err != nil {
			b.Fatal(err)
		}
		took += time.Since(began)
		b.StopTimer()
		if after := d.Stats(); after.Waiting != n/5 || after.Bytes > before.Bytes {
			b.Fatalf("%+v, and before %+v", after, before)
		}
		live += before.Live
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(live)/1e6/took.Seconds(), "needed-MB/s")
}
