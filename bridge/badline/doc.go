// Package badline is a line that goes bad: a TCP proxy on loopback between a
// bridge and its upstream, whose faults a test switches while it runs. It knows
// bytes and connections only, and it is for tests and benchmarks; the gateway
// does not import it.
//
//	bridge ── Up ──▶ [ Line ] ── Up ──▶ upstream
//	       ◀─ Down ─          ◀─ Down ─
//
// # Use
//
//	line, err := badline.Listen(upstream.Addr())
//	defer line.Close()
//	… the bridge connects to line.Addr() …
//	line.Latency(badline.Both, 50*time.Millisecond)
//	line.HalfOpen()
//	line.Cut(badline.Reset)
//
// # What is like a real line, and what is not
//
// A latency is a delay line: bytes enter, are under way for that long, and leave
// in order; reading goes on meanwhile, so that a sender sees a longer way and
// not a narrower one. What is under way is bounded, see [Line.Latency]; then the
// sender feels back-pressure as from a full window.
//
// Connecting takes no latency: the handshake is with the Line itself, which then
// dials its target. If that fails the client is reset. The peers' own TCP
// keep-alive is answered by the kernel also on a half-open connection; only what
// an application asks for (PINGREQ) finds out. A sender can always put some
// 100 KiB or more into socket buffers.
//
// A reset of one side reaches the other after all that was sent before it, with
// the latency of its direction.
//
// # Concurrency
//
// All methods may be called at any time from any goroutine. Faults of the way
// (Latency, Slow, Stall, Lossy) are kept per direction, apply to open and to new
// connections, and are lifted by their zero value or all at once by
// [Line.Restore].
//
// Linux only: the port is held by a socket that is bound and does not listen.
package badline
