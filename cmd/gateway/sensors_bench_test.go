//go:build unix

package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"gateway/broker"
	"gateway/sensors"
	"gateway/sensors/bus/bustest"
)

// The whole way of a reading: chip → bus → driver → pipeline → message →
// broker → one subscriber. Only the chips are made up, and the wires.

// chipBus is a bus of made up chips. It keeps no log of transactions as
// [bustest.Bus] does, which would cost more than what is measured.
type chipBus map[uint16]bustest.Chip

func (b chipBus) String() string                  { return "chips" }
func (b chipBus) SetSpeed(physic.Frequency) error { return nil }
func (b chipBus) Close() error                    { return nil }

func (b chipBus) Tx(addr uint16, w, r []byte) error {
	chip := b[addr]
	if chip == nil {
		return bustest.ErrNACK
	}
	if len(w) > 0 {
		if err := chip.Write(w); err != nil {
			return err
		}
	}
	if len(r) > 0 {
		return chip.Read(r)
	}
	return nil
}

var _ i2c.BusCloser = chipBus(nil)

// newChips are the chips of one bus.
func newChips() chipBus {
	return chipBus{
		0x40: bustest.NewHDC1080(), 0x41: bustest.NewHDC1080(),
		0x44: bustest.NewSHT4x(), 0x45: bustest.NewSHT4x(), 0x46: bustest.NewSHT4x(),
		0x48: bustest.NewTMP102(),
		0x76: bustest.NewBME280(), 0x77: bustest.NewBME280(),
	}
}

// benchSensors are the sensors of the benchmark, eight on each of 25 buses,
// with filters as people have them.
func benchSensors(interval time.Duration) sensors.Config {
	mean := map[string]sensors.FilterConfig{
		"temperature": {SlidingWindowMovingAverage: &sensors.WindowConfig{WindowSize: 5}},
	}
	calibrated := map[string]sensors.FilterConfig{
		"temperature": {Offset: -0.4},
		"pressure":    {Median: &sensors.WindowConfig{WindowSize: 5}},
	}
	of := []sensors.SensorConfig{
		{Driver: "hdc1080", Address: 0x40},
		{Driver: "hdc1080", Address: 0x41, Filters: mean},
		{Driver: "sht4x", Address: 0x44, Filters: mean},
		{Driver: "sht4x", Address: 0x45, Derive: []string{"dew_point"}},
		{Driver: "sht4x", Address: 0x46},
		{Driver: "tmp102", Address: 0x48, Filters: mean},
		{Driver: "bme280", Address: 0x76, Filters: calibrated},
		{Driver: "bme280", Address: 0x77},
	}
	c := sensors.Config{Site: "bench"}
	for n := range 25 {
		for _, s := range of {
			s.Bus, s.Room = fmt.Sprintf("i2c-%d", n), fmt.Sprintf("room_%d", n)
			s.Name = fmt.Sprintf("%s_%02x", s.Driver, s.Address)
			s.Interval, s.StaleAfter = interval, time.Minute
			c.Sensors = append(c.Sensors, s)
		}
	}
	return c
}

// readingWay is everything between the chips and one subscriber.
type readingWay struct {
	sensors *sensors.Sensors
	enough  chan struct{} // closed when so many readings were published
	sub     *broker.Subscription
	broker  *broker.Broker
}

func newReadingWay(tb testing.TB, interval time.Duration, enough int64) *readingWay {
	tb.Helper()
	log := slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	w := &readingWay{enough: make(chan struct{}), broker: broker.New(broker.Default(), log)}
	pub := newPublisher(w.broker, log)
	var published atomic.Int64
	var err error
	w.sensors, err = sensors.New(benchSensors(interval), sensors.Deps{
		Log: log,
		Publish: func(r sensors.Report) {
			pub.report(r)
			if published.Add(1) == enough {
				close(w.enough)
			}
		},
		Status:      pub.status,
		OpenI2C:     func(string) (i2c.BusCloser, error) { return newChips(), nil },
		ClockSynced: func() bool { return true },
	})
	if err != nil {
		tb.Fatal(err)
	}
	w.sub, err = w.broker.Subscribe(broker.SubscribeOptions{MaxMessages: 10_000}, "bench/+/+")
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// run reads until ctx ends, and passes on what the subscriber got.
func (w *readingWay) run(ctx context.Context, tb testing.TB, got func(broker.Delivery)) {
	var brokerRuns, sensorsRun sync.WaitGroup
	later, stop := context.WithCancel(context.WithoutCancel(ctx))
	brokerRuns.Go(func() {
		if err := w.broker.Run(later); err != nil {
			tb.Error(err)
		}
	})
	brokerRuns.Go(func() {
		for {
			d, err := w.sub.Next(later)
			if err != nil {
				return
			}
			got(d)
		}
	})
	sensorsRun.Go(func() {
		if err := w.sensors.Run(ctx); err != nil {
			tb.Error(err)
		}
	})
	sensorsRun.Wait()
	stop()
	brokerRuns.Wait()
}

// BenchmarkReading takes readings of 200 sensors as fast as their chips can
// measure, which leaves the processor idle now and then: cpu-ns/reading is what
// counts, ns/op is not. The chips' models are in it, and cost about a tenth.
func BenchmarkReading(b *testing.B) {
	b.ReportAllocs()
	w := newReadingWay(b, time.Millisecond, int64(b.N))
	ctx, cancel := context.WithCancel(b.Context())
	go func() {
		<-w.enough
		cancel()
	}()
	before := cpuTime(b)
	b.ResetTimer()
	w.run(ctx, b, func(broker.Delivery) {})
	b.StopTimer()
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/reading")
}

// cpuTime is what this process has used so far.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestReadingWay holds what the benchmark measures: every sensor is read every
// second, and every reading reaches the subscriber.
func TestReadingWay(t *testing.T) {
	const seconds = 10
	synctest.Test(t, func(t *testing.T) {
		w := newReadingWay(t, time.Second, 0)
		ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second+time.Second/2)
		defer cancel()
		got := make(map[string]int)
		w.run(ctx, t, func(d broker.Delivery) { got[d.Topic]++ })
		stats := w.sensors.Stats()
		if len(stats) != 200 || len(got) != 200 {
			t.Errorf("%d sensors, %d topics", len(stats), len(got))
		}
		for _, s := range stats {
			if s.LastError != "" {
				t.Errorf("%s: %s", s.Path, s.LastError)
			}
			// At the start, and then on its grid.
			if n := got[s.Path.String()]; n < seconds || uint64(n) != s.Reads {
				t.Errorf("%s was read %d times in %d s, and %d readings came", s.Path, s.Reads, seconds, n)
			}
		}
	})
}
