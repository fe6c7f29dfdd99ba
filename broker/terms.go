package broker

import (
	"fmt"
	"strings"
	"time"

	"gateway/broker/auth"
)

// terms are what holds for the clients of one listener: the broker's
// configuration with what the listener has of its own.
type terms struct {
	listener   Listener
	guard      *auth.Guard
	anonymous  bool // who gives no name is let in
	maxPacket  int
	maxQoS     QoS
	maxAlias   uint16
	keepAlive  time.Duration // the longest, 0 is any
	mountPoint string
	where      string // it listens, once it does: "tls 0.0.0.0:8883"
	flow       *doorFlow
}

// terms returns the terms of a listener under a configuration.
func (b *Broker) terms(cfg *conf, l Listener, guard *auth.Guard) *terms {
	rules := cfg.Auth
	if l.Auth != nil {
		rules = *l.Auth
	}
	if !l.asks(cfg.Auth) && !rules.Empty() && l.Protocol != "" {
		b.log.Warn("there are rules for users, and nobody checks who is one: without passwords anybody may claim any name", "listener", l.Address)
	}
	if l.MountPoint != "" && !strings.HasSuffix(l.MountPoint, "/") {
		b.log.Warn("the mount point runs into the first level of every topic: t is "+l.MountPoint+"t; end it with a slash to have a level of its own", "listener", l.Address)
	}
	t := &terms{
		listener:   l,
		guard:      guard,
		anonymous:  l.AllowAnonymous || l.local() && !l.asks(cfg.Auth),
		maxPacket:  cfg.MaxPacketSize,
		maxQoS:     QoS(cfg.MaxQoS),
		maxAlias:   uint16(cfg.MaxTopicAlias),
		keepAlive:  cfg.MaxKeepAlive,
		mountPoint: l.MountPoint,
		flow:       new(doorFlow),
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

// openGuard makes a guard of what stands under key. Broker.changing is held.
func (b *Broker) openGuard(cfg auth.Config, key string) (*auth.Guard, error) {
	g, err := auth.Open(cfg)
	if err != nil {
		return nil, fmt.Errorf("%s.%w", key, err)
	}
	b.guards = append(b.guards, g)
	b.warn(g)
	return g, nil
}

// warn logs what is unwise in the users and rules of a guard.
func (b *Broker) warn(g *auth.Guard) {
	for _, w := range g.Warnings() {
		b.log.Warn("users and rules", "warning", w)
	}
}

// name returns what the listener is called.
func (t *terms) name() string {
	if t.where == "" {
		return t.listener.Protocol
	}
	return t.where
}

// mount returns the name in the tree of what a client calls name.
func (t *terms) mount(name string) string { return t.mountPoint + name }

// unmount returns what a client calls a name in the tree.
func (t *terms) unmount(name string) string { return strings.TrimPrefix(name, t.mountPoint) }
