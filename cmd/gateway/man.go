package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"gateway/cmd/gateway/internal/config"
)

// manCommand prints the manual pages, from which packages make
// /usr/share/man/man1/gateway.1.gz and man5/gateway.yaml.5.gz. They are made
// of what the command line and the configuration say of themselves, so that
// no file of them can fall behind.
type manCommand struct {
	line    *commandLine
	Section int
}

func (c *manCommand) flags(f *flagSet) {
	c.Section = 1
	f.Var(oneOf(&c.Section, 1, 5), "section", "`SECTION` 1: the command; 5: the configuration, gateway.yaml.")
}

// Run prints a page in roff, with the macros of man(7).
func (c *manCommand) Run(_ context.Context, s streams) error {
	var p manual
	if c.Section == 5 {
		p.configuration(config.Keys())
	} else {
		p.command(c.line)
	}
	_, err := s.out.Write(p.Bytes())
	return err
}

// manual is a manual page being written.
type manual struct{ bytes.Buffer }

// begin writes what a page begins with.
func (p *manual) begin(name string, section int, title, manual string) {
	version, _ := buildVersion()
	// No date: the same source makes the same page.
	fmt.Fprintf(p, ".TH %s %d \"\" %q %q\n", strings.ToUpper(name), section, "gateway "+strings.Fields(version)[0], manual)
	p.section("NAME")
	fmt.Fprintf(p, "%s \\- %s\n", roff(name), roff(title))
}

func (p *manual) section(title string) { fmt.Fprintf(p, ".SH %s\n", roff(title)) }
func (p *manual) part(title string)    { fmt.Fprintf(p, ".SS %s\n", roff(title)) }

// text writes paragraphs, which an empty line parts.
func (p *manual) text(s string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(s), "\n\n") {
		if i > 0 {
			p.WriteString(".PP\n")
		}
		p.WriteString(roff(paragraph) + "\n")
	}
}

// item writes a term in bold and what it means.
func (p *manual) item(term, meaning string) {
	fmt.Fprintf(p, ".TP\n.B %s\n%s\n", roff(term), roff(meaning))
}

// lines writes lines as they stand.
func (p *manual) lines(all ...string) {
	p.WriteString(".nf\n")
	for _, l := range all {
		fmt.Fprintf(p, "%s\n", roff(l))
	}
	p.WriteString(".fi\n")
}

// roff writes text so that troff takes every character for itself, in lines of
// at most 78 characters where there are spaces.
func roff(text string) string {
	var b strings.Builder
	for i, line := range strings.Split(wrap(text, 78), "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		if strings.HasPrefix(line, ".") {
			b.WriteString(`\&`)
		}
		b.WriteString(escapes.Replace(strings.TrimRight(line, " ")))
	}
	var ascii strings.Builder
	for _, r := range b.String() {
		if r < 0x80 {
			ascii.WriteRune(r)
		} else {
			fmt.Fprintf(&ascii, `\[u%04X]`, r)
		}
	}
	return ascii.String()
}

var escapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`)

// wrap breaks lines that are longer than width at spaces.
func wrap(text string, width int) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		for utf8.RuneCountInString(line) > width {
			at := strings.LastIndexByte(line[:width], ' ')
			if at <= 0 {
				break
			}
			out = append(out, line[:at])
			line = strings.TrimLeft(line[at:], " ")
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// command writes gateway(1).
func (p *manual) command(l *commandLine) {
	p.begin("gateway", 1, "sensor gateway and MQTT broker", "User Commands")
	p.section("SYNOPSIS")
	var usage []string
	for _, c := range leaves(l.root) {
		usage = append(usage, l.synopsis(c))
	}
	p.lines(usage...)
	p.section("DESCRIPTION")
	p.text(strings.Split(description, "\n\nExit status")[0])
	p.section("COMMANDS")
	for _, c := range leaves(l.root) {
		p.part(c.CommandPath())
		p.text(c.Short)
		for _, a := range flagsOf(l.flags[c].args) {
			p.item(a.Name, a.Usage)
		}
		for _, f := range flagsOf(l.flags[c].FlagSet) {
			if f.Name != "help" && f.Name != "version" {
				p.item(flagTerm(f), flagText(f))
			}
		}
	}
	p.section("EXIT STATUS")
	for _, s := range [][2]string{
		{"0", "Success."},
		{"1", "Failure while running. Of gateway check: the configuration is wrong. Of gateway store verify: the store is damaged."},
		{"2", "Wrong usage of the command line."},
		{"3", "The configuration is wrong."},
		{"4", "Of gateway upgrade: the release is not newer than what is installed."},
	} {
		p.item(s[0], s[1])
	}
	p.section("SIGNALS")
	p.item("SIGHUP", "Read the configuration again, and begin anew only what has changed.")
	p.item("SIGTERM, SIGINT", "Stop in order, within 10 seconds. A second one stops at once.")
	p.section("FILES")
	for _, f := range configPaths {
		p.item(f, "The configuration, gateway.yaml(5): the first of these that is there.")
	}
	p.section("ENVIRONMENT")
	p.item("STATE_DIRECTORY", "Where the gateway keeps what outlives a restart, as systemd sets it. Without it that is ~/.local/state/gateway.")
	p.section("EXAMPLES")
	p.lines("gateway --demo", "gateway scan --write", "gateway check gateway.yaml", "gateway sub -t 'home/#' -v")
	p.section("SEE ALSO")
	p.text("gateway.yaml(5), mosquitto_pub(1), mosquitto_sub(1), mqtt(7)")
}

// configuration writes gateway.yaml(5).
func (p *manual) configuration(keys []config.Key) {
	p.begin("gateway.yaml", 5, "configuration of gateway(1)", "File Formats")
	p.section("DESCRIPTION")
	p.text("The configuration is a YAML file. What it leaves out keeps its default; a list in the file replaces the default list. " +
		"An unknown key is an error. Times have a unit: 500ms, 10s, 5m, 24h.\n\n" +
		"gateway check says everything that is wrong with a file. gateway schema prints its JSON Schema, for editors.")
	p.section("KEYS")
	p.text("[] stands for each item of a list, and * for a name.")
	for _, k := range keys {
		if k.Top() {
			p.part(k.Path)
			p.text(strings.TrimSpace(k.Doc))
			if len(k.Facts()) > 0 {
				p.WriteString(".PP\n")
				p.text(k.Facts())
			}
			continue
		}
		p.item(k.Path, strings.TrimSpace(k.Facts()+" "+k.Doc))
	}
	p.section("SEE ALSO")
	p.text("gateway(1)")
}
