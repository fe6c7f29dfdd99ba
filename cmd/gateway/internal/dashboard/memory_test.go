package dashboard

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// memoryListener makes connections inside this process, so that a server with
// its time limits runs in a bubble of synctest.
type memoryListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newMemoryListener() *memoryListener {
	return &memoryListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memoryListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

// dial connects and sends the beginning of a request, or all of it.
func (l *memoryListener) dial(t *testing.T, request string) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	l.conns <- localConn{server}
	if _, err := io.WriteString(client, request); err != nil {
		t.Fatal(err)
	}
	return client
}

// localConn is a connection of this machine.
type localConn struct{ net.Conn }

func (localConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50000} }

const askForStream = "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"

// runInMemory runs d on a listener in memory. stop ends it and returns how
// long that took.
func runInMemory(t *testing.T, d *Dashboard) (l *memoryListener, stop func() time.Duration) {
	t.Helper()
	l = newMemoryListener()
	d.ln = l
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()
	return l, func() time.Duration {
		began := time.Now()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		return time.Since(began)
	}
}

// answered reads the head of an answer.
func answered(t *testing.T, c net.Conn) *http.Response {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// readEvents sends the events of r until it ends.
func readEvents(r io.Reader, events chan<- event) {
	var e event
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "retry: "):
			e.retry = line[7:]
		case strings.HasPrefix(line, "event: "):
			e.name = line[7:]
		case strings.HasPrefix(line, "data: "):
			e.data = line[6:]
		case line == "":
			events <- e
			e = event{}
		}
	}
}
