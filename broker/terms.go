package broker

import (
	"strings"
	"time"
)

// terms are what holds for the clients of one listener: the broker's
// configuration with what the listener has of its own.
type terms struct {
	listener   Listener
	maxPacket  int
	maxQoS     QoS
	maxAlias   uint16
	keepAlive  time.Duration // the longest, 0 is any
	mountPoint string

	conns int // open now; Broker.connsMu guards it
}

// terms returns the terms of a listener.
func (b *Broker) terms(l Listener) *terms {
	t := &terms{
		listener:   l,
		maxPacket:  b.cfg.MaxPacketSize,
		maxQoS:     QoS(b.cfg.MaxQoS),
		maxAlias:   uint16(b.cfg.MaxTopicAlias),
		keepAlive:  b.cfg.MaxKeepAlive,
		mountPoint: l.MountPoint,
	}
	if l.MaxPacketSize > 0 {
		t.maxPacket = l.MaxPacketSize
	}
	if l.MaxQoS != nil {
		t.maxQoS = QoS(*l.MaxQoS)
	}
	if l.MaxTopicAlias != nil {
		t.maxAlias = uint16(*l.MaxTopicAlias)
	}
	if l.MaxKeepAlive > 0 {
		t.keepAlive = l.MaxKeepAlive
	}
	return t
}

// mount returns the name in the tree of what a client calls name.
func (t *terms) mount(name string) string { return t.mountPoint + name }

// unmount returns what a client calls a name in the tree.
func (t *terms) unmount(name string) string { return strings.TrimPrefix(name, t.mountPoint) }
