package discovery

import (
	"encoding/json"
	"maps"
	"slices"
)

// wanted is what is to be published, and of which devices.
func (s *session) wanted() (all map[place]string, nodes map[string]bool) {
	all, nodes = make(map[place]string), make(map[string]bool)
	if s.cfg.Discovery == Off {
		return all, nodes
	}
	from := maker{Name: own, Software: s.d.deps.Version}
	for _, t := range s.things() {
		nodes[t.node] = true
		if s.cfg.Discovery == ByDevice {
			p := place{prefix: s.cfg.Prefix, platform: wholeDevice, node: t.node}
			all[p] = text(whole{Device: t.device, Origin: from, Components: withRemovals(t.components, s.known[p])})
			continue
		}
		for key, c := range t.components {
			p := place{s.cfg.Prefix, c.Platform, t.node, key}
			c.Platform, c.Device, c.Origin = "", &t.device, &from
			all[p] = text(c)
		}
	}
	return all, nodes
}

// withRemovals are the components with what the device had before and has no more:
// Home Assistant removes one of which there is nothing but the platform, and keeps
// one that is just not mentioned.
func withRemovals(now map[string]component, before string) map[string]component {
	var had whole
	if json.Unmarshal([]byte(before), &had) != nil {
		return now
	}
	all := maps.Clone(now)
	n := 0
	for _, key := range slices.Sorted(maps.Keys(had.Components)) {
		if _, ok := now[key]; !ok && n < maxRemovals {
			all[key] = component{Platform: had.Components[key].Platform}
			n++
		}
	}
	return all
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // text and finite numbers: they were read from JSON
	}
	return string(b)
}
