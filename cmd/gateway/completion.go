package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gateway/sensors/driver"
)

// completionCommand prints what makes a shell complete the command line. It
// is written from the same model as the help, with everything in it: the shell
// never has to start the gateway for it.
type completionCommand struct {
	line  *commandLine
	Shell string
}

func (c *completionCommand) flags(f *flagSet) {
	f.args.Var(oneOf(&c.Shell, "bash", "zsh", "fish"), "SHELL", "bash, zsh or fish.")
	f.least = 1
}

func (c *completionCommand) Run(_ context.Context, s streams) error {
	all := c.line.places(c.line.root)
	write := map[string]func(io.Writer, []completionPlace){"bash": writeBash, "zsh": writeZsh, "fish": writeFish}[c.Shell]
	var b strings.Builder
	write(&b, all)
	_, err := io.WriteString(s.out, b.String())
	return err
}

// completionPlace is where one is in the command line, and what may come there.
type completionPlace struct {
	path     string // "store verify", "" for gateway alone
	commands []word
	flags    []completionFlag
	argument values
}

// word is one that can be completed, and what it means.
type word struct{ text, help string }

type completionFlag struct {
	word         // its text is --config
	short string // -c, or ""
	takes values // of the value that follows
}

// values are what a value may be. The zero values are anything.
type values struct {
	some        bool // there is a value
	files, dirs bool
	words       []string
}

// places returns where one can be from a command on.
func (l *commandLine) places(c *cobra.Command) []completionPlace {
	p := completionPlace{path: pathOf(c)}
	for _, f := range flagsOf(l.flags[c].FlagSet) {
		short := ""
		if f.Shorthand != "" {
			short = "-" + f.Shorthand
		}
		_, help := pflag.UnquoteUsage(f)
		p.flags = append(p.flags, completionFlag{word{"--" + f.Name, help}, short, flagValues(f)})
	}
	if args := flagsOf(l.flags[c].args); len(args) > 0 {
		p.argument = argumentValues(p.path, args[0])
	}
	var below []completionPlace
	for _, sub := range c.Commands() {
		if sub.Hidden {
			continue
		}
		p.commands = append(p.commands, word{sub.Name(), sub.Short})
		below = append(below, l.places(sub)...)
	}
	return append([]completionPlace{p}, below...)
}

func flagValues(f *pflag.Flag) values {
	name, _ := pflag.UnquoteUsage(f)
	return values{some: name != "", words: wordsOf(f), files: name == "FILE", dirs: name == "DIR" || name == "FOLDER"}
}

// argumentValues returns what may stand as an argument of a command.
func argumentValues(path string, a *pflag.Flag) values {
	v := values{some: true, words: wordsOf(a), files: a.Name == "FILE", dirs: a.Name == "FOLDER"}
	if path == "drivers" {
		for _, d := range driver.All() {
			v.words = append(v.words, d.Name)
		}
	}
	return v
}

// wordsOf are the values that a list of choices names.
func wordsOf(f *pflag.Flag) []string {
	if c, ok := f.Value.(interface{ words() []string }); ok {
		return c.words()
	}
	return nil
}

// quoted writes a text as one word of a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// walk writes the loop that finds the place of the command line: it goes from
// word to word, past flags and their values. bash and zsh read it alike. Its
// words are in w[1] to w[n-1].
func walk(b io.Writer, all []completionPlace) {
	fmt.Fprintln(b, "  local at='' skip='' i")
	fmt.Fprintln(b, "  for ((i = 1; i < n; i++)); do")
	fmt.Fprintln(b, "    if [[ -n $skip ]]; then skip=''; continue; fi")
	fmt.Fprintln(b, `    case "$at:${w[i]}" in`)
	for _, p := range all {
		for _, c := range p.commands {
			fmt.Fprintf(b, "      %s) at=%s ;;\n", quoted(p.path+":"+c.text), quoted(strings.TrimSpace(p.path+" "+c.text)))
		}
		for _, f := range p.flags {
			if f.takes.some {
				fmt.Fprintf(b, "      %s) skip=1 ;;\n", f.pattern(p.path))
			}
		}
	}
	fmt.Fprintln(b, "    esac")
	fmt.Fprintln(b, "  done")
}

// pattern is what a case has for a flag at a place.
func (f completionFlag) pattern(path string) string {
	p := quoted(path + ":" + f.text)
	if f.short != "" {
		p += "|" + quoted(path+":"+f.short)
	}
	return p
}

// wordList joins the texts of words, which have no spaces in them.
func wordList(words []word) string {
	var texts []string
	for _, w := range words {
		texts = append(texts, w.text)
	}
	return strings.Join(texts, " ")
}
