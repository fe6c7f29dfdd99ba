package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is how wide help is at most, columns.
const helpWidth = 80

// help prints the help of a command, on standard output.
func (l *commandLine) help(c *cobra.Command, _ []string) {
	out, f := c.OutOrStdout(), l.flags[c]
	fmt.Fprintf(out, "Usage: %s\n", l.synopsis(c))
	for paragraph := range strings.SplitSeq(c.Long, "\n\n") {
		fmt.Fprintf(out, "\n%s\n", wrap(strings.ReplaceAll(paragraph, "\n", " "), helpWidth))
	}
	var args, flags, commands [][2]string
	for _, a := range flagsOf(f.args) {
		args = append(args, [2]string{a.Name, a.Usage})
	}
	for _, f := range flagsOf(f.FlagSet) {
		term := flagTerm(f)
		if f.Shorthand == "" {
			term = "    " + term
		}
		flags = append(flags, [2]string{term, flagText(f)})
	}
	if c.HasSubCommands() {
		for _, leaf := range leaves(c) {
			commands = append(commands, [2]string{pathOf(leaf), leaf.Short})
		}
	}
	table(out, "Arguments", args)
	table(out, "Flags", flags)
	table(out, "Commands", commands)
	if c == l.root {
		fmt.Fprintln(out, "\nRun \"gateway COMMAND --help\" for more about a command.")
	}
}

// table prints terms and what they mean, in two columns.
func table(out io.Writer, title string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	wide := 0
	for _, r := range rows {
		wide = max(wide, utf8.RuneCountInString(r[0]))
	}
	fmt.Fprintf(out, "\n%s:\n", title)
	for _, r := range rows {
		text := strings.ReplaceAll(wrap(r[1], helpWidth-wide-4), "\n", "\n"+strings.Repeat(" ", wide+4))
		fmt.Fprintf(out, "  %-*s  %s\n", wide, r[0], text)
	}
}

// synopsis is how a command is written: gateway passwd [FILE] [USER] [flags].
func (l *commandLine) synopsis(c *cobra.Command) string {
	f, words := l.flags[c], []string{c.CommandPath()}
	if c.HasSubCommands() {
		words = append(words, "COMMAND")
	}
	for _, name := range f.required {
		_, term, _ := strings.Cut(flagTerm(f.Lookup(name)), "--")
		words = append(words, "--"+term)
	}
	for i, a := range flagsOf(f.args) {
		word := a.Name
		if isList(a) {
			word += "…"
		}
		if i >= f.least {
			word = "[" + word + "]"
		}
		words = append(words, word)
	}
	return strings.Join(append(words, "[flags]"), " ")
}

// leaves returns the commands that do something, without the hidden ones.
func leaves(c *cobra.Command) (all []*cobra.Command) {
	if !c.HasSubCommands() {
		return []*cobra.Command{c}
	}
	for _, sub := range c.Commands() {
		if !sub.Hidden {
			all = append(all, leaves(sub)...)
		}
	}
	return all
}

// pathOf is where a command is: "store verify", "" for gateway alone.
func pathOf(c *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), "gateway"), " ")
}

// flagTerm is how a flag is written: -c, --config=FILE.
func flagTerm(f *pflag.Flag) string {
	term := "--" + f.Name
	if f.Shorthand != "" {
		term = "-" + f.Shorthand + ", " + term
	}
	if value, _ := pflag.UnquoteUsage(f); value != "" {
		term += "=" + value
	}
	return term
}

// flagText is what a flag means, and its default.
func flagText(f *pflag.Flag) string {
	_, text := pflag.UnquoteUsage(f)
	if slices.Contains([]string{"", "0", "[]", "false"}, f.DefValue) {
		return text
	}
	return text + " Default: " + f.DefValue + "."
}
