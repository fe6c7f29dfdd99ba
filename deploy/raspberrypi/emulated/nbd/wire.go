package nbd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Names and numbers are those of the protocol's document.
const (
	initMagic    = 0x4e42444d41474943 // "NBDMAGIC"
	optionMagic  = 0x49484156454f5054 // "IHAVEOPT"
	optReplyMark = 0x3e889045565a9
	requestMagic = 0x25609513
	replyMagic   = 0x67446698
)

// Flags of the handshake; the client's have the same bits.
const (
	flagFixedNewstyle = 1 << 0
	flagNoZeroes      = 1 << 1
)

// Transmission flags.
const (
	flagHasFlags        = 1 << 0
	flagSendFlush       = 1 << 2
	flagSendFUA         = 1 << 3
	flagSendTrim        = 1 << 5
	flagSendWriteZeroes = 1 << 6
	transmissionFlags   = flagHasFlags | flagSendFlush | flagSendFUA | flagSendTrim | flagSendWriteZeroes
)

// Options, and what they are answered with.
const (
	optExportName = 1
	optAbort      = 2
	optList       = 3
	optInfo       = 6
	optGo         = 7

	repAck        = 1
	repServer     = 2
	repInfo       = 3
	repErrUnsup   = 1<<31 + 1
	repErrInvalid = 1<<31 + 3
	repErrUnknown = 1<<31 + 6

	infoExport    = 0
	infoBlockSize = 3
)

// Commands, and their flags.
const (
	cmdRead        = 0
	cmdWrite       = 1
	cmdDisc        = 2
	cmdFlush       = 3
	cmdTrim        = 4
	cmdWriteZeroes = 6

	cmdFlagFUA    = 1 << 0
	cmdFlagNoHole = 1 << 1
)

// Errors of replies, which are those of Linux.
const (
	codeOK      = 0
	codeIO      = 5
	codeInvalid = 22
	codeNoSpace = 28
)

const (
	maxOption  = 8 << 10  // bytes of an option; a name has up to 4096
	maxPayload = 32 << 20 // bytes of READ and WRITE, what the protocol lets every client use
)

var (
	errProtocol = errors.New("the client does not keep to the protocol")
	errLeft     = errors.New("the client has left") // in order
)

// option is what a client asks for before it uses the disk.
type option struct {
	number uint32
	data   []byte
}

func readOption(r io.Reader) (option, error) {
	var head [16]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return option{}, err
	}
	o := option{number: binary.BigEndian.Uint32(head[8:])}
	n := binary.BigEndian.Uint32(head[12:])
	if binary.BigEndian.Uint64(head[:]) != optionMagic || n > maxOption {
		return o, fmt.Errorf("%w: option % x", errProtocol, head)
	}
	o.data = make([]byte, n)
	_, err := io.ReadFull(r, o.data)
	return o, err
}

func appendOptionReply(b []byte, option, kind uint32, data []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, optReplyMark)
	b = binary.BigEndian.AppendUint32(b, option)
	b = binary.BigEndian.AppendUint32(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

// request is the head of a command.
type request struct {
	flags, command uint16
	cookie, offset uint64
	length         uint32 // bytes
}

func readRequest(r io.Reader) (request, error) {
	var b [28]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return request{}, err
	}
	if binary.BigEndian.Uint32(b[:]) != requestMagic {
		return request{}, fmt.Errorf("%w: request % x", errProtocol, b)
	}
	return request{
		flags:   binary.BigEndian.Uint16(b[4:]),
		command: binary.BigEndian.Uint16(b[6:]),
		cookie:  binary.BigEndian.Uint64(b[8:]),
		offset:  binary.BigEndian.Uint64(b[16:]),
		length:  binary.BigEndian.Uint32(b[24:]),
	}, nil
}

func appendReply(b []byte, code uint32, cookie uint64) []byte {
	b = binary.BigEndian.AppendUint32(b, replyMagic)
	b = binary.BigEndian.AppendUint32(b, code)
	return binary.BigEndian.AppendUint64(b, cookie)
}
