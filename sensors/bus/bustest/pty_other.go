//go:build !linux

package bustest

import (
	"errors"
	"fmt"
	"io"
)

// other is the master of a PTY.
type other struct{ io.ReadWriteCloser }

// NewPTY returns a new pair, on Linux.
func NewPTY() (*PTY, error) {
	return nil, fmt.Errorf("new PTY: needs Linux: %w", errors.ErrUnsupported)
}
