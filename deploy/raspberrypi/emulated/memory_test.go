//go:build linux

package emulated_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMemory runs a 32-bit gateway with 20 sensors, its history and its page that
// somebody looks at. On x86 it runs without a board: what it takes beside its own
// program is what it takes on ARM.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the gateway")
	}
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "386" {
		t.Skipf("%s cannot run the gateway of 386", runtime.GOARCH)
	}
	besideOthers(t)
	dir, err := os.MkdirTemp(folder, "memory")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "gateway")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "gateway/cmd/gateway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=386")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	config := strings.NewReplacer(":1883", "127.0.0.1:0", ":8080", "127.0.0.1:0").Replace(open) + "history:\n  batch: 1s\nsensors:\n"
	for i := range 20 {
		values := filepath.Join(dir, fmt.Sprintf("%d.json", i))
		if err := os.WriteFile(values, fmt.Appendf(nil, `{"temperature":%d.5,"humidity":50,"pressure":1001.25}`, i), 0o600); err != nil {
			t.Fatal(err)
		}
		config += fmt.Sprintf("  - {driver: file, room: room%d, name: climate, interval: 1s, options: {path: %s, values: \"temperature, humidity, pressure\"}}\n", i, values)
	}
	file := filepath.Join(dir, "gateway.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	pid, page := start(t, dir, program, "-c", file)
	v := view(t, page)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		all := series(t, page, "%23")
		if len(all) == 60 && all[0].Samples >= 15 {
			break
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the history has too little: %v", all)
		}
	}
	resident, peak := resident(t, pid)
	v.end(t)
	t.Logf("a 32-bit gateway takes %.1f MB, at most %.1f MB so far", resident, peak)
	if resident > 40 {
		t.Errorf("more than 40 MB")
	}
}

// start starts a gateway that is stopped when the test ends, and returns its
// process and where its page is.
func start(t *testing.T, dir, program string, args ...string) (pid int, page string) {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "STATE_DIRECTORY="+dir)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	for deadline := time.After(patience); ; {
		text, err := os.ReadFile(log.Name())
		if err != nil {
			t.Fatal(err)
		}
		if m := regexp.MustCompile(`(?m)^ *page +(http://\S+)$`).FindSubmatch(text); m != nil {
			return cmd.Process.Pid, string(m[1])
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ended:
			t.Fatalf("the gateway ended:\n%s", text)
		case <-deadline:
			t.Fatalf("the gateway does not say where its page is:\n%s", text)
		}
	}
}

// resident returns what a process takes of memory, and the most it was, MB.
func resident(t *testing.T, pid int) (now, most float64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	field := func(name string) float64 {
		m := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
		kb, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		return kb * 1024 / 1e6
	}
	return field("VmRSS"), field("VmHWM")
}
