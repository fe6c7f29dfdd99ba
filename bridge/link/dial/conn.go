package dial

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is a connection to an upstream. It looks at the first byte that comes: where
// that is no answer to CONNECT, or the connection ends without one, Read says so
// with an error that [Explain] has words for.
//
// Over WebSocket a deadline that passes ends the connection, as the library has it.
type Conn struct {
	net.Conn // what MQTT is read from and written to
	raw      net.Conn
	closing  func() error
	tls      *tls.ConnectionState // nil without TLS
	asked    bool                 // the upstream wanted a certificate of ours and there is none
	answered atomic.Bool          // the first byte was fine
}

// TLS returns what was agreed; nil without TLS.
func (c *Conn) TLS() *tls.ConnectionState { return c.tls }

// LocalAddr and RemoteAddr are those of the socket; behind a proxy the latter is
// the proxy's.
func (c *Conn) LocalAddr() net.Addr { return c.raw.LocalAddr() }

// RemoteAddr is described at [Conn.LocalAddr].
func (c *Conn) RemoteAddr() net.Addr { return c.raw.RemoteAddr() }

// Read reads what the upstream says. One goroutine reads at a time.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if len(p) == 0 || c.answered.Load() {
		return n, err
	}
	switch {
	case n > 0 && isAnswer(p[0]):
		c.answered.Store(true)
		return n, err
	case n > 0:
		return 0, &notMQTTError{c.more(p[:n])}
	case isEnd(err) || isAlert(err):
		return 0, &noAnswerError{err, c.tls != nil, c.asked}
	}
	return 0, err
}

// Close ends the connection. It takes no longer than a moment, whatever the other
// end does.
func (c *Conn) Close() error { return c.closing() }

// closeGrace is how long a polite end may take.
const closeGrace = 500 * time.Millisecond

// closeSoon closes c, which is on raw and would wait for the other end to agree.
func closeSoon(raw net.Conn, c io.Closer) error {
	_ = raw.SetDeadline(time.Now().Add(closeGrace))
	err := c.Close()
	raw.Close()
	return err
}

// isAnswer tells whether a packet that begins with b can follow CONNECT: CONNACK,
// and in MQTT 5 AUTH and DISCONNECT.
func isAnswer(b byte) bool { return b == 0x20 || b == 0xf0 || b == 0xe0 }

// isEnd tells whether the other end has closed the connection.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// shown is how much of a wrong answer is looked at, bytes.
const shown = 64

// more returns the beginning of a wrong answer, which began with first.
func (c *Conn) more(first []byte) []byte {
	b := append(make([]byte, 0, shown), first[:min(len(first), shown)]...)
	_ = c.Conn.SetReadDeadline(time.Now().Add(closeGrace)) // nobody wants it any more
	for len(b) < shown {
		n, err := c.Conn.Read(b[len(b):shown])
		b = b[:len(b)+n]
		if err != nil {
			break
		}
	}
	return b
}

// notMQTTError is that something else than MQTT answers.
type notMQTTError struct{ first []byte }

func (e *notMQTTError) Error() string {
	return fmt.Sprintf("the answer is not MQTT, it begins with %q", e.first[:min(len(e.first), 16)])
}

// noAnswerError is that the connection was closed before anything came.
type noAnswerError struct {
	err        error
	tls, asked bool
}

func (e *noAnswerError) Error() string {
	return fmt.Sprintf("the upstream has closed the connection without an answer: %v", e.err)
}

func (e *noAnswerError) Unwrap() error { return e.err }
