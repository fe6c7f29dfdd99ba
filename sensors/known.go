package sensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gateway/sensors/reading"
)

// knownFile lists the sensors that there were, in the folder of their states.
const knownFile = "sensors.json"

// Removed returns the sensors that there were when [Sensors.Remember] was called
// last, in another life perhaps, and that are not configured any more. Without a
// StateFolder, or if its list is damaged, there are none.
func (s *Sensors) Removed() ([]reading.Path, error) {
	before, err := s.remembered()
	if err != nil {
		return nil, err
	}
	var removed []reading.Path
	for _, topic := range before {
		if path, err := reading.ParsePath(topic); err == nil && !slices.Contains(s.topics(), topic) {
			removed = append(removed, path)
		}
	}
	return removed, nil
}

// Remember notes which sensors there are.
func (s *Sensors) Remember() error {
	before, err := s.remembered()
	if err != nil || s.deps.StateFolder == "" || slices.Equal(before, s.topics()) {
		return err
	}
	text, err := json.Marshal(s.topics())
	if err == nil {
		err = replaceFile(filepath.Join(s.deps.StateFolder, knownFile), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("note which sensors there are: %w", err)
	}
	return nil
}

func (s *Sensors) remembered() (topics []string, err error) {
	if s.deps.StateFolder == "" {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(s.deps.StateFolder, knownFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("which sensors there were: %w", err)
	case json.Unmarshal(text, &topics) != nil:
		return nil, nil
	}
	return topics, nil
}

// topics are those of the sensors, ordered.
func (s *Sensors) topics() []string {
	var all []string
	for _, d := range s.all() {
		all = append(all, d.path.String())
	}
	slices.Sort(all)
	return all
}
