//go:build linux

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseCPU(t *testing.T) {
	stat := "42 (a (b) c) S 1 42 42 0 -1 4194560 1000 0 0 0 150 25 7 8 20 0 9 0 100 1 2"
	if got, err := parseCPU(stat); err != nil || got != 1750*time.Millisecond {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "42 (x", "42 (x) S 1 2"} {
		if got, err := parseCPU(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func TestParseAllocations(t *testing.T) {
	out := "cpu: x\nBenchmarkReading-2   \t  100000\t     79437 ns/op\t     12305 cpu-ns/reading\t     326 B/op\t       7 allocs/op\nPASS\n"
	if got, err := parseAllocations(out); err != nil || got != (allocated{326, 7}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := parseAllocations("PASS\n"); err == nil {
		t.Error("figures out of nothing")
	}
}

func TestReadCount(t *testing.T) {
	name := filepath.Join(t.TempDir(), "count")
	if err := os.WriteFile(name, []byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0}, 0o600); err != nil {
		t.Fatal(err)
	}
	one, err := readCount(name)
	if err != nil || one != 3 && one != 3<<56 {
		t.Errorf("%d, %v", one, err)
	}
}

// TestOwnProcess measures this process: figures that are there at all.
func TestOwnProcess(t *testing.T) {
	p, err := start(context.Background(), []string{"sleep", "60"}, nil)
	if err != nil {
		t.Skip(err)
	}
	if _, err := p.cpu(); err != nil {
		t.Error(err)
	}
	if mib, err := p.resident(); err != nil || mib <= 0 {
		t.Errorf("%v MiB, %v", mib, err)
	}
	if err := p.failure(); err != nil {
		t.Error(err)
	}
	p.stop()
	if p.failure() == nil {
		t.Error("it has ended, and nobody says so")
	}
}

// TestReport holds that the part about mqtt-io stays when it was not measured.
func TestReport(t *testing.T) {
	some := func(m machine) figures {
		return figures{machine: m, readings: 1000, time: 5 * time.Second, cpu: 80 * time.Millisecond, instructions: 50e6, resident: 20}
	}
	r := results{options: options{sensors: 200}, allocations: allocated{310, 7}}
	for _, m := range machines {
		r.gateway = append(r.gateway, some(m))
	}
	if text := r.text(""); !strings.Contains(text, "| CPU time for a reading, µs | 80.0 |") || strings.Contains(text, "mqtt-io") {
		t.Errorf("without mqtt-io:\n%s", text)
	}
	beside := beginBeside + "as it was\n" + endBeside
	if text := r.text("old\n" + beside); !strings.HasSuffix(text, "\n"+beside) {
		t.Errorf("with mqtt-io of another day:\n%s", text)
	}
	for _, m := range machines {
		f := some(m)
		f.instructions, f.cpu = 500e6, 800*time.Millisecond
		r.mqttio = append(r.mqttio, f)
	}
	text := r.text("old\n" + beside)
	for _, want := range []string{
		"| CPU time for a reading, amd64, µs | 800 | 80.0 | 0.100 |\n",
		"| instructions for a reading, ARM, thousand | 500 | 50.0 | 0.100 |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestConfigs(t *testing.T) {
	if n := strings.Count(gatewayConfig(200, "127.0.0.1:1", "/x"), "driver: sim"); n != 200 {
		t.Errorf("%d sensors", n)
	}
	if n := strings.Count(mqttioConfig(200, "1"), "module: bench, interval: 1"); n != 200 {
		t.Errorf("%d sensors", n)
	}
}
