package discovery

import (
	"encoding/json"
	"strings"

	"gateway/broker"
)

// place is where a message of discovery stands: prefix/platform/node/key/config, or
// prefix/device/node/config.
type place struct{ prefix, platform, node, key string }

func (p place) topic() string {
	if p.platform == wholeDevice {
		return p.prefix + "/" + wholeDevice + "/" + p.node + "/config"
	}
	return p.prefix + "/" + p.platform + "/" + p.node + "/" + p.key + "/config"
}

// wholeDevice is what stands in place of a platform.
const wholeDevice = "device"

// placeOf reads a topic, and takes the device by what the message says.
func placeOf(m *broker.Message) (p place, ok bool) {
	const maxPayload = 1 << 20
	rest, ok := strings.CutSuffix(m.Topic, "/config")
	if !ok || len(m.Payload) == 0 || len(m.Payload) > maxPayload {
		return p, false
	}
	var said struct {
		Device struct{ Identifiers []string }
		Origin struct{ Name string }
	}
	if json.Unmarshal(m.Payload, &said) != nil || said.Origin.Name != own || len(said.Device.Identifiers) != 1 {
		return p, false
	}
	p.node = said.Device.Identifiers[0]
	if before, ok := strings.CutSuffix(rest, "/"+wholeDevice+"/"+p.node); ok {
		p.prefix, p.platform = before, wholeDevice
		return p, p.topic() == m.Topic
	}
	before, key, ok := strings.Cut(rest, "/"+p.node+"/")
	i := strings.LastIndexByte(before, '/')
	if !ok || i < 0 {
		return p, false
	}
	p.prefix, p.platform, p.key = before[:i], before[i+1:], key
	return p, p.topic() == m.Topic
}

// published finds what is retained of ours, whatever the prefix.
func published(tree Tree, ours func(node string) bool) map[place]string {
	all := make(map[place]string)
	for _, m := range tree.RetainedMatching("#") {
		if p, ok := placeOf(m); ok && strings.HasPrefix(p.node, own+"_") && ours(p.node) {
			all[p] = string(m.Payload)
		}
	}
	return all
}

// foreign tells whether somebody else's message stands in a place by now.
func foreign(tree Tree, p place) bool {
	for _, m := range tree.RetainedMatching(p.topic()) {
		if now, ok := placeOf(m); !ok || now != p {
			return true
		}
	}
	return false
}
