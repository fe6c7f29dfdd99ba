//go:build unix

package driver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gateway/sensors/bus"
)

// A vector is the option values, a line's end, and what the program prints.
var _ = vectors("exec", 1e-9, extractVector,
	vector{in: "\n{\"temperature\":21.5,\"humidity\":40}", want: []float64{40, 21.5}, source: "extract.go, JSON"},
	vector{in: "temp=temperature,rh=humidity\n{\"temp\":21.5,\"rh\":\"40\"}", want: []float64{21.5, 40}, source: "extract.go, JSON"},
	vector{in: "temperature*0.001\n48312\n", want: []float64{48.312}, source: "extract.go, one number"},
	vector{in: "temp=temperature\ntemp=48.3'C\n", want: []float64{48.3}, source: "vcgencmd measure_temp"},
	vector{in: "temp=temperature\ntemp=12:30\n", source: "extract.go, lines"},
	vector{in: "volt=voltage\nvolt: 0.8600 V\n", want: []float64{0.86}, source: "extract.go, lines"},
)

func execSlot(command string, more map[string]string) *bus.Slot {
	o := map[string]string{"command": command, "timeout": "10s", "values": ""}
	for k, v := range more {
		o[k] = v
	}
	return &bus.Slot{Options: o}
}

func measureExec(t *testing.T, command string, more map[string]string) ([]float64, error) {
	t.Helper()
	s, err := openExec(t.Context(), execSlot(command, more))
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(s.(Channeler).Channels()))
	for i := range out {
		out[i] = -1
	}
	if err := s.Measure(t.Context(), out); err != nil {
		for _, x := range out {
			if x != -1 {
				t.Errorf("%s: out was written", command)
			}
		}
		return nil, err
	}
	if at := s.(Timed).Measured(); at.IsZero() || time.Since(at) < 0 || time.Since(at) > time.Minute {
		t.Errorf("measured at %v", at)
	}
	return out, nil
}

func TestExecMeasures(t *testing.T) {
	for _, test := range []struct {
		command, values string
		want            []float64
	}{
		{"echo 21.5", "temperature", []float64{21.5}},
		{"/bin/echo 42", "", []float64{42}},
		{`sh -c 'echo "{\"temperature\":21.5,\"humidity\":40}"'`, "", []float64{40, 21.5}},
		{`["sh","-c","echo temp 21; echo rh 40"]`, "temp=temperature,rh=humidity", []float64{21, 40}},
		{`echo '$HOME'`, "", nil},                 // no shell
		{"sh -c 'cat; echo 1'", "", []float64{1}}, // no standard input
		{"sh -c 'test \"$(env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= | sort | tr \"\\n\" \" \")\" = \"LANG=C.UTF-8 LC_ALL=C.UTF-8 PATH=" + execPath + " \" && test $PWD = / && echo 1'", "", []float64{1}},
		{"sh -c 'echo 7 >&2; echo 8'", "", []float64{8}},
	} {
		got, err := measureExec(t, test.command, map[string]string{"values": test.values})
		if test.want != nil && (err != nil || !slices.Equal(got, test.want)) || test.want == nil && err == nil {
			t.Errorf("%s: %v, %v; want %v", test.command, got, err, test.want)
		}
	}
}

func TestExecFails(t *testing.T) {
	dir := t.TempDir()
	plain := dir + "/plain"
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ command, timeout, want string }{
		{"", "10s", "option command: is missing"},
		{"[]", "10s", "option command: is missing"},
		{"[1]", "10s", "no JSON array of strings"},
		{"echo 'x", "10s", "a quote ' is not closed"},
		{"echo \"a\x00b\"", "10s", "byte 0"},
		{"./read", "10s", "is relative"},
		{"no-such-program", "10s", `there is no program "no-such-program" in /usr/local/sbin`},
		{dir + "/absent", "10s", "no such file"},
		{plain, "10s", "chmod +x " + plain},
		{dir, "10s", "is not a program"},
		{"sh -c 'echo first >&2; echo the reason >&2; echo >&2; exit 3'", "10s", "exit status 3: the reason"},
		{"sh -c 'exit 3' --password geheim", "10s", "exit status 3"},
		{"sh -c 'kill -9 $$'", "10s", "signal: killed"},
		{"true", "10s", `command "/`},
		{"sh -c 'echo starting >&2; sleep 100'", "100ms", "took longer than the option timeout, 100ms, and was killed: starting"},
		{"sh -c 'while :; do echo 0123456789012345678901234567890123456789; done'", "10s", "printed more than 64 KiB and was killed"},
		{"echo warm", "10s", "neither JSON"},
	} {
		got, err := measureExec(t, test.command, map[string]string{"timeout": test.timeout})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v, error %v; want %q in it", test.command, got, err, test.want)
		}
	}
}

func TestExecStopsWithItsContext(t *testing.T) {
	s, err := openExec(t.Context(), execSlot("sleep 100", map[string]string{"values": "raw"}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Measure(ctx, make([]float64, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// What a program has started does not outlive it, whether it is killed or
// ends by itself.
func TestExecKillsTheGroup(t *testing.T) {
	for name, end := range map[string]string{"killed": "wait", "ended": "echo 1"} {
		t.Run(name, func(t *testing.T) {
			file := t.TempDir() + "/pid"
			command := fmt.Sprintf(`sh -c 'sh -c "sleep 1000 & echo \$! > %s.tmp; mv %s.tmp %s; wait" & while ! test -e %s; do sleep 0.01; done; %s'`,
				file, file, file, file, end)
			_, err := measureExec(t, command, map[string]string{"timeout": "1s", "values": "raw"})
			if (err == nil) != (name == "ended") {
				t.Error(err)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
			if err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(10 * time.Second); !isGone(t, pid); time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("the sleep it started, process %d, lives on", pid)
				}
			}
		})
	}
}

// isGone tells whether a process has ended, waited for or not.
func isGone(t *testing.T, pid int) bool {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc")
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	state := bytes.TrimSpace(stat[bytes.LastIndexByte(stat, ')')+1:])
	return state[0] == 'Z' || state[0] == 'X'
}

func TestSplitCommand(t *testing.T) {
	for in, want := range map[string][]string{
		"a b  c":             {"a", "b", "c"},
		` a 'b c' "d e" `:    {"a", "b c", "d e"},
		`a\ b 'c\d' "e\"f"`:  {"a b", `c\d`, `e"f`},
		`a"b"'c'd`:           {"abcd"},
		`a '' ""`:            {"a", "", ""},
		`["a b", "", "'c'"]`: {"a b", "", "'c'"},
		"a\n\tb\\":           {"a", `b\`},
	} {
		if got, err := splitCommand(in); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestTailBufferKeepsTheEnd(t *testing.T) {
	var b tailBuffer
	for i := range 3 * execErrors {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	if want := fmt.Sprintf(": line %d", 3*execErrors-1); b.lastLine() != want || len(b.end) > execErrors {
		t.Errorf("%q of %d bytes", b.lastLine(), len(b.end))
	}
}

func FuzzSplitCommand(f *testing.F) {
	f.Add(`a 'b "c\d`)
	f.Add(`["a"]`)
	f.Fuzz(func(t *testing.T, s string) {
		if words, err := splitCommand(s); err == nil && (len(words) == 0 || words[0] == "") {
			t.Errorf("%q: no program in %q", s, words)
		}
	})
}
