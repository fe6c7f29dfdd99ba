package usbredir

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"testing"

	"gateway/sensors/bus/bustest"
)

// peer is QEMU's end of a connection, as its usb-redir device speaks.
type peer struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	id   uint64
}

// plugged returns the end of an adapter that has said who it is.
func plugged(t *testing.T, a *Adapter) *peer {
	ours, theirs := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- a.Serve(theirs) }()
	p := &peer{t: t, conn: ours, r: bufio.NewReader(ours)}
	t.Cleanup(func() {
		ours.Close()
		theirs.Close()
		<-served
	})
	if m := p.read(false); m.kind != hello || capabilities(m.body)&cap64BitIDs == 0 {
		t.Fatalf("first %+v", m)
	}
	body := make([]byte, 68)
	binary.LittleEndian.PutUint32(body[64:], cap64BitIDs|capDeviceVersion)
	p.write(message{kind: hello, body: body}, false)
	for _, want := range []uint32{interfaceInfo, endpointInfo, deviceConnect} {
		m := p.read(true)
		if m.kind != want {
			t.Fatalf("packet of type %d, want %d", m.kind, want)
		}
		if want == deviceConnect && !bytes.Equal(m.body[4:8], []byte{0x03, 0x04, 0x31, 0xC6}) {
			t.Errorf("the device is % x, not 0403:c631", m.body)
		}
	}
	return p
}

func (p *peer) read(wide bool) message {
	p.t.Helper()
	m, err := readMessage(p.r, wide)
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

func (p *peer) write(m message, wide bool) {
	p.t.Helper()
	if _, err := p.conn.Write(m.append(nil, wide)); err != nil {
		p.t.Fatal(err)
	}
}

// ask begins a control transfer.
func (p *peer) ask(c control) {
	p.t.Helper()
	p.id++
	b := []byte{c.endpoint, c.request, c.requestType, 0}
	b = binary.LittleEndian.AppendUint16(b, c.value)
	b = binary.LittleEndian.AppendUint16(b, c.index)
	b = binary.LittleEndian.AppendUint16(b, c.length)
	p.write(message{controlPacket, p.id, append(b, c.data...)}, true)
}

// answer reads what a transfer ended with.
func (p *peer) answer() control {
	p.t.Helper()
	m := p.read(true)
	c, err := parseControl(m.body)
	if err != nil || m.kind != controlPacket || m.id != p.id {
		p.t.Fatalf("%+v, %v", m, err)
	}
	return c
}

// i2cWrite and i2cRead are one I²C message and the adapter's word for it, as
// i2c-tiny-usb.c does it.
func (p *peer) i2cWrite(addr uint16, data ...byte) (acked bool) {
	p.ask(control{endpoint: 0, request: transfer | 3, requestType: vendorRequest | 1, index: addr, length: uint16(len(data)), data: data})
	if c := p.answer(); c.status != success || int(c.length) != len(data) {
		p.t.Fatalf("%+v", c)
	}
	return p.acked()
}

func (p *peer) i2cRead(addr uint16, n int) (data []byte, acked bool) {
	p.ask(control{endpoint: 0x80, request: transfer | 3, requestType: 0x80 | vendorRequest | 1, value: messageRead, index: addr, length: uint16(n)})
	c := p.answer()
	if c.status != success || len(c.data) != n {
		p.t.Fatalf("%+v", c)
	}
	return c.data, p.acked()
}

func (p *peer) acked() bool {
	p.ask(control{endpoint: 0x80, request: getStatus, requestType: 0x80 | vendorRequest | 1, length: 1})
	c := p.answer()
	return slices.Equal(c.data, []byte{acknowledged})
}

func TestMessages(t *testing.T) {
	chip := &bustest.Registers{}
	bus := bustest.New(map[uint16]bustest.Chip{0x76: chip})
	a := New(bus)
	p := plugged(t, a)
	if !p.i2cWrite(0x76, 0x10, 1, 2, 3) || chip.Mem[0x12] != 3 {
		t.Errorf("written: % x", chip.Mem[0x10:0x14])
	}
	if !p.i2cWrite(0x76, 0x11) {
		t.Error("not acknowledged")
	}
	if data, ok := p.i2cRead(0x76, 2); !ok || !slices.Equal(data, []byte{2, 3}) {
		t.Errorf("read % x, %v", data, ok)
	}
	if p.i2cWrite(0x77, 0) {
		t.Error("nobody acknowledges")
	}
	if _, ok := p.i2cRead(0x77, 3); ok {
		t.Error("nobody acknowledges a read")
	}
	bus.Inject(bustest.NACK(nil))
	if p.i2cWrite(0x76, 0) {
		t.Error("a fault acknowledges")
	}
	bus.Heal()
	if !p.i2cWrite(0x76, 0) {
		t.Error("a fault stays")
	}
	if a.Messages() != 7 {
		t.Errorf("%d messages", a.Messages())
	}
}

func TestDescriptors(t *testing.T) {
	p := plugged(t, New(bustest.New(nil)))
	ask := func(value, length uint16) control {
		p.ask(control{endpoint: 0x80, request: getDescriptor, requestType: standardFromDevice, value: value, length: length})
		return p.answer()
	}
	if c := ask(0x0100, 8); c.status != success || len(c.data) != 8 || c.data[0] != 18 {
		t.Errorf("beginning of the device's: %+v", c)
	}
	if c := ask(0x0200, 255); len(c.data) != 18 {
		t.Errorf("configuration's: %+v", c)
	}
	if c := ask(0x0302, 255); !bytes.Contains(c.data, []byte("i\x002\x00c\x00")) {
		t.Errorf("name: %+v", c)
	}
	for _, value := range []uint16{0x0600, 0x0309} {
		if c := ask(value, 255); c.status != stall {
			t.Errorf("%#x: %+v", value, c)
		}
	}
	p.write(message{setConfiguration, 9, []byte{1}}, true)
	if m := p.read(true); m.kind != configuration || m.id != 9 {
		t.Errorf("%+v", m)
	}
}

// TestWedge: a transfer on a bus that is held does not end, until it is
// cancelled; one that waits goes on when the bus is free.
func TestWedge(t *testing.T) {
	chip := &bustest.Registers{}
	a := New(bustest.New(map[uint16]bustest.Chip{0x76: chip}))
	p := plugged(t, a)
	a.Wedge()
	write := control{request: transfer | 3, requestType: vendorRequest | 1, index: 0x76, length: 2, data: []byte{0x10, 9}}
	p.ask(write)
	p.write(message{kind: cancelDataPacket, id: p.id}, true)
	if c := p.answer(); c.status != cancelled {
		t.Errorf("%+v", c)
	}
	p.ask(write)
	a.Free()
	if c := p.answer(); c.status != success || chip.Mem[0x10] != 9 {
		t.Errorf("%+v", c)
	}
}

func TestUnplug(t *testing.T) {
	a := New(bustest.New(map[uint16]bustest.Chip{0x76: &bustest.Registers{}}))
	p := plugged(t, a)
	done := make(chan error, 1)
	go func() { done <- errors.Join(a.Unplug(), a.Plug()) }()
	for _, want := range []uint32{deviceDisconnect, interfaceInfo, endpointInfo, deviceConnect} {
		if m := p.read(true); m.kind != want {
			t.Errorf("packet of type %d, want %d", m.kind, want)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !p.i2cWrite(0x76, 1) {
		t.Error("it does not work again")
	}
}

func FuzzServe(f *testing.F) {
	var b []byte
	b = message{kind: hello, body: helloBody()}.append(b, false)
	b = message{controlPacket, 1, []byte{0x80, 6, 0x80, 0, 0, 1, 0, 0, 18, 0}}.append(b, true)
	b = message{controlPacket, 2, []byte{0, 7, 0x41, 0, 0, 0, 0x76, 0, 1, 0, 0x10}}.append(b, true)
	f.Add(b)
	f.Fuzz(func(_ *testing.T, b []byte) {
		a := New(bustest.New(map[uint16]bustest.Chip{0x76: &bustest.Registers{}}))
		_ = a.Serve(readWriter{bytes.NewReader(b), new(bytes.Buffer)}) // it ends, and does not panic
	})
}

type readWriter struct {
	*bytes.Reader
	w *bytes.Buffer
}

func (r readWriter) Write(p []byte) (int, error) { return r.w.Write(p) }
