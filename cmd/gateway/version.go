package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// What `make dist` says that this is, by -ldflags -X; "" for what the Go tool wrote
// into the binary.
var releaseVersion, releaseCommit string

type versionCommand struct{}

func (versionCommand) flags(*flagSet) {}

// Run prints what a person needs to tell in a bug report.
func (versionCommand) Run(_ context.Context, s streams) error {
	version, commit := buildVersion()
	fmt.Fprintf(s.out, "gateway %s\n", version)
	if commit != "" {
		fmt.Fprintf(s.out, "commit  %s\n", commit)
	}
	fmt.Fprintf(s.out, "go      %s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

// buildVersion returns what this binary is.
func buildVersion() (version, commit string) {
	if releaseVersion != "" {
		return releaseVersion, releaseCommit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", ""
	}
	version = info.Main.Version
	if version == "" || version == "(devel)" {
		version = "devel"
	}
	modified := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = " with changes"
		}
	}
	if commit != "" {
		commit += modified
	}
	return version, commit
}
