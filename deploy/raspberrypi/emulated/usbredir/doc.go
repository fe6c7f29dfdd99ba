// Package usbredir gives a guest of QEMU a real /dev/i2c-N: it is the far end
// of a usb-redir device and presents an I²C adapter on USB, an i2c-tiny-usb, for
// which every kernel of Debian has a driver. That driver turns each I²C message
// into a control transfer, and each arrives here as a transaction of a
// [bustest.Bus] with the chips that a test has put on it.
//
//	a := usbredir.New(bus)
//	go a.Serve(conn) // of: -chardev socket,id=c0,path=… -device usb-redir,chardev=c0
//
// A chip that does not answer is a fault of the bus, [bustest.NACK]. What the
// adapter itself can do wrong is here: [Adapter.Wedge],
// [Adapter.Slow] and [Adapter.Unplug].
//
// It knows QEMU from the wire only: the usbredir protocol 0.7, little endian,
// and of USB as much as one adapter needs.
package usbredir
