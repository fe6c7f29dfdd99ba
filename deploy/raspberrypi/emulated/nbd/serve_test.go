package nbd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
)

// peer is a client that can break every rule.
type peer struct {
	t    testing.TB
	conn net.Conn
}

// connect connects to a server of its own for d, and reads its greeting. ended
// is closed, with the reason in *why, when the server has ended the connection.
func connect(t testing.TB, d *Disk, flags uint32) (p peer, why chan error) {
	client, server := net.Pipe()
	why = make(chan error, 1)
	go func() {
		why <- serve(server, d)
		server.Close()
	}()
	t.Cleanup(func() { client.Close() })
	p = peer{t, client}
	want := binary.BigEndian.AppendUint64(nil, initMagic)
	want = binary.BigEndian.AppendUint64(want, optionMagic)
	p.expect(append(want, 0, 3))
	p.send(binary.BigEndian.AppendUint32(nil, flags))
	return p, why
}

func (p peer) send(b []byte) {
	p.t.Helper()
	_, err := p.conn.Write(b)
	ok(p.t, err)
}

func (p peer) expect(want []byte) {
	p.t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(p.conn, got); err != nil || !bytes.Equal(got, want) {
		p.t.Fatalf("got % x (%v), want % x", got, err, want)
	}
}

func appendOption(b []byte, number uint32, data []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, optionMagic)
	b = binary.BigEndian.AppendUint32(b, number)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

func (p peer) option(number uint32, data []byte) {
	p.t.Helper()
	p.send(appendOption(nil, number, data))
}

// want reads an answer to an option.
func (p peer) want(number, kind uint32, data []byte) {
	p.t.Helper()
	p.expect(appendOptionReply(nil, number, kind, data))
}

func appendRequest(b []byte, r request) []byte {
	b = binary.BigEndian.AppendUint32(b, requestMagic)
	b = binary.BigEndian.AppendUint16(b, r.flags)
	b = binary.BigEndian.AppendUint16(b, r.command)
	b = binary.BigEndian.AppendUint64(b, r.cookie)
	b = binary.BigEndian.AppendUint64(b, r.offset)
	return binary.BigEndian.AppendUint32(b, r.length)
}

func (p peer) request(r request, payload []byte) {
	p.t.Helper()
	p.send(append(appendRequest(nil, r), payload...))
}

var (
	noName    = []byte{0, 0, 0, 0, 0, 0} // and nothing asked for
	infoOfOne = []byte{0, 0, 0, 0, 0, 0, 0, 0x80, 0, transmissionFlags >> 8, transmissionFlags}
	infoSizes = []byte{0, 3, 0, 0, 2, 0, 0, 0, 0x10, 0, 2, 0, 0, 0}
)

// begin gets a connection to where requests are.
func begin(t testing.TB, d *Disk) (peer, chan error) {
	p, why := connect(t, d, flagFixedNewstyle|flagNoZeroes)
	p.option(optGo, noName)
	p.expect(appendOptionReply(nil, optGo, repInfo, append([]byte{0, 0}, (&session{disk: d}).export(nil)...)))
	p.want(optGo, repInfo, infoSizes)
	p.want(optGo, repAck, nil)
	return p, why
}

func TestNegotiation(t *testing.T) {
	d, _ := newDisk(t, 64) // 0x8000 bytes
	p, why := connect(t, d, flagFixedNewstyle|flagNoZeroes)
	p.option(5, nil) // STARTTLS
	p.want(5, repErrUnsup, nil)
	p.option(8, nil) // STRUCTURED_REPLY
	p.want(8, repErrUnsup, nil)
	p.option(optList, nil)
	p.want(optList, repServer, make([]byte, 4))
	p.want(optList, repAck, nil)
	p.option(optList, []byte{1})
	p.want(optList, repErrInvalid, nil)
	for _, bad := range [][]byte{nil, {0, 0, 0, 0}, {0, 0, 0, 9, 'a', 0, 0}, {0xff, 0xff, 0xff, 0xff, 0, 0}, {0, 0, 0, 0, 0, 2, 0, 1}} {
		p.option(optInfo, bad)
		p.want(optInfo, repErrInvalid, nil)
	}
	p.option(optGo, []byte{0, 0, 0, 1, 'x', 0, 0})
	p.want(optGo, repErrUnknown, nil)
	p.option(optInfo, []byte{0, 0, 0, 0, 0, 1, 0, 3})
	p.want(optInfo, repInfo, append([]byte{0, 0}, infoOfOne[1:]...))
	p.want(optInfo, repInfo, infoSizes)
	p.want(optInfo, repAck, nil)
	p.option(optAbort, nil)
	p.want(optAbort, repAck, nil)
	if err := <-why; err != errLeft {
		t.Errorf("ended with %v", err)
	}
}

// EXPORT_NAME is what old clients use.
func TestNegotiationOfOldClients(t *testing.T) {
	d, _ := newDisk(t, 64)
	for flags, zeroes := range map[uint32]int{flagFixedNewstyle: 124, flagFixedNewstyle | flagNoZeroes: 0} {
		p, why := connect(t, d, flags)
		p.option(optExportName, nil)
		p.expect(append(infoOfOne[1:], make([]byte, zeroes)...))
		p.request(request{command: cmdDisc}, nil)
		if err := <-why; err != errLeft {
			t.Errorf("flags %d: ended with %v", flags, err)
		}
	}
}

func TestClientsThatBreakTheProtocol(t *testing.T) {
	d, _ := newDisk(t, 64)
	for name, c := range map[string]struct {
		flags uint32
		bytes []byte
	}{
		"flags":          {flags: 1 << 7},
		"option":         {flagFixedNewstyle, make([]byte, 16)},
		"endless option": {flagFixedNewstyle, append(appendOption(nil, optList, nil)[:12], 0xff, 0xff, 0xff, 0xff)},
		"unknown name":   {flagFixedNewstyle, appendOption(nil, optExportName, []byte("x"))},
	} {
		p, why := connect(t, d, c.flags)
		if c.bytes != nil {
			p.send(c.bytes)
		}
		if err := <-why; !errors.Is(err, errProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"request":       make([]byte, 28),
		"endless write": appendRequest(nil, request{command: cmdWrite, length: maxPayload + 1}),
	} {
		p, why := begin(t, d)
		p.send(b)
		if err := <-why; !errors.Is(err, errProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRequests(t *testing.T) {
	d, file := newDisk(t, 64)
	p, why := begin(t, d)
	const cookie = 0x0102030405060708
	do := func(r request, payload []byte, code uint32) {
		t.Helper()
		r.cookie = cookie
		p.request(r, payload)
		p.expect(appendReply(nil, code, cookie))
	}
	do(request{command: cmdWrite, offset: Sector, length: 2 * Sector}, fill(1, 2), codeOK)
	p.request(request{command: cmdRead, offset: 0, length: 3 * Sector}, nil)
	p.expect(append(appendReply(nil, codeOK, 0), append(fill(0, 1), fill(1, 2)...)...))
	equal(t, "the image", content(t, file)[:3], []byte{0, 0, 0})
	do(request{command: cmdFlush}, nil, codeOK)
	equal(t, "the image", content(t, file)[:3], []byte{0, 1, 1})
	do(request{command: cmdTrim, offset: Sector, length: Sector}, nil, codeOK)
	do(request{command: cmdWriteZeroes, flags: cmdFlagFUA | cmdFlagNoHole, offset: 2 * Sector, length: Sector}, nil, codeOK)
	do(request{command: cmdWrite, flags: cmdFlagFUA, offset: 3 * Sector, length: Sector}, fill(9, 1), codeOK)
	equal(t, "the image", content(t, file)[:4], []byte{0, 1, 0, 9})

	end := uint64(64 * Sector)
	do(request{command: cmdWrite, offset: end, length: Sector}, fill(1, 1), codeNoSpace)
	do(request{command: cmdWriteZeroes, offset: end, length: Sector}, nil, codeNoSpace)
	do(request{command: cmdTrim, offset: 1<<64 - Sector, length: Sector}, nil, codeInvalid)
	do(request{command: cmdRead, offset: end - Sector, length: 2 * Sector}, nil, codeInvalid)
	do(request{command: cmdRead, length: maxPayload + Sector}, nil, codeInvalid)
	do(request{command: cmdRead, offset: 1, length: Sector}, nil, codeInvalid)
	do(request{command: cmdWrite, length: 100}, make([]byte, 100), codeInvalid)
	do(request{command: cmdWrite, flags: 1 << 4, length: Sector}, fill(1, 1), codeInvalid)
	do(request{command: 5}, nil, codeInvalid) // CACHE
	do(request{command: cmdRead, length: 0}, nil, codeOK)

	p.request(request{command: cmdDisc}, nil)
	if err := <-why; err != errLeft {
		t.Errorf("ended with %v", err)
	}
	if got := read(t, d); got[1] != 0 {
		t.Errorf("the trimmed sector has %d", got[1])
	}
	equal(t, "the image, after DISC without a flush", content(t, file)[:2], []byte{0, 1})
	ok(t, d.Close())
	c := &half{Reader: bytes.NewReader(appendRequest(nil, request{command: cmdFlush}))}
	ok(t, (&session{c: c, disk: d}).one())
	equal(t, "the answer to a flush of a closed disk", c.written, appendReply(nil, codeIO, 0))
}

// Serve ends with its context, whatever its clients do.
func TestServeEnds(t *testing.T) {
	d, _ := newDisk(t, 64)
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	ok(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- Serve(ctx, l, d) }()
	c, err := net.Dial("unix", path)
	ok(t, err)
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, 18)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
	if err := Serve(t.Context(), l, d); err == nil {
		t.Error("Serve on a closed listener: nil")
	}
}

// half is a connection that has sent all it will.
type half struct {
	io.Reader
	written []byte
}

func (h *half) Write(p []byte) (int, error) {
	h.written = append(h.written, p...)
	return len(p), nil
}

func FuzzServe(f *testing.F) {
	head := []byte{0, 0, 0, 3}
	do := appendOption(head, optGo, noName)
	f.Add(appendOption(head, optExportName, nil))
	f.Add(appendOption(appendOption(head, optList, nil), optInfo, []byte{0, 0, 0, 1, 'x', 0, 1, 0, 3}))
	f.Add(append(appendRequest(do, request{command: cmdWrite, length: Sector, offset: Sector}), fill(1, 1)...))
	f.Add(appendRequest(appendRequest(do, request{command: cmdRead, length: 64 * Sector}), request{command: cmdFlush}))
	f.Add(appendRequest(do, request{command: cmdTrim, flags: cmdFlagFUA, length: 3 * Sector}))
	f.Add(appendRequest(do, request{command: cmdWriteZeroes, flags: cmdFlagNoHole, offset: 1<<64 - 1, length: 1<<32 - 1}))
	f.Add(appendRequest(do, request{command: cmdDisc}))
	d, _ := newDisk(f, 64)
	f.Fuzz(func(t *testing.T, in []byte) {
		c := &half{Reader: bytes.NewReader(in)}
		if err := serve(c, d); err == nil {
			t.Error("ended without a reason")
		}
		if len(c.written) < 18 {
			t.Errorf("% x is no greeting", c.written)
		}
		if s := d.Size(); s != 64*Sector {
			t.Errorf("the disk has %d bytes", s)
		}
	})
}
