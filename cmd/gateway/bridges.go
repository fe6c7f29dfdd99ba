package main

import (
	"fmt"
	"sync"

	"gateway/bridge"
	"gateway/broker"
)

// buildBridges makes the bridges and has them collect from now on.
func (g *gateway) buildBridges() error {
	for _, c := range g.cfg.Bridges {
		b := bridge.New(c, bridge.Deps{
			Broker: g.broker, Log: g.log.With("part", "bridge"),
			Upstream: bridge.Paho{}, Dial: bridge.Dial,
			StateFolder: g.stateFolder("bridge"), Aside: new(shelf),
		})
		if err := b.Collect(); err != nil {
			return err
		}
		g.bridges = append(g.bridges, b)
	}
	return nil
}

// shelf keeps what is set aside in memory.
type shelf struct {
	mu  sync.Mutex
	all []string
}

func (s *shelf) Put(m *broker.Message, remote, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, fmt.Sprintf("%s: %s", remote, reason))
	return nil
}

func (s *shelf) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}
