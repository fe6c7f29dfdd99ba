//go:build !linux

package store

import (
	"math"
	"os"
)

func syncData(f *os.File) error         { return f.Sync() }
func allocate(*os.File, int64) error    { return nil }
func free(string) (int64, error)        { return math.MaxInt64, nil }
func isReadOnly(error) bool             { return false }
func cannotSync(error) bool             { return true }
func lock(dir string) (*os.File, error) { return os.Open(dir) }
