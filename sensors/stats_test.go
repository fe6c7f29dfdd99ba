package sensors

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

func TestErrorClass(t *testing.T) {
	_, absent := os.Open("no such file")
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("write: %w", syscall.ENXIO), "nack"},
		{fmt.Errorf("write: %w", syscall.EREMOTEIO), "nack"},
		{syscall.ETIMEDOUT, "timeout"},
		{context.DeadlineExceeded, "timeout"},
		{absent, "absent"},
		{&fs.PathError{Op: "open", Path: "/dev/i2c-1", Err: syscall.EACCES}, "permission"},
		{fmt.Errorf("measure: %w", &ImplausibleError{}), "implausible"},
		{fmt.Errorf("measure: %w", &PanicError{Value: 1}), "panic"},
		{errors.New("checksum"), "other"},
	} {
		if got := errorClass(test.err); got != test.want {
			t.Errorf("errorClass(%v) = %q, want %q", test.err, got, test.want)
		}
	}
}
