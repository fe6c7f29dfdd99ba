package bridge

import "context"

// upstream is the far broker.
type upstream interface {
	// connect makes a connection and returns when the upstream has accepted it.
	connect(ctx context.Context) (link, error)
}

// link is one connection to an upstream.
type link interface {
	// publish sends a message. Its receipt is settled when the upstream has
	// acknowledged the message, or with an error when it never will.
	publish(topic string, qos byte, retain bool, payload []byte) receipt
	// lost is closed when the connection is gone; cause then says why.
	lost() <-chan struct{}
	cause() error
	// close ends the connection.
	close()
}

// receipt is the fate of a message that was sent.
type receipt interface {
	Done() <-chan struct{}
	Error() error // after Done
}
