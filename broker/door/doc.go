// Package door is how connections come in, below MQTT: it opens a TCP port or
// a Unix socket, and hands out connections whose PROXY header and TLS are
// dealt with.
//
//	d, err := door.Open(door.Options{Network: "tcp", Address: ":8883", TLS: &files}, log)
//	for {
//		c, err := d.AcceptConn()
//		go func() {
//			defer c.Close()
//			if err := c.Handshake(ctx); err != nil { … }
//			peer := c.Peer()
//			…
//		}()
//	}
//
// # Who waits for whom
//
// Accept waits for the next connection and for nothing that its peer has to
// do. What the peer has to do first, a PROXY header, a TLS handshake, is done
// by [Conn.Handshake] in the goroutine of the connection, within
// Options.HandshakeTimeout; without a call of it, by the first Read or Write.
// So a [Door] can stand below an http.Server as well, whose failed handshakes
// are logged at Debug. A peer that stays
// silent costs its own goroutine until that time is over.
//
// The package starts no goroutine of its own and keeps none.
//
// # Speed
//
// Without TLS nothing stands between the broker and the socket: [Conn.Raw] is
// the *net.TCPConn or *net.UnixConn. That holds behind a PROXY header too,
// because of it exactly its own bytes are read.
//
// # Files that change
//
// Certificate, key, authorities and revocation list are read again by
// [Door.Reload], and by the next handshake that finds them changed. Files
// that cannot be used leave the ones before in force, so a certificate and a
// key may be replaced one after the other. Connections stay as they are.
//
// # What it may not know
//
// MQTT, WebSocket, the configuration file. It imports the standard library
// and github.com/pires/go-proxyproto, whose parser of the PROXY header has
// seen more proxies than one of ours would.
package door
