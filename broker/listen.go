package broker

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"gateway/broker/packet"
)

// listener is one open door.
type listener struct {
	cfg   Listener
	terms *terms
	ln    net.Listener
	http  *http.Server // protocol ws
	wg    sync.WaitGroup
}

func listen(b *Broker, cfg Listener) (*listener, error) {
	ln, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, explainListen(cfg.Address, err)
	}
	l := &listener{cfg: cfg, ln: ln, terms: b.terms(cfg)}
	if cfg.Protocol == "ws" {
		l.http = l.webSocketServer(b)
	}
	return l, nil
}

// explainListen says what to do about the two common failures.
func explainListen(address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("cannot listen on %s: another program has this port already; is another MQTT broker running? (sudo ss -ltnp shows which)", address)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("cannot listen on %s: ports below 1024 need more rights; choose another port", address)
	}
	return fmt.Errorf("cannot listen on %s: %w", address, err)
}

func (l *listener) addr() net.Addr { return l.ln.Addr() }

// serve accepts connections until close is called, and returns when all of
// them have ended.
func (l *listener) serve(b *Broker) (err error) {
	if l.http != nil {
		err = l.http.Serve(l.ln)
	} else {
		err = l.serveTCP(b)
	}
	l.wg.Wait()
	if err != nil && isClosed(err) {
		return nil
	}
	return err
}

func (l *listener) close() {
	if l.http != nil {
		l.http.Close()
	}
	l.ln.Close()
}

func (l *listener) serveTCP(b *Broker) error {
	for {
		nc, err := l.ln.Accept()
		if err != nil {
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() && !errors.Is(err, net.ErrClosed) {
				// Out of file descriptors, say: some will come back.
				b.log.Warn("cannot accept a connection", "address", l.addr().String(), "error", err)
				time.Sleep(50 * time.Millisecond)
				continue
			}
			return err
		}
		l.wg.Add(1)
		b.serve(nc, l.terms, l.wg.Done)
	}
}

// disconnectAll ends every connection, and closes those that do not end
// within a second or two.
func (b *Broker) disconnectAll() {
	b.connsMu.Lock()
	b.closing = true
	all := make([]*conn, 0, len(b.conns))
	for c := range b.conns {
		all = append(all, c)
	}
	b.connsMu.Unlock()
	for _, c := range all {
		c.disconnect(packet.ServerShuttingDown)
	}
}
