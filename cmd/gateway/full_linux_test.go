package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFullDisk fills a file system under the gateway: what does not fit is not
// acknowledged, a person is told, and when there is room again all goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel() // it waits more than it works
	pub, sub := need(t, "mosquitto_pub", "mosquitto-clients"), need(t, "mosquitto_sub", "mosquitto-clients")
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=44m,mode=700"); err != nil {
		t.Skipf("no file system of its own: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	g := startGateway(t, fmt.Sprintf("sensors: []\npersistence: {path: %q, min_free: 16777216}\n", filepath.Join(disk, "store")))
	away := func(args ...string) []string {
		return append(append(hostPort(t, g.mqtt), "-V", "5", "-x", "3600", "-i", "away", "-c", "-q", "1", "-t", "test/#"), args...)
	}
	command(t, sub, away("-E")...)
	payload := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(payload, bytes.Repeat([]byte("0123456789abcdef"), 1<<16), 0o600); err != nil {
		t.Fatal(err)
	}
	publish := func(i int) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		out, err := exec.CommandContext(ctx, pub, append(hostPort(t, g.mqtt), "-V", "5", "-q", "1", "-t", fmt.Sprint("test/", i), "-f", payload)...).CombinedOutput()
		return string(out), errors.Join(err, ctx.Err())
	}
	// mosquitto_pub says what PUBACK says, and ends with 0.
	acknowledged := 0
	for refused := 0; refused < 3; acknowledged++ {
		out, err := publish(acknowledged)
		if acknowledged > 60 {
			t.Fatal("60 MB fit 44 MB")
		}
		if err != nil || strings.Contains(out, "Quota exceeded") {
			refused++
			acknowledged--
		}
	}
	if acknowledged < 10 {
		t.Errorf("%d MB fit 44 MB", acknowledged)
	}
	g.await(`level=ERROR msg="too little space is left on the file system`)
	if state := command(t, sub, append(hostPort(t, g.mqtt), "-t", "$SYS/broker/store/state", "-C", "2", "-W", "30")...); !strings.Contains(state, "to stay free") { // the second is of now
		t.Errorf("$SYS: %q", state)
	}
	r, err := http.Get(g.page + "/healthz?verbose")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(r.Body)
	r.Body.Close()
	if !strings.Contains(string(body), "The store cannot be written") {
		t.Errorf("/healthz: %s", body)
	}
	// A load balancer is told, without the folder; whoever restarts gateways is not.
	if status, text := g.health("/healthz"); status != http.StatusServiceUnavailable || !strings.Contains(text, `{"name":"store","status":"failing","reason":"messages cannot be stored`) || strings.Contains(text, disk) {
		t.Errorf("/healthz: %d %s", status, text)
	}
	if status, text := g.health("/livez"); status != http.StatusOK {
		t.Errorf("/livez: %d %s", status, text)
	}
	// Readings and QoS 0 go on, and so does who is connected.
	command(t, pub, append(hostPort(t, g.mqtt), "-t", "other", "-m", "x")...)
	got := strings.Fields(command(t, sub, away("-C", fmt.Sprint(acknowledged), "-W", "60", "-F", "%t")...))
	for i, topic := range got {
		if want := fmt.Sprint("test/", i); topic != want {
			t.Errorf("message %d is %s", i, topic)
		}
	}
	g.await(`level=WARN msg="the store takes messages again"`)
	if out, err := publish(1000); err != nil || strings.Contains(out, "Quota") {
		t.Errorf("with room again: %s, %v", out, err)
	}
}
