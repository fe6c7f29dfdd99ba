package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag" // flags as POSIX and GNU have them

	"gateway/cmd/gateway/internal/config"
)

// flagSet is what can be written behind a command. Where a text has a word in
// backquotes, that is what the value is called.
type flagSet struct {
	*pflag.FlagSet
	// args are the arguments, which have no flag, in their order. The last may be a
	// list.
	args  *pflag.FlagSet
	least int // how many arguments have to be there

	required  []string   // flags that have to be there
	exclusive [][]string // flags of which there may be one
}

func newFlagSet(f *pflag.FlagSet) *flagSet {
	f.SortFlags = false
	args := pflag.NewFlagSet("", pflag.ContinueOnError)
	args.SortFlags = false
	return &flagSet{FlagSet: f, args: args}
}

// take takes the arguments, and says what of them or of the flags does not go.
func (f *flagSet) take(args []string) error {
	all := flagsOf(f.args)
	for i, arg := range args {
		at := min(i, len(all)-1)
		if at < 0 || at < i && !isList(all[at]) {
			return fmt.Errorf("unexpected argument %s", arg)
		}
		var wrong *pflag.InvalidValueError
		if err := f.args.Set(all[at].Name, arg); errors.As(err, &wrong) {
			return wrongValue(all[at].Name, wrong)
		}
	}
	if len(args) < f.least {
		return fmt.Errorf("%s is missing", all[len(args)].Name)
	}
	for _, name := range f.required {
		if !f.Changed(name) {
			return fmt.Errorf("%s is missing", flagTerm(f.Lookup(name)))
		}
	}
	for _, group := range f.exclusive {
		var given []string
		for _, name := range group {
			if f.Changed(name) {
				given = append(given, "--"+name)
			}
		}
		if len(given) > 1 {
			return fmt.Errorf("%s do not go together", strings.Join(given, " and "))
		}
	}
	return nil
}

// flagsOf returns the flags of a set in their order.
func flagsOf(f *pflag.FlagSet) (all []*pflag.Flag) {
	f.VisitAll(func(f *pflag.Flag) { all = append(all, f) })
	return all
}

func isList(f *pflag.Flag) bool { return f.Value.Type() == "stringArray" }

// flagError says in the same words as the rest what pflag found wrong.
func flagError(c *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		without *pflag.ValueRequiredError
		wrong   *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown):
		var names []string
		for _, f := range flagsOf(c.Flags()) {
			names = append(names, f.Name)
		}
		if letters := unknown.GetSpecifiedShortnames(); letters != "" {
			return mistyped("flag -", letters, "--", names)
		}
		return mistyped("flag --", unknown.GetSpecifiedName(), "--", names)
	case errors.As(err, &without):
		return fmt.Errorf("--%s needs a value: %s", without.GetFlag().Name, flagTerm(without.GetFlag()))
	case errors.As(err, &wrong):
		return wrongValue("--"+wrong.GetFlag().Name, wrong)
	}
	return err
}

// wrongCommand says that no command of a group is named, or which is not one.
func wrongCommand(c *cobra.Command, args []string) error {
	var names []string
	for _, sub := range c.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	if len(args) == 0 {
		return fmt.Errorf("expected one of %s", strings.Join(names, ", "))
	}
	return mistyped("command ", args[0], "", names)
}

// mistyped says that there is no such thing, and what may have been meant.
func mistyped(what, name, before string, names []string) error {
	if near := config.Nearest(name, names); near != "" {
		return fmt.Errorf("unknown %s%s, did you mean %s%s?", what, name, before, near)
	}
	return fmt.Errorf("unknown %s%s", what, name)
}

// wrongValue says what a value of a flag or an argument has to be.
func wrongValue(name string, err *pflag.InvalidValueError) error {
	switch err.GetFlag().Value.Type() {
	case "int", "intSlice":
		return fmt.Errorf("%s %s: write a whole number", name, err.GetValue())
	case "bool":
		return fmt.Errorf("%s %s: write true or false", name, err.GetValue())
	case "duration":
		return fmt.Errorf("%s %s: write a time with its unit, such as 10s or 5m", name, err.GetValue())
	}
	return fmt.Errorf("%s %s: %w", name, err.GetValue(), err.Unwrap())
}

// choice is a value that is one of a few.
type choice[T any] struct {
	to *T
	of []T
}

// oneOf makes a flag or an argument one of a few; what is in to is the default.
func oneOf[T any](to *T, of ...T) pflag.Value { return choice[T]{to, of} }

func (c choice[T]) Set(text string) error {
	for i, word := range c.words() {
		if word == text {
			*c.to = c.of[i]
			return nil
		}
	}
	return fmt.Errorf("it is one of %s", strings.Join(c.words(), ", "))
}

func (c choice[T]) String() string { return fmt.Sprint(*c.to) }
func (c choice[T]) Type() string   { return "string" }

func (c choice[T]) words() (all []string) {
	for _, v := range c.of {
		all = append(all, fmt.Sprint(v))
	}
	return all
}
