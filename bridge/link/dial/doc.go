// Package dial makes the net.Conn to an upstream that package link speaks MQTT
// on: TCP, TLS and WebSocket, directly or through a proxy. It knows no MQTT
// beyond the first byte of an answer, and [Explain] says in words what a refusal
// means and what to do about it.
//
//	d := dial.New(cfg, log)
//	conn, err := d.Dial(ctx, "mqtts://broker.example.org")
//	if err != nil { log.Error(…, "error", err, "explanation", dial.Explain(err)) }
//	…
//	in, out := d.Wire()
//
// # Addresses
//
//	mqtt://host  tcp://host              TCP         port 1883
//	mqtts://host ssl://host tls://host   TLS         port 8883
//	ws://host/path                       WebSocket   port 80
//	wss://host/path                      WebSocket   port 443, over TLS
//
// A WebSocket address without a path has /mqtt, as most brokers do; RabbitMQ has
// /ws. IPv6 addresses stand in brackets: mqtt://[2001:db8::1]:1883. A host with
// several addresses is tried at all of them, both families at once (RFC 8305).
//
// # Files that change
//
// Certificates, keys, authorities and the proxy's password are read at each
// dial, so a certificate that was renewed is used by the next connection.
//
// # Proxies
//
// The proxy resolves the name of the upstream, not this machine (what curl calls
// socks5h). What the proxy itself is called is resolved here.
//
// # A line that is half open
//
// The system probes a line on which nothing has come for two minutes, and gives
// up one on which what was sent is not acknowledged for 90 seconds (Linux). MQTT's
// own keep-alive is usually sooner; this is for long ones.
//
// # What is counted
//
// [Dialer.Wire] counts what goes through the sockets: TLS, WebSocket and proxies
// included, and dials that failed, but not the headers of TCP and IP (40 to 60
// bytes a packet) and what is resent.
//
// # Dependencies
//
// github.com/coder/websocket, which the broker has too, does the WebSocket.
// golang.org/x/net does SOCKS5 and the meaning of HTTPS_PROXY and NO_PROXY: both
// have more corners than they look. CONNECT is ours; x/net has none.
package dial
