package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gateway/broker/store"
)

// run runs a command line of the gateway.
func run(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs strings.Builder
	status = execute(t.Context(), args, streams{strings.NewReader(""), &out, &errs})
	return out.String(), errs.String(), status
}

// ok runs a command line that has to succeed, and returns what it prints.
func ok(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, status := run(t, args...)
	if status != 0 || errs != "" {
		t.Fatalf("%q: status %d, %s%s", args, status, out, errs)
	}
	return out
}

// says wants what was printed to match all patterns.
func says(t *testing.T, got string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile("(?m)" + p).MatchString(got) {
			t.Errorf("nothing matches %q in\n%s", p, got)
		}
	}
}

// TestStoreCommands looks after the store of a gateway that runs, and of one that
// does not.
func TestStoreCommands(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "store")
	config := fmt.Sprintf("sensors: []\npersistence: {path: %q}\n", dir)
	file := writeConfig(t, config)
	g := startGateway(t, config)
	sub := need(t, "mosquitto_sub", "mosquitto-clients")
	away := func(args ...string) string {
		t.Helper()
		return command(t, sub, append(append(hostPort(t, g.mqtt), "-i", "away", "-c", "-q", "1", "-t", "test/#"), args...)...)
	}
	away("-E") // subscribe and leave
	host := strings.Split(g.mqtt, ":")
	pub := func(args ...string) {
		t.Helper()
		ok(t, append([]string{"pub", "-h", host[0], "-p", host[1], "-q", "1"}, args...)...)
	}
	for i := range 3 {
		pub("-t", fmt.Sprint("test/", i), "-m", "message")
	}
	pub("-t", "kept", "-m", "value", "-r")

	// While it runs.
	out := ok(t, "store", "inspect", "-c", file)
	says(t, out, "^"+regexp.QuoteMeta(dir)+"$", `^4\.2 MB in 1 segment and 0 spares`, `1 session, 3 messages waiting, 1 retained message$`,
		`^"away" +3 +\d+ B +test/#$`, `^00000001\.segment +4\.2 MB `)
	var sum store.Summary
	if err := json.Unmarshal([]byte(ok(t, "store", "inspect", "-c", file, "--json")), &sum); err != nil || sum.Waiting != 3 || sum.Sessions[0].Client != "away" {
		t.Errorf("%+v, %v", sum, err)
	}
	out = ok(t, "store", "inspect", "--dir", dir, "--messages", "away", "-n", "2")
	says(t, out, `^SEQ +CAME +EXPIRES +QOS +BYTES +TOPIC$`, `^1 +20\S+ \S+ +- +1 +7 +"test/0"$`, `^and more; -n 0 lists all$`)
	out = ok(t, "store", "inspect", "--dir", dir, "--messages", "away", "-n", "0", "--json")
	if n := strings.Count(out, "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, out)
	}
	says(t, out, `^\{"seq":1,"topic":"test/0","qos":1,"bytes":7,"came":"20`)
	says(t, ok(t, "store", "verify", "-c", file), `: ok \(1 segment, 1 session, 3 messages waiting, 1 retained message\)$`)
	if out := ok(t, "store", "verify", "-c", file, "--json"); out != "[]\n" {
		t.Errorf("%q", out)
	}
	copied := filepath.Join(root, "copy")
	says(t, ok(t, "store", "backup", "-c", file, copied), `copy: 4\.2 MB \(1 session, 3 messages waiting, 1 retained message\)$`)
	_, errs, status := run(t, "store", "compact", "-c", file)
	says(t, errs, fmt.Sprintf("process %d, is using it; stop that one.*clears away by itself", g.cmd.Process.Pid))
	if status != exitFailure {
		t.Errorf("status %d", status)
	}

	// Another gateway takes the copy as it is, and everything comes out of it.
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	says(t, ok(t, "store", "compact", "-c", file), `: \d+\.\d MB, was 4\.2 MB$`)
	says(t, ok(t, "store", "verify", "-c", file), `: ok .*3 messages waiting, 1 retained`)
	for _, path := range []string{dir, copied} {
		g = startGateway(t, fmt.Sprintf("sensors: []\npersistence: {path: %q}\n", path))
		if got := away("-C", "3", "-W", "20", "-F", "%t"); got != "test/0\ntest/1\ntest/2\n" {
			t.Errorf("%s: got %q", path, got)
		}
		g.kill()
	}

	// What is wrong.
	for _, x := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"store"}, exitUsage, `expected one of`},
		{[]string{"store", "backup"}, exitUsage, `FOLDER is missing; see gateway store backup`},
		{[]string{"store", "inspect", "--max=-1", "--dir", dir}, exitUsage, `--max is at least 0`},
		{[]string{"store", "inspect", "--dir", filepath.Join(root, "gone")}, exitFailure, `there is no store: .*gone`},
		{[]string{"store", "inspect", "-c", writeConfig(t, fmt.Sprintf("persistence: {path: %q}\n", root+"/gone"))}, exitFailure, `gone: .*--dir names it`},
		{[]string{"store", "inspect", "--dir", root}, exitFailure, `there is no store in`},
		{[]string{"store", "inspect", "--dir", file}, exitFailure, `is a file, and a store is a folder`},
		{[]string{"store", "inspect", "-c", writeConfig(t, "persistence: {enabled: false}\n")}, exitFailure, `persistence.enabled is false`},
		{[]string{"store", "inspect", "-c", writeConfig(t, "persistence: {pth: a}\n")}, exitConfig, `pth`},
		{[]string{"store", "inspect", "--dir", dir, "--messages", "eve"}, exitFailure, `no client "eve" has a session in`},
		{[]string{"store", "backup", "--dir", dir, copied}, exitFailure, `copy: .*name a folder that is not there yet`},
		{[]string{"store", "backup", "--dir", dir, filepath.Join(root, "a", "b")}, exitFailure, `/a: no such file`},
	} {
		out, errs, status := run(t, x.args...)
		if status != x.status || out != "" {
			t.Errorf("%q: status %d, want %d; %s", x.args, status, x.status, out)
		}
		says(t, errs, x.want)
	}
}

// TestStoreDamage has the commands say what is damaged, and where.
func TestStoreDamage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	d, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		mark, err := d.Append(store.Now, store.Change{Op: store.Publish, Retain: true, Message: &store.Message{Topic: fmt.Sprint("kept/", i), Retain: true}})
		if err == nil {
			err = d.Wait(t.Context(), mark)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "00000001.segment")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[strings.Index(string(b), "kept/1")] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, status := run(t, "store", "verify", "--dir", dir)
	if status != exitFailure {
		t.Errorf("status %d", status)
	}
	says(t, out, `^00000001\.segment at \d+, \d+ bytes: the checksum is wrong \(1 write lost\)$`)
	says(t, errs, `store: 1 damaged part$`)
	out, _, _ = run(t, "store", "verify", "--dir", dir, "--json")
	says(t, out, `"file": "00000001\.segment"`, `"reason": "the checksum is wrong"`)
	says(t, ok(t, "store", "inspect", "--dir", dir), `^Damaged; the next start keeps`, `2 retained messages$`)
	copied := filepath.Join(t.TempDir(), "copy")
	if _, errs, status := run(t, "store", "backup", "--dir", dir, copied); status != exitFailure || !strings.Contains(errs, "so is the copy") {
		t.Errorf("status %d, %s", status, errs)
	}
	if _, err := os.Stat(copied); err != nil {
		t.Error(err) // better than none
	}
	says(t, ok(t, "store", "compact", "--dir", dir), `: \d`)
	says(t, ok(t, "store", "inspect", "--dir", dir), `^Set aside because they were damaged, not needed any more: 00000001\.segment\.\S+\.damaged$`)
	says(t, ok(t, "store", "verify", "--dir", dir), `: ok .* 2 retained messages\)$`)
}
