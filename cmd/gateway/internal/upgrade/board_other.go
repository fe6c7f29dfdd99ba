//go:build !linux

package upgrade

import (
	"errors"
	"runtime"
)

// errNotLinux is said elsewhere: releases are for Linux.
var errNotLinux = errors.New("releases are for Linux, and this is " + runtime.GOOS)

func kernelMachine() (string, error) { return "", errNotLinux }
