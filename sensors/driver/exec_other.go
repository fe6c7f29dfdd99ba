//go:build !unix

package driver

import "os/exec"

func ownGroup(*exec.Cmd) {}

// killGroup kills the program, and not what it started: there are no groups.
func killGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }
