package door_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"

	"gateway/broker/door"
)

// A proxy on the same machine says who the client is.
func ExampleOpen() {
	d, err := door.Open(door.Options{
		Network:                  "tcp",
		Address:                  "127.0.0.1:0",
		ProxyProtocol:            true,
		MaxConnectionsPerAddress: 100,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()

	proxy, err := net.Dial("tcp", d.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer proxy.Close()
	fmt.Fprint(proxy, "PROXY TCP4 192.0.2.7 198.51.100.1 54321 1883\r\nhello")

	c, err := d.AcceptConn()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	if err := c.Handshake(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	hello := make([]byte, 5)
	_, err = io.ReadFull(c.Raw(), hello)
	fmt.Println(c.Peer().Remote, string(hello), err, d.Stats().Open)
	// Output: 192.0.2.7:54321 hello <nil> 1
}
