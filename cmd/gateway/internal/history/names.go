package history

import (
	"strings"

	"gateway/broker/topic"
	"gateway/sensors/reading"
)

// nameOf returns the name of the series of a key in the payloads of a topic.
func nameOf(topic, key string) string {
	if key == "" {
		return topic
	}
	return topic + "#" + key
}

// split is the reverse of nameOf.
func split(series string) (topic, key string) {
	topic, key, _ = strings.Cut(series, "#")
	return topic, key
}

// Meta is what a series is.
type Meta struct {
	Series    string `json:"series"`
	Topic     string `json:"topic"`
	Key       string `json:"key"`      // "" of a topic whose payload is a number
	Path      string `json:"path"`     // site/room/sensor, "" if the topic is none
	Quantity  string `json:"quantity"` // "temperature"; as the payload calls it if we do not know it
	Title     string `json:"title"`
	Unit      string `json:"unit"`     // "" if there is none, or nobody knows
	Decimals  int    `json:"decimals"` // worth showing; -1 if nobody knows
	Binary    bool   `json:"binary"`
	Counter   bool   `json:"counter"`
	Simulated bool   `json:"simulated,omitempty"`
}

// describe returns what a series is: by the meta topic of its sensor, which
// metaOf finds, and by its name.
func describe(series string, metaOf func(reading.Path) (reading.Meta, bool)) Meta {
	t, key := split(series)
	m := Meta{Series: series, Topic: t, Key: key}
	q, known := quantityOf(key)
	if key == "" {
		q, known = quantityOf(lastWord(t))
	}
	if path, err := reading.ParsePath(t); err == nil {
		m.Path = path.String()
		own := reading.Quantity(key)
		if key == "" {
			own = reading.Quantity(path.Sensor())
		}
		if _, ours := own.Info(); ours {
			q, known = own, true // in a payload of our form words mean what they mean here
		}
		if meta, ok := metaOf(path); ok {
			m.Simulated = meta.Simulated
			if axis, ok := meta.Values[own]; ok {
				m.Quantity, m.Title, m.Unit, m.Decimals = string(own), axis.Title, axis.Unit, axis.Decimals
				m.Binary, m.Counter = axis.Binary, axis.Counter
				return m
			}
		}
	}
	info := reading.Info{Title: string(q), Decimals: -1}
	if known {
		info, _ = q.Info()
	}
	m.Quantity, m.Title, m.Unit, m.Decimals = string(q), info.Title, info.Unit, info.Decimals
	m.Binary, m.Counter = info.Binary, info.Counter
	return m
}

// empties are levels that say nothing of what is measured there: ESPHome has the
// name before them.
var empties = map[string]bool{"state": true, "value": true, "get": true}

// lastWord is the level of a topic that says what its number is.
func lastWord(topic string) string {
	levels := strings.Split(topic, "/")
	for len(levels) > 1 && empties[levels[len(levels)-1]] {
		levels = levels[:len(levels)-1]
	}
	return levels[len(levels)-1]
}

// lastKey is the last word that leads to a number, as it is written.
func lastKey(topic, key string) string {
	if key == "" {
		return lastWord(topic)
	}
	return key[strings.LastIndexByte(key, '.')+1:]
}

// about tells whether a topic is about a sensor rather than one of its values:
// what it is and how it is, why there is an alert, and Homie's attributes, such as
// $name.
func about(topic string) bool {
	if strings.Contains(topic, "/$") {
		return true
	}
	if _, rest, _ := strings.Cut(topic, "/"); strings.HasPrefix(rest, "alerts/") && strings.HasSuffix(rest, "/detail") {
		return true
	}
	levels := 0
	for i := range len(topic) {
		if topic[i] != '/' {
			continue
		}
		if levels++; levels == 3 {
			switch rest := topic[i+1:]; rest {
			case "status", "status/detail", "meta":
				return true
			}
			return false
		}
	}
	return false
}

// expressly tells whether a filter names a folder of topics, demo say, rather
// than matching it by a wildcard.
func expressly(filter, folder string) bool {
	return filter == folder || strings.HasPrefix(filter, folder+"/")
}

// Chosen tells whether a series belongs to what a filter of topics chooses. The
// simulated house is chosen by its name only, never by a wildcard.
func chosen(series, filter string) bool {
	t, _ := split(series)
	if expressly(t, Simulated) && !expressly(filter, Simulated) {
		return false
	}
	return topic.Match(filter, t)
}

// Simulated is the first level of the topics of the simulated house.
const Simulated = "demo"
