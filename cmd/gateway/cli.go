package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra" // finds the command; it looks for no method by name, with which the linker would have to keep all
)

// subcommand is one of the commands of the gateway.
type subcommand interface {
	// flags says which flags and arguments there are.
	flags(*flagSet)
	// Run does what the command is for, once flags has filled in what was given.
	Run(context.Context, streams) error
}

// entry is a command in its place, or a group of commands.
type entry struct {
	name, help string
	command    subcommand // nil of a group
	below      []entry    // of a group
	hidden     bool
}

// entries is all that can be written on the command line.
func (l *commandLine) entries() []entry {
	return []entry{
		{name: "run", help: "Run the gateway (the default command).", command: &runCommand{}},
		{name: "check", help: "Say what is wrong with a configuration; exit status 0 or 1.", command: &checkCommand{}},
		{name: "drivers", help: "List the sensor drivers, or describe one.", command: &driversCommand{}},
		{name: "read", help: "Read the configured sensors once and print what they say.", command: &readCommand{}},
		{name: "scan", help: "Look what sensors there are, by reading only, and print a configuration for them.", command: &scanCommand{}},
		{name: "health", help: "Ask the gateway that runs here whether it works; exit status 0 or 1.", command: &healthCommand{}},
		{name: "doctor", help: "Look for what keeps sensors from being read, and say which command mends it.", command: &doctorCommand{}},
		{name: "import", help: "Make a configuration of one of Mosquitto or of MQTT IO.", command: &importCommand{}},
		{name: "schema", help: "Print the JSON Schema of the configuration, for editors.", command: schemaCommand{}},
		{name: "pub", help: "Publish a message to an MQTT broker.", command: &pubCommand{}},
		{name: "sub", help: "Subscribe to topics of an MQTT broker and print messages.", command: &subCommand{}},
		{name: "passwd", help: "Set or delete a user's password in a password file.", command: &passwdCommand{}},
		{name: "store", help: "Inspect, verify, compact or back up what the gateway keeps on disk.", below: storeCommands()},
		{name: "backup", help: "Keep the configuration and everything the gateway has on disk in one file. Also while it runs.", command: &backupCommand{}},
		{name: "restore", help: "Restore a backup; what was is kept.", command: &restoreCommand{}},
		{name: "bridge", help: "Try the upstreams of the bridges, and see what they do not take.", below: bridgeCommands()},
		{name: "upgrade", help: "Replace this binary by that of a signed release, or go back to what it was.", command: &upgradeCommand{}},
		{name: "version", help: "Print the version.", command: versionCommand{}},
		{name: "completion", help: "Print what makes bash, zsh or fish complete the command line.", command: &completionCommand{line: l}},
		{name: "man", help: "Print a manual page.", command: &manCommand{line: l}, hidden: true},
	}
}

const description = `Reads sensors, serves them over MQTT and in the browser, and forwards them to a broker upstream.

Without a configuration it reads this machine, and listens on this machine only.

Exit status: 0 success, 1 failure, 2 wrong usage, 3 wrong configuration (gateway check: 1), 4 nothing newer (gateway upgrade).`

// commandLine is the tree of the commands, for one command line.
type commandLine struct {
	root    *cobra.Command
	flags   map[*cobra.Command]*flagSet // of all in the tree, groups too
	run     func(subcommand) error      // what is done with the command that was found
	version bool                        // --version, which stands for gateway version
}

func init() { cobra.EnableCommandSorting = false } // help has them in the order of entries

func newCommandLine(run func(subcommand) error) *commandLine {
	l := &commandLine{flags: make(map[*cobra.Command]*flagSet), run: run}
	l.root = &cobra.Command{Use: "gateway", Long: description, SilenceErrors: true, SilenceUsage: true}
	l.root.SetHelpCommand(&cobra.Command{Use: "help", Hidden: true}) // normalise makes --help of it
	l.root.SetHelpFunc(l.help)
	l.root.SetFlagErrorFunc(flagError)
	l.group(l.root, l.entries())
	return l
}

// group makes a command one that others are below.
func (l *commandLine) group(c *cobra.Command, below []entry) {
	l.complete(c, newFlagSet(c.Flags()), versionCommand{}, func(args []string) error { return wrongCommand(c, args) })
	for _, e := range below {
		sub := &cobra.Command{Use: e.name, Short: e.help, Long: e.help, Hidden: e.hidden}
		c.AddCommand(sub)
		if e.command == nil {
			l.group(sub, e.below)
			continue
		}
		f := newFlagSet(sub.Flags())
		l.complete(sub, f, e.command, f.take)
		e.command.flags(f)
		if more, ok := e.command.(interface{ Help() string }); ok {
			sub.Long += "\n\n" + more.Help()
		}
	}
}

// complete gives a command the flags that all have, and what it does; check says what
// is wrong with its arguments.
func (l *commandLine) complete(c *cobra.Command, f *flagSet, does subcommand, check func([]string) error) {
	f.Bool("help", false, "Show help.")
	f.BoolVar(&l.version, "version", false, "Print the version.")
	c.Args = func(_ *cobra.Command, args []string) error {
		if l.version {
			does = versionCommand{}
			return nil
		}
		return check(args)
	}
	c.RunE = func(*cobra.Command, []string) error { return l.run(does) }
	l.flags[c] = f
}

// execute finds the command and gives it to l.run; where is the last one that was
// found.
func (l *commandLine) execute(args []string, s streams) (where *cobra.Command, err error) {
	args = normalise(args)
	// Before flags are looked at: those of a mistyped command are unknown, too.
	if c, rest, _ := l.root.Find(args); c.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return c, wrongCommand(c, rest)
	}
	l.root.SetArgs(args)
	l.root.SetOut(s.out)
	l.root.SetErr(s.err)
	return l.root.ExecuteC()
}

func runCommandLine(ctx context.Context, args []string, s streams) error {
	found := false
	l := newCommandLine(func(c subcommand) error {
		found = true
		return c.Run(ctx, s)
	})
	where, err := l.execute(args, s)
	if err != nil && !found {
		return &statusError{err: fmt.Errorf("%w; see %s --help", err, where.CommandPath()), status: exitUsage}
	}
	return err
}

// normalise lets people leave out run, write long flags with one dash, as Go's own
// tools do, -h for help where it is not the host, and gateway help.
func normalise(args []string) []string {
	long := []string{"demo", "config", "mosquitto-conf", "help", "version"}
	args = slices.Clone(args)
	client := len(args) > 0 && (args[0] == "pub" || args[0] == "sub")
	for i, a := range args {
		if a == "--" {
			break
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(a, "-"), "=")
		switch {
		case client && a == "-help", !client && strings.HasPrefix(a, "-") && slices.Contains(long, name):
			args[i] = "-" + a
		case !client && a == "-h":
			args[i] = "--help"
		}
	}
	switch {
	case len(args) == 0, strings.HasPrefix(args[0], "-") && args[0] != "--help" && args[0] != "--version":
		return append([]string{"run"}, args...)
	case args[0] == "help":
		return append(args[1:], "--help")
	}
	return args
}
