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
	"gateway/bridge/statefile"
)

// memory is what a bridge has learnt of its upstream, over restarts if it has a
// file. Losing it begins the session upstream anew, without what it has for us.
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
	// Address is that of the last session.
	Address string `json:"address,omitempty"`
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

// change writes what f changes. An empty file after a power cut would begin the
// session upstream anew, without what it has for us.
func (m *memory) change(f func(*remembered)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.is)
	if m.file == "" {
		return
	}
	b, err := json.Marshal(m.is)
	if err == nil {
		err = statefile.Replace(m.file, b)
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

func (m *memory) refusesBridgeBit(address string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.is.NoBridgeBit, address)
}

func (m *memory) setRefusesBridgeBit(address string) {
	m.change(func(r *remembered) { r.NoBridgeBit = append(r.NoBridgeBit, address) })
}

// elsewhere tells whether the last session was at another address. It may be
// another one there: what is known of the last one is then not true of it.
func (m *memory) elsewhere(address string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.is.Address != "" && m.is.Address != address
}

func (m *memory) setAddress(address string) {
	m.mu.Lock()
	same := m.is.Address == address
	m.mu.Unlock()
	if !same {
		m.change(func(r *remembered) { r.Address = address })
	}
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
