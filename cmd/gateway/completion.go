package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"gateway/sensors/driver"
)

// completionCommand prints what makes a shell complete the command line. It
// is written from the same model as the help, with everything in it: the shell
// never has to start the gateway for it.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (c *completionCommand) Run(s streams, k *kong.Context) error {
	all := places(k.Model.Node, "")
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
func places(n *kong.Node, path string) []completionPlace {
	p := completionPlace{path: path}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			p.flags = append(p.flags, completionFlag{word{"--" + f.Name, f.Help}, shortOf(f), flagValues(f)})
		}
	}
	for _, a := range n.Positional {
		if v := argumentValues(path, a); !p.argument.some {
			p.argument = v
		}
	}
	var below []completionPlace
	for _, c := range n.Children {
		if c.Hidden || c.Type != kong.CommandNode {
			continue
		}
		p.commands = append(p.commands, word{c.Name, c.Help})
		below = append(below, places(c, strings.TrimSpace(path+" "+c.Name))...)
	}
	return append([]completionPlace{p}, below...)
}

func shortOf(f *kong.Flag) string {
	if f.Short == 0 {
		return ""
	}
	return "-" + string(f.Short)
}

func flagValues(f *kong.Flag) values {
	if f.IsBool() {
		return values{}
	}
	v := values{some: true, words: wordsOf(f.Value)}
	switch {
	case f.Tag.Type == "existingdir", f.PlaceHolder == "DIR", f.PlaceHolder == "FOLDER":
		v.dirs = true
	case f.Tag.Type == "existingfile", f.PlaceHolder == "FILE":
		v.files = true
	}
	return v
}

// argumentValues returns what may stand as an argument of a command.
func argumentValues(path string, a *kong.Positional) values {
	v := values{some: true, words: wordsOf(a)}
	switch {
	case path == "drivers":
		for _, d := range driver.All() {
			v.words = append(v.words, d.Name)
		}
	case a.Name == "file":
		v.files = true
	case path == "store backup": // a folder to be made
		v.dirs = true
	}
	return v
}

// wordsOf are the values that a list of choices names.
func wordsOf(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return v.EnumSlice()
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
