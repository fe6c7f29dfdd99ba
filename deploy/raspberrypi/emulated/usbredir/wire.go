package usbredir

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Types of packets, usb-redir-protocol.txt section "Packet types".
const (
	hello              = 0
	deviceConnect      = 1
	deviceDisconnect   = 2
	reset              = 3
	interfaceInfo      = 4
	endpointInfo       = 5
	setConfiguration   = 6
	getConfiguration   = 7
	configuration      = 8
	setAltSetting      = 9
	getAltSetting      = 10
	altSetting         = 11
	cancelDataPacket   = 21
	filterReject       = 22
	filterFilter       = 23
	deviceDisconnected = 24
	controlPacket      = 100
)

// Capabilities, by bit, section "hello".
const (
	capDeviceVersion = 1 << 1
	capEndpointSize  = 1 << 4
	cap64BitIDs      = 1 << 5
	cap32BitBulk     = 1 << 6
)

// Status codes of answers.
const (
	success   = 0
	cancelled = 1
	stall     = 4
)

// maxPacket is more than a control transfer has: 10 bytes and 65535 of data.
const maxPacket = 1 << 17

// message is a packet of usbredir.
type message struct {
	kind uint32
	id   uint64
	body []byte
}

// readMessage reads the next packet. Identifiers have 8 bytes once both sides
// have said so, and 4 before.
func readMessage(r io.Reader, wide bool) (message, error) {
	header := make([]byte, headerSize(wide))
	if _, err := io.ReadFull(r, header); err != nil {
		return message{}, err
	}
	m := message{kind: binary.LittleEndian.Uint32(header)}
	n := binary.LittleEndian.Uint32(header[4:])
	if n > maxPacket {
		return message{}, fmt.Errorf("usbredir: packet of type %d has %d bytes; at most %d are expected", m.kind, n, maxPacket)
	}
	if wide {
		m.id = binary.LittleEndian.Uint64(header[8:])
	} else {
		m.id = uint64(binary.LittleEndian.Uint32(header[8:]))
	}
	m.body = make([]byte, n)
	_, err := io.ReadFull(r, m.body)
	return m, err
}

func headerSize(wide bool) int {
	if wide {
		return 16
	}
	return 12
}

// append appends the packet as it is on the wire.
func (m message) append(b []byte, wide bool) []byte {
	b = binary.LittleEndian.AppendUint32(b, m.kind)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m.body)))
	if wide {
		b = binary.LittleEndian.AppendUint64(b, m.id)
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(m.id))
	}
	return append(b, m.body...)
}

// helloBody says who we are and what we can do.
func helloBody() []byte {
	b := make([]byte, 64, 68)
	copy(b, "gateway emulated i2c-tiny-usb")
	return binary.LittleEndian.AppendUint32(b, capDeviceVersion|capEndpointSize|cap64BitIDs|cap32BitBulk)
}

// capabilities returns those of a hello; none if it has none.
func capabilities(body []byte) uint32 {
	if len(body) < 68 {
		return 0
	}
	return binary.LittleEndian.Uint32(body[64:])
}

// control is a control transfer, request or answer.
type control struct {
	endpoint, request, requestType, status byte
	value, index, length                   uint16
	data                                   []byte
}

func parseControl(b []byte) (control, error) {
	if len(b) < 10 {
		return control{}, fmt.Errorf("usbredir: control transfer of %d bytes; its header has 10", len(b))
	}
	le := binary.LittleEndian
	return control{b[0], b[1], b[2], b[3], le.Uint16(b[4:]), le.Uint16(b[6:]), le.Uint16(b[8:]), b[10:]}, nil
}

// in reports whether data goes to the guest.
func (c control) in() bool { return c.requestType&0x80 != 0 }

// answer returns the body of the answer with a status and, of transfers to the
// guest, data.
func (c control) answer(status byte, data []byte) []byte {
	n := len(c.data)
	if c.in() {
		data = data[:min(len(data), int(c.length))]
		n = len(data)
	}
	b := []byte{c.endpoint, c.request, c.requestType, status}
	b = binary.LittleEndian.AppendUint16(b, c.value)
	b = binary.LittleEndian.AppendUint16(b, c.index)
	b = binary.LittleEndian.AppendUint16(b, uint16(n))
	if c.in() {
		b = append(b, data...)
	}
	return b
}
