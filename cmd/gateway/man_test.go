package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// saidBy is what a command line prints.
func saidBy(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := execute(t.Context(), args, streams{strings.NewReader(""), &out, &errs}); code != 0 {
		t.Fatalf("gateway %s: exit status %d\n%s", strings.Join(args, " "), code, &errs)
	}
	return out.String()
}

// TestManualPages lets groff find fault with them, and looks for what has to be
// in what it makes of them.
func TestManualPages(t *testing.T) {
	groff := need(t, "groff", "groff-base")
	for section, wants := range map[string][]string{
		"1": {"GATEWAY(1)", "gateway check", "--mosquitto-conf=FILE", "--host", "wrong usage", "gateway.yaml(5)"},
		"5": {"GATEWAY.YAML(5)", "bridges[].queue.max_bytes", "1 to 65535 messages", "default 1073741824", "°C", "home/+/freezer#temperature"},
	} {
		cmd := exec.Command(groff, "-man", "-ww", "-rHY=0", "-Tutf8", "-P-cbou")
		cmd.Stdin = strings.NewReader(saidBy(t, "man", "--section", section))
		var fault bytes.Buffer
		cmd.Stderr = &fault
		out, err := cmd.Output()
		if err != nil || fault.Len() > 0 {
			t.Errorf("section %s: %v\n%s", section, err, &fault)
		}
		text := strings.Join(strings.Fields(strings.NewReplacer("−", "-").Replace(string(out))), " ")
		for _, want := range wants {
			if !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
				t.Errorf("section %s has no %q", section, want)
			}
		}
	}
}

// TestCompletion asks real shells what they complete.
func TestCompletion(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"gateway.yaml", "old.conf"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ line, want string }{
		{"gateway dri", "drivers"},
		{"gateway drivers bme2", "bme280"},
		{"gateway st", "store"},
		{"gateway store in", "inspect"},
		{"gateway --ver", "--version"},
		{"gateway run --mosq", "--mosquitto-conf"},
		{"gateway run --mosquitto-conf ol", "old.conf"},
		{"gateway run -c gate", "gateway.yaml"},
		{"gateway run --mosquitto-conf store --de", "--demo"},
		{"gateway check gat", "gateway.yaml"},
		{"gateway pub -q 0 -V mqttv5", "mqttv5"},
		{"gateway completion f", "fish"},
		{"gateway run --ui-dir fo", "folder"},
	} {
		for _, shell := range []struct{ name, pkg, script string }{
			{"bash", "bash", `source "$1"; cd "$2"; COMP_WORDS=($3); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE=$3; COMP_POINT=${#3}; _gateway; printf '%s\n' "${COMPREPLY[@]}"`},
			{"fish", "fish", `source $argv[1]; cd $argv[2]; complete -C $argv[3]`},
		} {
			program, err := exec.LookPath(shell.name)
			if err != nil {
				continue // fish is for those who have it
			}
			script := filepath.Join(t.TempDir(), "completion")
			if err := os.WriteFile(script, []byte(saidBy(t, "completion", shell.name)), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"-c", shell.script, "x", script, dir, tt.line}
			if shell.name == "fish" {
				args = slices.Delete(args, 2, 3)
			}
			cmd := exec.Command(program, args...)
			cmd.Env = append(os.Environ(), "HOME="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %s: %v\n%s", shell.name, tt.line, err, out)
			}
			got, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\t") // fish says what it means, too
			if strings.TrimSuffix(got, "/") != tt.want {
				t.Errorf("%s completes %q with %q, want %q", shell.name, tt.line, out, tt.want)
			}
		}
	}
}
