package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestKill kills the gateway under Debian's clients: what was acknowledged is
// there after the next start, in its order, QoS 2 once.
func TestKill(t *testing.T) {
	t.Parallel() // it waits more than it works
	pub, sub := need(t, "mosquitto_pub", "mosquitto-clients"), need(t, "mosquitto_sub", "mosquitto-clients")
	for _, version := range []string{"311", "5"} {
		t.Run(version, func(t *testing.T) {
			config := fmt.Sprintf("sensors: []\npersistence: {path: %q}\n", filepath.Join(t.TempDir(), "store"))
			g := startGateway(t, config)
			lasts := []string{"-V", version, "-i", "away", "-c", "-q", "2", "-t", "test/#"}
			if version == "5" {
				lasts = append(lasts, "-x", "3600")
			}
			command(t, sub, append(append(hostPort(t, g.mqtt), lasts...), "-E")...)
			for round := range 3 {
				for i := range 10 {
					command(t, pub, append(hostPort(t, g.mqtt), "-V", version, "-q", fmt.Sprint(1+i%2), "-t", "test/a", "-m", fmt.Sprint(round*10+i))...)
				}
				command(t, pub, append(hostPort(t, g.mqtt), "-V", version, "-q", "1", "-r", "-t", "kept", "-m", fmt.Sprint(round))...)
				g.kill()
				g = startGateway(t, config)
			}
			out := command(t, sub, append(append(hostPort(t, g.mqtt), lasts...), "-C", "30", "-W", "20")...)
			next := [2]int{0, 1} // of each QoS: mosquitto_sub prints one of QoS 2 when it is complete
			for line := range strings.FieldsSeq(out) {
				var n int
				if _, err := fmt.Sscan(line, &n); err != nil || n != next[n%2] {
					t.Fatalf("%s comes where %v would; got %s", line, next, strings.ReplaceAll(out, "\n", " "))
				}
				next[n%2] += 2
			}
			if next != [2]int{30, 31} {
				t.Errorf("missing %v", next)
			}
			if got := command(t, sub, append(hostPort(t, g.mqtt), "-V", version, "-t", "kept", "-C", "1", "-W", "20")...); got != "2\n" {
				t.Errorf("retained: %q", got)
			}
			// Nothing is left: a second -C 1 would wait in vain.
			if out, err := exec.Command(sub, append(append(hostPort(t, g.mqtt), lasts...), "-C", "1", "-W", "1")...).Output(); len(out) > 0 {
				t.Errorf("again: %q, %v", out, err)
			}
		})
	}
}

// TestSecondGateway wants a second one in the same folder to say who has it.
func TestSecondGateway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	config := fmt.Sprintf("sensors: []\npersistence: {path: %q}\n", dir)
	g := startGateway(t, config)
	second := spawn(t, needBinary(t), "run", "-c", writeConfig(t, config+freePorts))
	<-second.done
	for _, want := range []string{"persistence.path", dir, fmt.Sprintf("process %d", g.cmd.Process.Pid)} {
		if !strings.Contains(second.text(), want) {
			t.Errorf("it does not say %q:\n%s", want, second.text())
		}
	}
	if second.cmd.ProcessState.ExitCode() != exitConfig {
		t.Errorf("exit status %d", second.cmd.ProcessState.ExitCode())
	}
}

// TestDamagedStore starts over a store with damage in its middle, says so, and
// keeps the file.
func TestDamagedStore(t *testing.T) {
	pub, sub := need(t, "mosquitto_pub", "mosquitto-clients"), need(t, "mosquitto_sub", "mosquitto-clients")
	dir := filepath.Join(t.TempDir(), "store")
	config := fmt.Sprintf("sensors: []\npersistence: {path: %q}\n", dir)
	g := startGateway(t, config)
	for i := range 10 {
		command(t, pub, append(hostPort(t, g.mqtt), "-q", "1", "-r", "-t", fmt.Sprint("kept/", i), "-m", "value")...)
	}
	g.kill()
	files, err := filepath.Glob(filepath.Join(dir, "*.segment"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(b), "kept/4")
	b[at] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	g = startGateway(t, config)
	g.await(`level=ERROR msg="a part of the store cannot be read; everything else was" .*file=00000001.segment`)
	out := strings.Fields(command(t, sub, append(hostPort(t, g.mqtt), "-t", "kept/#", "-F", "%t", "-C", "9", "-W", "20")...))
	slices.Sort(out)
	if len(out) != 9 || slices.Contains(out, "kept/4") {
		t.Errorf("retained: %v", out)
	}
	if state := command(t, sub, append(hostPort(t, g.mqtt), "-t", "$SYS/broker/store/state", "-C", "1", "-W", "20")...); !strings.Contains(state, "1 parts could not be read") {
		t.Errorf("$SYS: %q", state)
	}
}
