package nbd

import (
	"encoding/binary"
	"fmt"
	"io"
)

// negotiate does the handshake, up to where requests begin.
func (s *session) negotiate() error {
	b := binary.BigEndian.AppendUint64(nil, initMagic)
	b = binary.BigEndian.AppendUint64(b, optionMagic)
	b = binary.BigEndian.AppendUint16(b, flagFixedNewstyle|flagNoZeroes)
	if _, err := s.c.Write(b); err != nil {
		return err
	}
	var answer [4]byte
	if _, err := io.ReadFull(s.c, answer[:]); err != nil {
		return err
	}
	flags := binary.BigEndian.Uint32(answer[:])
	if flags&^(flagFixedNewstyle|flagNoZeroes) != 0 {
		return fmt.Errorf("%w: flags %#x", errProtocol, flags)
	}
	for {
		o, err := readOption(s.c)
		if err != nil {
			return err
		}
		begun, err := s.option(o, flags)
		if begun || err != nil {
			return err
		}
	}
}

// option answers one option, and tells whether requests follow.
func (s *session) option(o option, flags uint32) (begun bool, err error) {
	answer := func(kind uint32, data []byte) error {
		_, err := s.c.Write(appendOptionReply(nil, o.number, kind, data))
		return err
	}
	switch o.number {
	case optExportName: // cannot be answered with an error
		if len(o.data) != 0 {
			return false, fmt.Errorf("%w: there is no export %q", errProtocol, o.data)
		}
		b := s.export(nil)
		if flags&flagNoZeroes == 0 {
			b = append(b, make([]byte, 124)...)
		}
		_, err := s.c.Write(b)
		return true, err
	case optAbort:
		_ = answer(repAck, nil)
		return false, errLeft
	case optList:
		if len(o.data) != 0 {
			return false, answer(repErrInvalid, nil)
		}
		if err := answer(repServer, make([]byte, 4)); err != nil {
			return false, err
		}
		return false, answer(repAck, nil)
	case optInfo, optGo:
		return s.info(o, answer)
	}
	return false, answer(repErrUnsup, nil)
}

// info answers INFO and GO, whose data are the length of a name, the name, a
// count, and as many numbers of what the client wants to know.
func (s *session) info(o option, answer func(uint32, []byte) error) (begun bool, err error) {
	name, rest, ok := cutName(o.data)
	if !ok || len(rest) < 2 || len(rest) != 2+2*int(binary.BigEndian.Uint16(rest)) {
		return false, answer(repErrInvalid, nil)
	}
	if len(name) != 0 {
		return false, answer(repErrUnknown, nil)
	}
	if err := answer(repInfo, s.export([]byte{0, infoExport})); err != nil {
		return false, err
	}
	sizes := []byte{0, infoBlockSize}
	for _, n := range []uint32{Sector, 4 << 10, maxPayload} { // least, best, most
		sizes = binary.BigEndian.AppendUint32(sizes, n)
	}
	if err := answer(repInfo, sizes); err != nil {
		return false, err
	}
	return o.number == optGo, answer(repAck, nil)
}

func cutName(b []byte) (name, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// export appends what describes the disk.
func (s *session) export(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(s.disk.Size()))
	return binary.BigEndian.AppendUint16(b, transmissionFlags)
}
