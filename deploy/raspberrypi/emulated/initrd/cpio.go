// Package initrd makes the file system that a kernel starts with: a cpio archive
// with modules of that kernel, in the order they have to be loaded in, and files.
// It needs neither root nor depmod.
package initrd

import (
	"bytes"
	"fmt"
	"path"
)

// archive is a cpio archive of the kind newc, as the kernel unpacks it,
// Documentation/driver-api/early-userspace/buffer-format.rst.
type archive struct {
	buf  bytes.Buffer
	node int
	dirs map[string]bool
}

const (
	typeDirectory = 0o040000
	typeFile      = 0o100000
	typeDevice    = 0o020000 // of characters
)

// entry adds one entry; major and minor are of devices.
func (a *archive) entry(name string, mode int, data []byte, major, minor int) {
	a.node++
	links, mtime, zero := 1, 0, 0
	fmt.Fprintf(&a.buf, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		a.node, mode, zero, zero, links, mtime, len(data), zero, zero, major, minor, len(name)+1, zero)
	a.buf.WriteString(name)
	a.buf.WriteByte(0)
	a.pad()
	a.buf.Write(data)
	a.pad()
}

func (a *archive) pad() {
	for a.buf.Len()%4 != 0 {
		a.buf.WriteByte(0)
	}
}

// folder adds a folder and those above it, once.
func (a *archive) folder(name string) {
	if name == "." || name == "/" || a.dirs[name] {
		return
	}
	a.folder(path.Dir(name))
	if a.dirs == nil {
		a.dirs = make(map[string]bool)
	}
	a.dirs[name] = true
	a.entry(name, typeDirectory|0o755, nil, 0, 0)
}

// file adds a file, executable, and its folder.
func (a *archive) file(name string, data []byte) {
	a.folder(path.Dir(name))
	a.entry(name, typeFile|0o755, data, 0, 0)
}

// bytes ends the archive.
func (a *archive) bytes() []byte {
	a.node = -1
	a.entry("TRAILER!!!", 0, nil, 0, 0)
	return a.buf.Bytes()
}
