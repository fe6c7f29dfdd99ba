package door

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// v2 makes a PROXY header of version 2.
func v2(command, family byte, after ...byte) string {
	return string(proxyV2) + string([]byte{command, family, byte(len(after) >> 8), byte(len(after))}) + string(after)
}

var (
	ipv4  = []byte{192, 0, 2, 7, 198, 51, 100, 1, 0xd4, 0x31, 0x07, 0x5b}
	ipv6  = append(append([]byte{0x20, 0x01, 0x0d, 0xb8, 15: 7}, make([]byte, 16)...), 0xd4, 0x31, 0x07, 0x5b)
	mixed = append(append([]byte{10: 0xff, 11: 0xff, 12: 192, 13: 0, 14: 2, 15: 7}, make([]byte, 16)...), 0xd4, 0x31, 0x07, 0x5b)
	uds   = make([]byte, 216)
)

func bytesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

var proxyHeaders = []struct {
	name, header string
	want         string // address; "" for none
	err          string
}{
	{"v1", "PROXY TCP4 192.0.2.7 198.51.100.1 54321 1883\r\n", "192.0.2.7:54321", ""},
	{"v1 IPv6", "PROXY TCP6 2001:db8::7 2001:db8::1 54321 1883\r\n", "[2001:db8::7]:54321", ""},
	{"v1 unknown", "PROXY UNKNOWN\r\n", "", ""},
	{"v1 unknown, longest", "PROXY UNKNOWN " + strings.Repeat("ffff:", 7) + "ffff " + strings.Repeat("ffff:", 7) + "ffff 65535 65535\r\n", "", ""},
	{"v2", v2(0x21, 0x11, ipv4...), "192.0.2.7:54321", ""},
	{"v2 IPv6", v2(0x21, 0x21, ipv6...), "[2001:db8::7]:54321", ""},
	{"v2 IPv4 in IPv6", v2(0x21, 0x21, mixed...), "192.0.2.7:54321", ""},
	{"v2 with TLVs", v2(0x21, 0x11, bytesOf(ipv4, []byte{0x02, 0, 3, 'a', '.', 'b', 0x04, 0, 0})...), "192.0.2.7:54321", ""},
	{"v2 Unix socket", v2(0x21, 0x31, uds...), "", ""},
	{"v2 LOCAL", v2(0x20, 0x00), "", ""},
	{"v2 LOCAL with bytes to skip", v2(0x20, 0x00, 1, 2, 3), "", ""},
	{"v2 LOCAL with an address", v2(0x20, 0x11, ipv4...), "", ""},
	{"v2 UNSPEC", v2(0x21, 0x00), "", ""},
	{"v2 UNSPEC with bytes to skip", v2(0x21, 0x00, 1, 2, 3), "", ""},
	{"v2 largest", v2(0x21, 0x11, bytesOf(ipv4, []byte{0x04, 0x0f, 0xf1}, make([]byte, 4096-15))...), "192.0.2.7:54321", ""},

	{"CONNECT", "\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test", "", "no PROXY header came first"},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and more", "", "no PROXY header came first"},
	{"GET", "GET / HTTP/1.1\r\n\r\n", "", "no PROXY header came first"},
	{"almost v1", "PROXX TCP4 192.0.2.7", "", "no PROXY header came first"},
	{"almost v2", "\r\n\r\n\x00\r\nQUIT\r     ", "", "no PROXY header came first"},
	{"nothing", "", "", "ended before its PROXY header did"},
	{"v1 cut", "PROXY TCP4 192.0.2.7 198", "", "ended before its PROXY header did"},
	{"v1 cut early", "PROX", "", "ended before its PROXY header did"},
	{"v1 line feed early", "PROXY TCP4\n    ", "", "cut short by a line feed"},
	{"v1 no CR", "PROXY TCP4 192.0.2.7 198.51.100.1 54321 1883\n", "", "must end with"},
	{"v1 over-long", "PROXY TCP4 192.0.2.7 198.51.100.1 54321 " + strings.Repeat("1", 100) + "\r\n", "", "does not end within 107 bytes"},
	{"v1 port", "PROXY TCP4 192.0.2.7 198.51.100.1 65536 1883\r\n", "", "cannot be read"},
	{"v1 address", "PROXY TCP4 192.0.2.777 198.51.100.1 1 1883\r\n", "", "cannot be read"},
	{"v1 family", "PROXY UDP4 192.0.2.7 198.51.100.1 1 1883\r\n", "", "cannot be read"},
	{"v2 cut in the fixed part", v2(0x21, 0x11)[:15], "", "ended before its PROXY header did"},
	{"v2 cut in the address", v2(0x21, 0x11, ipv4...)[:20], "", "ended before its PROXY header did"},
	{"v2 too short for the address", v2(0x21, 0x11, ipv4[:11]...), "", "cannot be read"},
	{"v2 command", v2(0x22, 0x11, ipv4...), "", "cannot be read"},
	{"v2 version 1", v2(0x11, 0x11, ipv4...), "", "cannot be read"},
	{"v2 family", v2(0x21, 0x41, ipv4...), "", "cannot be read"},
	{"v2 datagrams", v2(0x21, 0x12, ipv4...), "", "about datagrams"},
	{"v2 over-long", v2(0x21, 0x11, make([]byte, 4097)...), "", "4097 bytes more; at most 4096 are taken"},
	{"v2 TLV without length", v2(0x21, 0x11, bytesOf(ipv4, []byte{0x02})...), "", "cannot be read"},
	{"v2 TLV cut", v2(0x21, 0x11, bytesOf(ipv4, []byte{0x02, 0, 3, 'a'})...), "", "cannot be read"},
}

func TestProxyHeader(t *testing.T) {
	for _, tt := range proxyHeaders {
		t.Run(tt.name, func(t *testing.T) {
			for _, pace := range []struct {
				name string
				wrap func(io.Reader) io.Reader
			}{{"at once", func(r io.Reader) io.Reader { return r }}, {"byte by byte", iotest.OneByteReader}} {
				rest := "what the client sends"
				if strings.Contains(tt.err, "ended") {
					rest = ""
				}
				r := pace.wrap(strings.NewReader(tt.header + rest))
				addr, err := readProxyHeader(r)
				if tt.err != "" {
					wants(t, err, tt.err)
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", pace.name, err)
				}
				got := ""
				if addr != nil {
					got = addrPort(addr).String()
				}
				if got != tt.want {
					t.Errorf("%s: address %q, want %q", pace.name, got, tt.want)
				}
				if left, _ := io.ReadAll(r); string(left) != rest {
					t.Errorf("%s: left for the client is %q", pace.name, left)
				}
			}
		})
	}
}

// A header that fails in the middle says what the socket said.
func TestProxyHeaderReadError(t *testing.T) {
	_, err := readProxyHeader(iotest.ErrReader(errors.New("reset")))
	wants(t, err, "reading the PROXY header: reset")
}

func FuzzProxyHeader(f *testing.F) {
	for _, h := range proxyHeaders {
		f.Add([]byte(h.header))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := bytes.NewReader(b)
		addr, err := readProxyHeader(whole)
		single := bytes.NewReader(b)
		addr1, err1 := readProxyHeader(iotest.OneByteReader(single))
		if (err == nil) != (err1 == nil) || addr.String() != addr1.String() {
			t.Fatalf("at once %v, %v; byte by byte %v, %v", addr, err, addr1, err1)
		}
		if err != nil {
			return
		}
		if whole.Len() != single.Len() {
			t.Fatalf("%d bytes left at once, %d byte by byte", whole.Len(), single.Len())
		}
		// Exactly the header was read: cut anywhere it is none, and it means the
		// same with nothing behind it.
		n := len(b) - whole.Len()
		again, err := readProxyHeader(bytes.NewReader(b[:n]))
		if err != nil || again.String() != addr.String() {
			t.Fatalf("alone it is %v, %v", again, err)
		}
		if _, err := readProxyHeader(bytes.NewReader(b[:n-1])); err == nil {
			t.Fatal("it is a header without its last byte, too")
		}
	})
}
