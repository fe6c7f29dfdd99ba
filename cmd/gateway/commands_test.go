package main

import (
	"bufio"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are those whose commands people type.
func documents(t *testing.T) []string {
	t.Helper()
	all := []string{"../../README.md", "../../bridge/GUIDE.md", "internal/dashboard/GUIDE.md"}
	for _, pattern := range []string{"../../deploy/raspberrypi/*.md", "../../deploy/raspberrypi/*/README.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, files...)
	}
	return all
}

// typed are the programs that lines of documents begin with, if they are commands.
var typed = regexp.MustCompile(`^(gateway|\./gateway|sudo|apt|systemctl|journalctl|mosquitto_\w+|docker|podman|curl|go|make|raspi-config|dpkg|sha256sum|ssh|scp|openssl|rabbitmqctl|promtool|prometheus|avahi-browse|npm|node-red|telegraf|minisign|cp|mv|mkdir|tar|cat|echo|printf|CGO_ENABLED=0|rm|chmod|chown|i2cdetect|\./install\.sh|rsync|wget|influx|gok|sed|stat|umount|mount|git)(\s|$)`)

// commandLines returns the commands of a document, without prompt and comment.
func commandLines(doc string) (all []string) {
	fenced, going := false, false
	for line := range strings.SplitSeq(doc, "\n") {
		if strings.HasPrefix(line, "```") {
			fenced, going = !fenced, false
			continue
		}
		text, indented := strings.CutPrefix(line, "    ")
		if !indented && !fenced {
			going = false
			continue
		}
		text = strings.TrimPrefix(strings.TrimSpace(text), "$ ")
		if going {
			all[len(all)-1] = strings.TrimSuffix(all[len(all)-1], "\\") + text
		} else if typed.MatchString(text) && !strings.Contains(text, "─") {
			all = append(all, text)
		} else {
			continue
		}
		going = strings.HasSuffix(text, "\\")
		if at := regexp.MustCompile(` {3,}[^ ]| {2}#`).FindStringIndex(all[len(all)-1]); at != nil && ofGateway.MatchString(all[len(all)-1]) {
			all[len(all)-1] = all[len(all)-1][:at[0]] // what it does
		}
		if at := strings.Index(all[len(all)-1], "  #"); at >= 0 && !going {
			all[len(all)-1] = strings.TrimSpace(all[len(all)-1][:at])
		}
	}
	return all
}

// TestCommandsInDocuments holds every command that people are told to type: one of
// the gateway has to be one, and what runs each other one, or why nothing here can,
// stands in testdata/commands.txt.
func TestCommandsInDocuments(t *testing.T) {
	proofs := readProofs(t)
	used := make(map[string]bool)
	for _, file := range documents(t) {
		for _, line := range commandLines(read(t, file)) {
			for _, args := range gatewayCommands(line) {
				if err := understands(args); err != nil {
					t.Errorf("%s: %s: %v", file, line, err)
				}
			}
			if gatewayOnly(line) {
				continue
			}
			proof, ok := proofs[line]
			if !ok {
				t.Errorf("%s: nothing runs this: write what does, a tab before it, into testdata/commands.txt:\n%s", file, line)
				continue
			}
			used[line] = true
			if strings.HasPrefix(proof, "Test") && !testExists(t, strings.Fields(proof)[0]) {
				t.Errorf("testdata/commands.txt: there is no %s, for %s", proof, line)
			}
		}
	}
	for line := range proofs {
		if !used[line] {
			t.Errorf("testdata/commands.txt: no document has this any more: %s", line)
		}
	}
}

// TestOnlyItsUserReadsTheServicesFolder: /etc/gateway is of mode 0750, so that a
// command about it needs sudo. The tests run them all as root, and could not tell.
func TestOnlyItsUserReadsTheServicesFolder(t *testing.T) {
	about := regexp.MustCompile("(?m)(?:^ *|`)(gateway (?:(?:passwd|check|health|read|scan|doctor|backup|bridge) [^`\n]*/etc/gateway/|(?:doctor|health)\\b).*)")
	for _, file := range append(documents(t), "../../SECURITY.md") {
		for _, m := range about.FindAllStringSubmatch(read(t, file), -1) {
			if strings.Contains(m[1], "/etc/gateway/") || strings.Contains(m[0], "    ") && strings.Contains(file, "raspberrypi") {
				t.Errorf("%s: needs sudo: %s", file, m[1])
			}
		}
	}
}

// readProofs reads testdata/commands.txt: a command, a tab, and the test that runs
// it or, in words, why none does.
func readProofs(t *testing.T) map[string]string {
	t.Helper()
	proofs := make(map[string]string)
	lines := bufio.NewScanner(strings.NewReader(read(t, "testdata/commands.txt")))
	for lines.Scan() {
		line, proof, ok := strings.Cut(lines.Text(), "\t")
		if strings.HasPrefix(lines.Text(), "//") || lines.Text() == "" {
			continue
		}
		if !ok || proof == "" {
			t.Errorf("testdata/commands.txt: %q has no tab and no proof behind it", lines.Text())
		}
		proofs[line] = proof
	}
	return proofs
}

// testExists tells whether some package has a test of that name.
func testExists(t *testing.T, name string) bool {
	t.Helper()
	out, err := exec.Command("grep", "-rqE", "--include=*_test.go", "^func "+regexp.QuoteMeta(name)+"\\(", "../..").CombinedOutput()
	return err == nil && len(out) == 0
}

// gatewayOnly tells whether a line has nothing but commands of the gateway in it.
func gatewayOnly(line string) bool {
	return !strings.ContainsAny(line, "|><;&$`") && ofGateway.MatchString(line)
}

// ofGateway is what a command of the gateway begins with.
var ofGateway = regexp.MustCompile(`^(sudo (-u gateway )?)?gateway `)

var ours = regexp.MustCompile(`(?:^|sudo (?:-u gateway )?|/|&& |\| |; )gateway((?:\s+(?:'[^']*'|"[^"]*"|\S*\$\([^)]*\)|[^\s|&;<>]+))*)`)

// gatewayCommands returns the arguments of each gateway in a line.
func gatewayCommands(line string) (all [][]string) {
	if strings.HasPrefix(line, "docker ") || strings.Contains(line, "apt ") || strings.Contains(line, "systemctl ") || strings.Contains(line, "journalctl ") || strings.Contains(line, "go build") || strings.HasPrefix(line, "echo ") || strings.HasPrefix(line, "printf ") {
		return nil
	}
	for _, m := range ours.FindAllStringSubmatch(line, -1) {
		var args []string
		for _, a := range regexp.MustCompile(`'[^']*'|"[^"]*"|\S*\$\([^)]*\)|\S+`).FindAllString(m[1], -1) {
			args = append(args, strings.Trim(a, `'"`))
		}
		all = append(all, args)
	}
	return all
}

// listed is what stands for something else in the README's list of commands.
var listed = regexp.MustCompile(`[\[\]…]|,$|^COMMAND$`)

// understands tells whether the gateway takes these arguments, without running it.
func understands(args []string) error {
	if slices.ContainsFunc(args, listed.MatchString) {
		return nil // TestREADMEListsCommands looks at these
	}
	_, err := newCommandLine(func(subcommand) error { return nil }).execute(args, streams{strings.NewReader(""), io.Discard, io.Discard})
	return err
}

// TestREADMEListsCommands wants every command to stand in the README.
func TestREADMEListsCommands(t *testing.T) {
	list := read(t, "../../README.md")
	for _, e := range newCommandLine(nil).entries() {
		if !e.hidden && !strings.Contains(list, "\n    gateway "+e.name) && !strings.Contains(list, ", gateway "+e.name) && !strings.Contains(list, "\n    gateway ["+e.name) {
			t.Errorf("gateway %s is not in the README's list of commands: %s", e.name, e.help)
		}
	}
}

// TestReloadGuideNamesWhatWaits wants every key for which the code waits to stand in
// the last row of RELOAD.md's table.
func TestReloadGuideNamesWhatWaits(t *testing.T) {
	guide := read(t, "RELOAD.md")
	at := strings.Index(guide, "the next start; the log and the page say so")
	if at < 0 {
		t.Fatal("no such row")
	}
	row := guide[strings.LastIndex(guide[:at], "\n"):at]
	for _, m := range regexp.MustCompile(`a\.wait\("([a-z_.]+)"\)`).FindAllStringSubmatch(read(t, "reload.go"), -1) {
		if !strings.Contains(row, "`"+m[1]+"`") && m[1] != "dashboard.address" { // of which only some changes wait
			t.Errorf("%s waits for the next start, and the guide does not say so", m[1])
		}
	}
}
