package bus

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"
)

// A file that is no device answers as the kernel does, and one that is closed
// does not take another's descriptor.
func TestKernelSaysWhatIsWrong(t *testing.T) {
	k := linux()
	name := filepath.Join(t.TempDir(), "i2c-1")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := k.open(name)
	if err != nil {
		t.Fatal(err)
	}
	var funcs uint
	if err := k.ioctl(f, i2cFuncs, unsafe.Pointer(&funcs)); !errors.Is(err, syscall.ENOTTY) {
		t.Errorf("I2C_FUNCS of a file: %v", err)
	}
	if err := k.set(f, i2cSlave, 0x76); !errors.Is(err, syscall.ENOTTY) {
		t.Errorf("I2C_SLAVE of a file: %v", err)
	}
	f.Close()
	if err := k.ioctl(f, i2cFuncs, unsafe.Pointer(&funcs)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("I2C_FUNCS of a closed file: %v", err)
	}
	if err := k.set(f, i2cSlave, 0x76); !errors.Is(err, os.ErrClosed) {
		t.Errorf("I2C_SLAVE of a closed file: %v", err)
	}
}
