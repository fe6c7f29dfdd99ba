package bridge

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"gateway/bridge/link"
)

// memory is what a bridge has learnt of its upstream, over restarts if it has a
// file. Losing it costs some attempts, and no message.
type memory struct {
	file string // "": it is kept in memory only
	log  *slog.Logger

	mu sync.Mutex
	is remembered
}

// remembered is memory as it is written, JSON.
type remembered struct {
	// Begun is that a session was begun upstream by this queue, or none is left of
	// another one: their packet identifiers would be taken for each other's.
	Begun bool `json:"begun,omitempty"`
	// NoBridgeBit are addresses that refuse Mosquitto's bridge bit.
	NoBridgeBit []string `json:"no_bridge_bit,omitempty"`
	// NoQoS2 is that the upstream does not complete QoS 2.
	NoQoS2 bool `json:"no_qos_2,omitempty"`
	// Subscriptions are what the session upstream has.
	Subscriptions []link.Subscription `json:"subscriptions,omitempty"`
}

// openMemory reads what there is in a folder; "" for none.
func openMemory(folder, name string, log *slog.Logger) *memory {
	m := &memory{log: log}
	if folder == "" {
		return m
	}
	m.file = filepath.Join(folder, name+".json")
	b, err := os.ReadFile(m.file)
	if err == nil {
		err = json.Unmarshal(b, &m.is)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("what was learnt of the upstream is forgotten", "error", err)
		m.is = remembered{}
	}
	return m
}

// change writes what f changes, by a new file in place of the old one.
func (m *memory) change(f func(*remembered)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.is)
	if m.file == "" {
		return
	}
	b, err := json.Marshal(m.is)
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(m.file), 0o700), os.WriteFile(m.file+".new", b, 0o600))
	}
	if err == nil {
		err = os.Rename(m.file+".new", m.file)
	}
	if err != nil {
		m.log.Warn("what was learnt of the upstream is lost at the next start", "error", err)
	}
}

func (m *memory) begun() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.is.Begun
}

func (m *memory) setBegun() {
	if !m.begun() {
		m.change(func(r *remembered) { r.Begun = true })
	}
}

func (m *memory) noQoS2() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.is.NoQoS2
}

func (m *memory) setNoQoS2() { m.change(func(r *remembered) { r.NoQoS2 = true }) }

func (m *memory) refusesBridgeBit(address string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.is.NoBridgeBit, address)
}

func (m *memory) setRefusesBridgeBit(address string) {
	m.change(func(r *remembered) { r.NoBridgeBit = append(r.NoBridgeBit, address) })
}

func (m *memory) subscriptions() []link.Subscription {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.is.Subscriptions)
}

func (m *memory) setSubscriptions(subs []link.Subscription) {
	if slices.Equal(m.subscriptions(), subs) {
		return
	}
	m.change(func(r *remembered) { r.Subscriptions = subs })
}
