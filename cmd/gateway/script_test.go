package main

import (
	"flag"
	"testing"

	"github.com/rogpeppe/go-internal/testscript" // the command as people type it, in files that read like a terminal
)

var update = flag.Bool("update", false, "write the output that scripts compare with")

// TestScripts runs the command lines of testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_STATE_HOME", e.WorkDir)
			return nil
		},
	})
}
