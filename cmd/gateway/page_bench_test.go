//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/broker/client"
	"gateway/broker/packet"
)

// BenchmarkViewers tells what people who look at the page cost the gateway, in
// percent of one core: the real binary with 48 sensors that publish 100 messages
// a second together, and so many pages open that take everything. One operation is
// a second of that; run it with -benchtime 20x.
func BenchmarkViewers(b *testing.B) {
	for _, viewers := range []int{0, 1, 10} {
		b.Run(fmt.Sprint(viewers), func(b *testing.B) { benchmarkViewers(b, viewers) })
	}
}

func benchmarkViewers(b *testing.B, viewers int) {
	g := startGateway(b, "sensors: []\n")
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { publishSteadily(ctx, b, g.mqtt) })
	for range viewers {
		wg.Go(func() { view(ctx, b, g.page) })
	}
	time.Sleep(2 * time.Second) // all have come, and their first snapshots have gone
	before, began := processTime(b, g.cmd.Process.Pid), time.Now()
	for b.Loop() {
		time.Sleep(time.Second)
	}
	b.ReportMetric(100*(processTime(b, g.cmd.Process.Pid)-before).Seconds()/time.Since(began).Seconds(), "%core")
	b.ReportMetric(0, "ns/op")
}

// publishSteadily publishes 100 readings a second of 48 sensors, until ctx ends.
func publishSteadily(ctx context.Context, b *testing.B, address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Error(err)
		return
	}
	c, err := client.Connect(ctx, conn, client.Options{CleanStart: true, KeepAlive: time.Minute})
	if err != nil {
		b.Error(err)
		return
	}
	defer c.Close()
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		for i := range 48 {
			payload := fmt.Appendf(nil, `{"time":%q,"temperature":%.2f,"humidity":%d.5}`, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), 20+float64(i)/7, 40+i)
			_, err := c.Publish(ctx, &packet.Publish{Topic: fmt.Sprintf("home/room%d/sensor%d", i/8, i%8), Payload: payload, Retain: true})
			if err != nil && ctx.Err() == nil {
				b.Error(err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

// view takes a stream of the page for as long as ctx lasts.
func view(ctx context.Context, b *testing.B, page string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, page+"/api/v1/stream", nil)
	if err != nil {
		b.Error(err)
		return
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Error(err)
		return
	}
	defer resp.Body.Close()
	for s := bufio.NewReaderSize(resp.Body, 1<<16); ; {
		if _, err := s.ReadSlice('\n'); err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

// processTime is how long a process has used the processor.
func processTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(after) // from the third on, proc(5)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // of clock ticks, 100 a second
}
