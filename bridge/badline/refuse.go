package badline

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Refusal is how a Line receives clients.
type Refusal int

// The refusals. A Line begins with Nobody.
const (
	Nobody Refusal = iota // refuse nobody
	Closed                // nothing listens: connection refused
	Hangup                // accept, and close at once
	Silent                // accept, and never say or read anything; Cut or Close ends these
)

// Refuse sets how new connections are received; open ones go on. When it
// returns with Closed the listener is gone, and clients it had not yet
// accepted are reset. Any other value gets the same port again.
func (l *Line) Refuse(how Refusal) error {
	l.gate.Lock()
	defer l.gate.Unlock()
	l.mu.Lock()
	closed := l.closed
	l.refusal = how
	l.mu.Unlock()
	switch {
	case closed:
		return fmt.Errorf("line at %s: %w", l.port.addr, net.ErrClosed)
	case how == Closed:
		l.shut()
		return nil
	case l.ln != nil:
		return nil
	}
	ln, err := net.Listen("tcp", l.port.addr)
	if err != nil {
		return fmt.Errorf("open the line at %s: %w", l.port.addr, err)
	}
	l.ln, l.served = ln, make(chan struct{})
	go serve(l, ln, l.served)
	return nil
}

// shut closes the listener, if any, and waits for its loop. The caller holds
// gate.
func (l *Line) shut() {
	if l.ln == nil {
		return
	}
	l.ln.Close()
	<-l.served
	l.ln = nil
}

// serve accepts until ln is closed.
func serve(l *Line, ln net.Listener, done chan<- struct{}) {
	defer close(done)
	for {
		c, err := ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // no file descriptors left, say; it passes
			time.Sleep(10 * time.Millisecond)
		case !l.admit(c.(*net.TCPConn)):
			c.Close()
		}
	}
}
