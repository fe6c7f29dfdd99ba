package bustest

// PTY is a serial port of the kernel's whose other end is the test: what opens
// a device by its name can be tested with it. Its methods are those of the
// other end.
//
//	p, err := bustest.NewPTY()
//	port, err := bus.OpenSerial(p.Name(), bus.SerialMode{Baud: 9600})
//	p.Write([]byte{0xFF, 0x18}) // arrives at port
//
// Closing it is what unplugging an adapter is.
type PTY struct {
	other // the master
	name  string
}

// Name returns the device to open: "/dev/pts/3".
func (p *PTY) Name() string { return p.name }
