package reading

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLevel is the longest level of a Path in bytes. Three of them and a
// quantity stay far below the 65,535 bytes of an MQTT topic, and below the
// 128 or 256 that some clouds allow.
const maxLevel = 64

// Path says where a sensor is: site, room and sensor, the three levels of its
// topic. It is validated when it is made; the zero Path is not valid and
// stands for "no path". Paths are comparable and can be map keys.
type Path struct {
	topic      string // "site/room/sensor"
	site, room uint8  // where those end in it
}

// NewPath makes a Path of its three levels. A level is 1 to 64 bytes of valid
// UTF-8 without '/', '+', '#' or control characters, and the site does not
// begin with '$', which MQTT keeps for the broker.
func NewPath(site, room, sensor string) (Path, error) {
	return newPath(site+"/"+room+"/"+sensor, site, room, sensor)
}

// newPath makes a Path of a topic and its levels.
func newPath(topic, site, room, sensor string) (Path, error) {
	for _, l := range [...]struct{ name, value string }{{"site", site}, {"room", room}, {"sensor", sensor}} {
		if err := CheckLevel(l.value); err != nil {
			return Path{}, fmt.Errorf("%s %q: %w", l.name, l.value, err)
		}
	}
	if site[0] == '$' {
		return Path{}, fmt.Errorf("site %q: begins with '$', which MQTT keeps for the broker", site)
	}
	return Path{topic, uint8(len(site)), uint8(len(site) + 1 + len(room))}, nil
}

// CheckLevel tells whether s can be one level of a Path.
func CheckLevel(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("is empty")
	case len(s) > maxLevel:
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(s), maxLevel)
	case !utf8.ValidString(s):
		return fmt.Errorf("is not valid UTF-8")
	}
	for _, r := range s {
		if strings.ContainsRune("/+#", r) {
			return fmt.Errorf("contains %q, which separates or matches topic levels", r)
		}
		if unicode.IsControl(r) {
			return fmt.Errorf("contains the control character %U", r)
		}
	}
	return nil
}

// ParsePath reads the topic of a sensor, "site/room/sensor".
func ParsePath(topic string) (Path, error) {
	site, rest, ok := strings.Cut(topic, "/")
	room, sensor, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 || strings.Contains(sensor, "/") {
		return Path{}, fmt.Errorf("topic %q: want site/room/sensor", topic)
	}
	return newPath(topic, site, room, sensor)
}

// Site returns the first level, where the gateway is.
func (p Path) Site() string { return p.topic[:p.site] }

// Room returns the second level.
func (p Path) Room() string {
	if p.IsZero() {
		return ""
	}
	return p.topic[p.site+1 : p.room]
}

// Sensor returns the third level, the name of the device.
func (p Path) Sensor() string {
	if p.IsZero() {
		return ""
	}
	return p.topic[p.room+1:]
}

// IsZero reports whether p is the zero Path.
func (p Path) IsZero() bool { return p == Path{} }

// String returns the topic of the sensor's readings, "site/room/sensor"; "" of
// the zero Path.
func (p Path) String() string { return p.topic }

// StatusTopic returns the topic of the sensor's [Status],
// "site/room/sensor/status".
func (p Path) StatusTopic() string { return p.String() + "/status" }

// ValueTopic returns the topic of one plain number,
// "site/room/sensor/<quantity>".
func (p Path) ValueTopic(q Quantity) string { return p.String() + "/" + string(q) }
