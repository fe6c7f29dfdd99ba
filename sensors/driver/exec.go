// Any program: what it prints is measured.
//
//	chip      none
//	bus       none; the program knows
//	output    JSON, a number, or lines of key and value; see extract.go
//
// The program is run anew for each measurement, without a shell, in / with
// nothing but PATH and a locale in its environment, and with the rights of
// the gateway. It leads a process group of its own, which is killed when the
// program ends or its time is over: nothing that it started stays behind, but
// for what has left the group on purpose, as daemons do.

package driver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"
	"time"

	"gateway/sensors/bus"
)

// The environment of a program.
const (
	execPath   = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	execLocale = "C.UTF-8" // numbers with a point
)

const (
	execOutput = 64 << 10               // most that a program may print, bytes
	execErrors = 4 << 10                // of its standard error, the end that is kept
	execLinger = 500 * time.Millisecond // for what was started in the background and holds the output open
)

var _ = register(Driver{
	Name:      "exec",
	Title:     "Any program that prints its values",
	Datasheet: "none; the output is JSON, a number, or lines of key and value",
	Bus:       bus.None,
	Channels:  anyChannels(),
	Dynamic:   true,
	Options: []Option{
		{Name: "command", Required: true, Example: "/usr/local/bin/read-meter --json", Doc: `The program and its arguments, with quotes as in a shell but no shell ("sh -c '…'" runs one), or as a JSON array of strings.`},
		{Name: "timeout", Default: "10s", Type: Duration, Min: 0.1, Max: 600, Doc: "Time after which it is killed, with all that it started."},
		valuesOption(),
	},
	Notes: "The program runs as the user gateway, in /, with no more than PATH=" + execPath + ", LANG and LC_ALL=" + execLocale + " in its " +
		"environment: give others with /usr/bin/env NAME=value program. It may print 64 KiB, has no standard input, and what it " +
		"starts in the background is killed when it ends. An exit status other than 0 is a failure, with the last line of its " +
		"standard error as the reason. Without the option values it is run once more at the start.",
	Open: openExec,
	Check: func(o map[string]string) error {
		_, err := execArgs(o)
		return errors.Join(err, checkValues(o))
	},
})

// execArgs returns the words of the option command.
func execArgs(o options) ([]string, error) {
	args, err := splitCommand(o["command"])
	if err != nil {
		return nil, fmt.Errorf("option command: %w", err)
	}
	return args, nil
}

// execCommand is a program that can be run.
type execCommand struct {
	args    []string // args[0] is an absolute path
	timeout time.Duration
}

func openExec(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	args, err := execArgs(o)
	if err != nil {
		return nil, err
	}
	if args[0], err = lookCommand(args[0]); err != nil {
		return nil, fmt.Errorf("option command: %w", err)
	}
	c := &execCommand{args, o.duration("timeout")}
	return openPolled(ctx, c.String(), o["values"], c.run)
}

// String is the command for people, without its arguments: there may be a
// password among them, and errors are published.
func (c *execCommand) String() string { return fmt.Sprintf("command %.100q", c.args[0]) }

// run runs the program and returns what it prints.
func (c *execCommand) run(ctx context.Context) (polledDocument, error) {
	began := time.Now()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	errTime := fmt.Errorf("took longer than the option timeout, %v, and was killed", c.timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, errTime)
	defer cancel()

	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Env = []string{"PATH=" + execPath, "LANG=" + execLocale, "LC_ALL=" + execLocale}
	cmd.Dir = "/"
	out := &limitedBuffer{most: execOutput, full: func() {
		stop(fmt.Errorf("printed more than %d KiB and was killed", execOutput>>10))
	}}
	var said tailBuffer
	cmd.Stdout, cmd.Stderr = out, &said
	cmd.WaitDelay = execLinger
	ownGroup(cmd)
	cmd.Cancel = func() error { return killGroup(cmd) }
	err := cmd.Run()
	if cmd.Process != nil {
		_ = killGroup(cmd) // what it left behind, most often nothing
	}
	if errors.Is(err, exec.ErrWaitDelay) && !out.over {
		err = nil // it ended well, and something in the background held its output
	}
	cause := context.Cause(ctx)
	switch {
	case err == nil && !out.over:
		return polledDocument{out.taken.Bytes(), began}, nil
	case out.over || errors.Is(cause, errTime):
		return polledDocument{}, fmt.Errorf("%s %w%s", c, cause, said.lastLine())
	case cause != nil:
		return polledDocument{}, cause // the gateway is stopping
	}
	return polledDocument{}, fmt.Errorf("%s: %w%s", c, err, said.lastLine())
}

// lookCommand returns the path of a program, which is looked for where the
// program itself will look.
func lookCommand(name string) (string, error) {
	if path.IsAbs(name) {
		return name, executable(name)
	}
	if strings.Contains(name, "/") {
		return "", fmt.Errorf("%q is relative; write the whole path, from / on", name)
	}
	for dir := range strings.SplitSeq(execPath, ":") {
		if file := path.Join(dir, name); executable(file) == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("there is no program %q in %s; write its whole path, from / on", name, execPath)
}

func executable(file string) error {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return fmt.Errorf("program %q: %w", file, underlying(err))
	case info.IsDir() || info.Mode()&0o111 == 0:
		return fmt.Errorf("%q is not a program; make it one with chmod +x %s", file, file)
	}
	return nil
}

// splitCommand splits a command into words, as a shell does where nothing but
// spaces, quotes and backslashes is special; or reads a JSON array.
func splitCommand(s string) ([]string, error) {
	s = strings.TrimSpace(s)
	var words []string
	if strings.HasPrefix(s, "[") {
		if err := json.Unmarshal([]byte(s), &words); err != nil {
			return nil, fmt.Errorf("%.60q is no JSON array of strings: %w", s, err)
		}
	} else {
		var err error
		if words, err = splitWords(s); err != nil {
			return nil, err
		}
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errors.New(`is missing; write for example command: "/usr/local/bin/read-sensor --port 2"`)
	}
	for _, w := range words {
		if strings.ContainsRune(w, 0) {
			return nil, fmt.Errorf("%q has a byte 0 in it", w)
		}
	}
	return words, nil
}

func splitWords(s string) ([]string, error) {
	var words []string
	var word []byte
	var quote byte // 0 outside of quotes
	inside := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if inside {
				words, word, inside = append(words, string(word)), nil, false
			}
			continue
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			word = append(word, s[i])
		default:
			word = append(word, c)
		}
		inside = true
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote %c is not closed in %.60q", quote, s)
	}
	if inside {
		words = append(words, string(word))
	}
	return words, nil
}

// limitedBuffer takes most bytes. What would be more calls full and is
// dropped, so that the writer is not stuck until it is killed.
type limitedBuffer struct {
	taken bytes.Buffer
	most  int
	over  bool
	full  func()
}

// Write implements [io.Writer].
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.over || len(p) > b.most-b.taken.Len() {
		if !b.over {
			b.over = true
			b.full()
		}
		return len(p), nil
	}
	return b.taken.Write(p)
}

// tailBuffer keeps the end of what is written.
type tailBuffer struct{ end []byte }

// Write implements [io.Writer].
func (b *tailBuffer) Write(p []byte) (int, error) {
	b.end = append(b.end, p...)
	if n := len(b.end) - execErrors; n > 0 {
		b.end = append(b.end[:0], b.end[n:]...)
	}
	return len(p), nil
}

// lastLine is what an error ends with: the last line that is not empty.
func (b *tailBuffer) lastLine() string {
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(b.end), "")), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return fmt.Sprintf(": %.200s", last)
	}
	return ""
}
