package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong" // flags and help in the usual manner; commands are structs
)

// commandLine is all that can be written on the command line.
type commandLine struct {
	Run     runCommand     `cmd:"" default:"withargs" help:"Run the gateway (the default command)."`
	Check   checkCommand   `cmd:"" help:"Say what is wrong with a configuration; exit status 0 or 1."`
	Drivers driversCommand `cmd:"" help:"List the sensor drivers, or describe one."`
	Read    readCommand    `cmd:"" help:"Read the configured sensors once and print what they say."`
	Scan    scanCommand    `cmd:"" help:"Look what sensors there are, by reading only, and print a configuration for them."`
	Health  healthCommand  `cmd:"" help:"Ask the gateway that runs here whether it works; exit status 0 or 1."`
	Doctor  doctorCommand  `cmd:"" help:"Look for what keeps sensors from being read, and say which command mends it."`
	Import  importCommand  `cmd:"" help:"Make a configuration of one of Mosquitto or of MQTT IO."`
	Schema  schemaCommand  `cmd:"" help:"Print the JSON Schema of the configuration, for editors."`
	Pub     pubCommand     `cmd:"" help:"Publish a message to an MQTT broker."`
	Sub     subCommand     `cmd:"" help:"Subscribe to topics of an MQTT broker and print messages."`
	Passwd  passwdCommand  `cmd:"" help:"Set or delete a user's password in a password file."`
	Store   storeCommand   `cmd:"" help:"Inspect, verify, compact or back up what the gateway keeps on disk."`
	Backup  backupCommand  `cmd:"" help:"Keep the configuration and everything the gateway has on disk in one file. Also while it runs."`
	Restore restoreCommand `cmd:"" help:"Restore a backup; what was is kept."`
	Bridge  bridgeCommand  `cmd:"" help:"Try the upstreams of the bridges, and see what they do not take."`
	Upgrade upgradeCommand `cmd:"" help:"Replace this binary by that of a signed release, or go back to what it was."`
	Version versionCommand `cmd:"" help:"Print the version."`

	Completion completionCommand `cmd:"" help:"Print what makes bash, zsh or fish complete the command line."`
	Man        manCommand        `cmd:"" hidden:"" help:"Print a manual page."`

	ShowVersion bool `name:"version" help:"Print the version."`
}

const description = `Reads sensors, serves them over MQTT and in the browser, and forwards them to a broker upstream.

Without a configuration it reads this machine, and listens on this machine only.

Exit status: 0 success, 1 failure, 2 wrong usage, 3 wrong configuration (gateway check: 1), 4 nothing newer (gateway upgrade).`

// helped is what kong's exit after --help is turned into.
type helped struct{}

func runCommandLine(ctx context.Context, args []string, s streams) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case helped:
			err = nil
		default:
			panic(v)
		}
	}()
	var cli commandLine
	parser, err := kong.New(&cli,
		kong.Name("gateway"),
		kong.Description(description),
		kong.Writers(s.out, s.err),
		kong.Exit(func(int) { panic(helped{}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
		kong.PostBuild(func(k *kong.Kong) error {
			k.Model.HelpFlag.Short = 0 // -h is the host in pub and sub, as people are used to
			k.Model.HelpFlag.Help = "Show help."
			return nil
		}),
	)
	if err != nil {
		return fmt.Errorf("command line: %w", err) // a programmer's error, found by every test
	}
	parsed, err := parser.Parse(normalise(args))
	if err != nil {
		return usageError(err)
	}
	if cli.ShowVersion {
		return cli.Version.Run(s)
	}
	return parsed.Run()
}

// usageError says where help is.
func usageError(err error) error {
	help := "gateway --help"
	var p *kong.ParseError
	if errors.As(err, &p) && p.Context != nil && p.Context.Selected() != nil {
		help = p.Context.Selected().FullPath() + " --help"
	}
	return &statusError{err: fmt.Errorf("%w; see %s", err, help), status: exitUsage}
}

// normalise lets people write long flags with one dash, as Go's own tools
// do, and -h for help where it is not the host.
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
	return args
}
