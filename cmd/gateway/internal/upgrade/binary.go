package upgrade

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
)

// What is known of a binary is read here rather than by debug/elf and debug/buildinfo:
// those bring every format of every system along, 0.6 MB of a binary that has to be
// small.

// elfMachines are what the header says (e_machine), little-endian all of them.
var elfMachines = map[string]uint16{"386": 3, "arm": 40, "amd64": 62, "arm64": 183}

// elfMachine reads the header of a program for Linux.
func elfMachine(file []byte) (uint16, error) {
	const littleEndian = 1
	if len(file) < 20 || !bytes.HasPrefix(file, []byte("\x7fELF")) || file[5] != littleEndian {
		return 0, errors.New("not a program for Linux")
	}
	return binary.LittleEndian.Uint16(file[18:]), nil
}

// infoMagic begins what the Go tool writes into a binary, at a multiple of 16 bytes.
// It is not written in one piece here, so that it is not found in our own code.
func infoMagic() []byte { return append([]byte("\xff Go build"), "inf:"...) }

// buildInfo reads what the Go tool has written into a binary: 32 bytes with a flag
// that says that two strings follow, each with its length before it, the version of Go
// and, between 16 bytes on either side, the settings.
func buildInfo(file []byte) (*debug.BuildInfo, error) {
	const head, flags, inline, guard = 32, 15, 2, 16
	none := errors.New("not a program that Go has built")
	for at := 0; ; at += 16 {
		i := bytes.Index(file[at:], infoMagic())
		if i < 0 || len(file)-at-i < head {
			return nil, none
		}
		at += i
		if at%16 != 0 || file[at+flags]&inline == 0 {
			at -= at % 16
			continue
		}
		_, rest, ok := prefixed(file[at+head:])
		if !ok {
			continue
		}
		text, _, ok := prefixed(rest)
		if !ok || len(text) < 2*guard {
			continue
		}
		info, err := debug.ParseBuildInfo(string(text[guard : len(text)-guard]))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", none, err)
		}
		return info, nil
	}
}

// prefixed takes a string that has its length before it.
func prefixed(b []byte) (text, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	return b[size : size+int(n)], b[size+int(n):], true
}
