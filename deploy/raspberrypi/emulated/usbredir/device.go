package usbredir

import "encoding/binary"

// What the adapter is on USB: 0403:c631, one interface without endpoints of its
// own, full speed. USB 2.0, chapter 9.
var (
	deviceDescriptor        = []byte{18, 1, 0x10, 0x01, 0, 0, 0, 8, 0x03, 0x04, 0x31, 0xC6, 0x05, 0x02, 1, 2, 0, 1}
	configurationDescriptor = []byte{9, 2, 18, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 0, 0xFF, 0, 0, 0}
	languages               = []byte{4, 3, 0x09, 0x04}
	names                   = []string{1: "gateway", 2: "i2c-tiny-usb"}
)

const (
	getDescriptor       = 6
	descriptorDevice    = 1
	descriptorConfig    = 2
	descriptorString    = 3
	standardFromDevice  = 0x80
	vendorRequest       = 0x40 // of bits 5 and 6 of the request's type
	requestKind         = 0x60
	fullSpeed           = 1
	vendorSpecificClass = 0xFF
)

// descriptor answers GET_DESCRIPTOR; nil if there is none.
func descriptor(value uint16) []byte {
	n := int(value & 0xFF)
	switch value >> 8 {
	case descriptorDevice:
		return deviceDescriptor
	case descriptorConfig:
		return configurationDescriptor
	case descriptorString:
		if n == 0 {
			return languages
		}
		if n < len(names) {
			return stringDescriptor(names[n])
		}
	}
	return nil
}

func stringDescriptor(s string) []byte {
	b := []byte{byte(2 + 2*len(s)), descriptorString}
	for _, c := range []byte(s) {
		b = append(b, c, 0)
	}
	return b
}

// plugIn is what announces the device: its interface, endpoint 0, and itself.
func plugIn(peer uint32) []message {
	ifaces := make([]byte, 4+4*32)
	binary.LittleEndian.PutUint32(ifaces, 1)
	ifaces[4+32] = vendorSpecificClass
	endpoints := make([]byte, 32*3)
	for i := range 32 {
		endpoints[i] = 255 // no such endpoint
	}
	endpoints[0], endpoints[16] = 0, 0 // control, both ways
	for range 32 {
		endpoints = binary.LittleEndian.AppendUint16(endpoints, 8)
	}
	device := []byte{fullSpeed, 0, 0, 0, 0x03, 0x04, 0x31, 0xC6, 0x05, 0x02}
	if peer&capDeviceVersion == 0 {
		device = device[:8]
	}
	return []message{{kind: interfaceInfo, body: ifaces}, {kind: endpointInfo, body: endpoints}, {kind: deviceConnect, body: device}}
}
