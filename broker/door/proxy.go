package door

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/pires/go-proxyproto"
)

// Sizes of PROXY headers, in bytes, by the text of HAProxy that defines them.
const (
	proxyShortest   = len("PROXY UNKNOWN\r\n") // of either version
	proxyV1Longest  = 107                      // section 2.1
	proxyV2Fixed    = 16                       // section 2.2: signature, command, family, length
	proxyV2MaxAfter = 4096                     // 65,535 could be said; a client's certificate needs 2 KB
)

var (
	proxyV1 = []byte("PROXY ")
	proxyV2 = []byte("\r\n\r\n\x00\r\nQUIT\n")
)

var errNoProxyHeader = errors.New("no PROXY header came first; proxy_protocol is on, so only a proxy that sends one may connect")

// readProxyHeader reads a PROXY header of version 1 or 2 from r, and not one
// byte more. It returns the address of the client, or nil if the header does
// not say it: the proxy connects on its own behalf (LOCAL, UNKNOWN), or the
// client came to it by something else than TCP.
func readProxyHeader(r io.Reader) (*net.TCPAddr, error) {
	h := make([]byte, 0, proxyV1Longest+1)
	for len(h) < proxyShortest {
		n, err := r.Read(h[len(h):proxyShortest])
		h = h[:len(h)+n]
		if !beginsLike(h, proxyV1) && !beginsLike(h, proxyV2) {
			return nil, errNoProxyHeader // at once: a client may wait for our answer now
		}
		if err != nil && len(h) < proxyShortest {
			return nil, cutShort(err)
		}
	}
	var err error
	if h[0] == proxyV2[0] {
		h, err = readProxyV2(r, h)
	} else {
		h, err = readProxyV1(r, h)
	}
	if err != nil {
		return nil, err
	}
	return parseProxyHeader(h)
}

// beginsLike tells whether h and signature are the same as far as both go.
func beginsLike(h, signature []byte) bool {
	n := min(len(h), len(signature))
	return bytes.Equal(h[:n], signature[:n])
}

// readProxyV1 reads on to the end of the line, byte by byte: it may be
// anywhere, and what comes after it is the client's.
func readProxyV1(r io.Reader, h []byte) ([]byte, error) {
	if i := bytes.IndexByte(h, '\n'); i >= 0 && i < len(h)-1 {
		return nil, errors.New("the PROXY header is cut short by a line feed")
	}
	for h[len(h)-1] != '\n' {
		if len(h) == proxyV1Longest {
			return nil, fmt.Errorf("the line of the PROXY header does not end within %d bytes", proxyV1Longest)
		}
		h = h[:len(h)+1]
		if _, err := io.ReadFull(r, h[len(h)-1:]); err != nil {
			return nil, cutShort(err)
		}
	}
	return h, nil
}

// readProxyV2 reads on to the end that the header itself tells.
func readProxyV2(r io.Reader, h []byte) ([]byte, error) {
	have := len(h)
	h = h[:proxyV2Fixed]
	if _, err := io.ReadFull(r, h[have:]); err != nil {
		return nil, cutShort(err)
	}
	after := int(binary.BigEndian.Uint16(h[14:]))
	if after > proxyV2MaxAfter {
		return nil, fmt.Errorf("the PROXY header says that it has %d bytes more; at most %d are taken", after, proxyV2MaxAfter)
	}
	h = append(make([]byte, 0, proxyV2Fixed+after), h...)[:proxyV2Fixed+after]
	if _, err := io.ReadFull(r, h[proxyV2Fixed:]); err != nil {
		return nil, cutShort(err)
	}
	return h, nil
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the connection ended before its PROXY header did: %w", io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("reading the PROXY header: %w", err)
}

// parseProxyHeader returns the client's address in a whole header.
func parseProxyHeader(h []byte) (*net.TCPAddr, error) {
	if h[0] == proxyV2[0] && h[12] == byte(proxyproto.PROXY) && h[13] == byte(proxyproto.UNSPEC) {
		return nil, nil // section 2.2 leaves it to us; go-proxyproto would refuse it
	}
	header, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(h), len(h)))
	if err != nil {
		return nil, fmt.Errorf("the PROXY header cannot be read: %w", err)
	}
	if header.Command.IsLocal() || header.TransportProtocol.IsUnspec() {
		return nil, nil
	}
	if header.TransportProtocol.IsDatagram() {
		return nil, errors.New("the PROXY header is about datagrams, and this is a connection")
	}
	if _, err := header.TLVs(); err != nil {
		return nil, fmt.Errorf("the PROXY header cannot be read: %w", err)
	}
	from, _ := header.SourceAddr.(*net.TCPAddr) // nil for a Unix socket
	return from, nil
}
