package discovery

import (
	"fmt"
	"hash/fnv"
	"strings"

	"gateway/sensors/reading"
)

// own is what identifiers of ours begin with, and the name of our origin.
const own = "gateway"

// between separates the levels of a path in an identifier; word leaves none in a
// level.
const between = "-"

// hubNode identifies the gateway of a site.
func hubNode(site string) string { return own + "_" + word(site) }

// sensorNode identifies a sensor.
func sensorNode(p reading.Path) string {
	return strings.Join([]string{hubNode(p.Site()), word(p.Room()), word(p.Sensor())}, between)
}

// isOf tells whether a node is of that site.
func isOf(node, site string) bool {
	return node == hubNode(site) || strings.HasPrefix(node, hubNode(site)+between)
}

// word writes s with the characters that Home Assistant allows in a discovery topic,
// but for the one between words. What is not the same as s says so by a sum, so that
// two of them never become one.
func word(s string) string {
	plain := strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, s)
	if plain == s {
		return s
	}
	h := fnv.New32a()
	h.Write([]byte(s))
	return fmt.Sprintf("%s_%08x", plain, h.Sum32())
}
