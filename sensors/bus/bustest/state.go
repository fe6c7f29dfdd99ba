package bustest

import (
	"encoding/json"
	"fmt"

	"gateway/sensors/bus"
)

// State is a [bus.State] in memory. The zero value has nothing saved.
type State struct {
	Saved string // JSON, "" for nothing
	Saves int    // how often something was
}

var _ bus.State = (*State)(nil)

// Load implements [bus.State].
func (s *State) Load(v any) (bool, error) {
	if s.Saved == "" {
		return false, nil
	}
	if err := json.Unmarshal([]byte(s.Saved), v); err != nil {
		return false, fmt.Errorf("fake state: %w", err)
	}
	return true, nil
}

// Save implements [bus.State].
func (s *State) Save(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("fake state: %w", err)
	}
	s.Saved = string(b)
	s.Saves++
	return nil
}
