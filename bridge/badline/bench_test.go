package badline

import (
	"io"
	"testing"
	"time"
)

// BenchmarkWindow sends messages of 100 bytes with a window of 32 over a round
// trip of 100 ms, and reports how much of window/RTT the line lets through: it
// is the yardstick for the bridge, so it has to be within 1 %. An operation is
// twenty windows, which take 2 s at best.
func BenchmarkWindow(b *testing.B) {
	const window, windows, size, way = 32, 20, 100, 50 * time.Millisecond
	l := listen(b, echo(b))
	l.Latency(Both, way)
	c := dial(b, l)
	c.SetDeadline(time.Time{})
	buf := make([]byte, size)
	for b.Loop() {
		free := make(chan struct{}, window)
		go func() {
			for range windows * window {
				free <- struct{}{}
				c.Write(make([]byte, size))
			}
		}()
		for range windows * window {
			if _, err := io.ReadFull(c, buf); err != nil {
				b.Fatal(err)
			}
			<-free
		}
	}
	best := time.Duration(b.N) * windows * 2 * way
	b.ReportMetric(100*best.Seconds()/b.Elapsed().Seconds(), "%_of_window/RTT")
}

// BenchmarkThroughput passes bytes through one direction, with and without a
// latency.
func BenchmarkThroughput(b *testing.B) {
	for name, latency := range map[string]time.Duration{"plain": 0, "100ms": 100 * time.Millisecond} {
		b.Run(name, func(b *testing.B) {
			u := catcher(b)
			l := listen(b, u)
			l.Latency(Up, latency)
			c := dial(b, l)
			far := u.next(b)
			c.SetDeadline(time.Time{})
			far.SetDeadline(time.Time{})
			const block = 64 << 10
			b.SetBytes(block)
			b.ResetTimer()
			go func() {
				buf := make([]byte, block)
				for range b.N {
					c.Write(buf)
				}
				c.CloseWrite()
			}()
			if n, err := io.Copy(io.Discard, far); n != int64(b.N)*block || err != nil {
				b.Fatal(n, err)
			}
		})
	}
}
