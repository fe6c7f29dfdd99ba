package alerts

import (
	"strconv"
	"strings"

	"gateway/broker/topic"
	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/sensors/reading"
)

// maxValueText is the longest text of a Value, bytes.
const maxValueText = 500

// Value names the numbers that a rule looks at.
type Value struct {
	Filter string // the topics
	Key    string // the path of a number in the JSON there; "" for a plain number
}

// ParseValue reads "topic" or "topic#key.path", as series are called. The topic
// may have the wildcards of MQTT: home/+/freezer#temperature is that of every
// room, home/##temperature every temperature below home.
func ParseValue(s string) (Value, error) {
	if len(s) > maxValueText {
		return Value{}, answer.Say("value.long", "has {n} bytes, at most {most} are allowed", len(s), maxValueText)
	}
	v := split(s)
	if v.Filter == "" {
		return Value{}, answer.Say("value.empty", "is empty; write a topic and, of JSON, the key: home/kitchen/climate#temperature")
	}
	if err := topic.CheckFilter(v.Filter); err != nil {
		return Value{}, answer.Say("value.wrong", "{value}: {why}", strconv.Quote(s), err)
	}
	if group, _ := topic.SplitShare(v.Filter); group != "" || strings.HasPrefix(v.Filter, topic.SharePrefix) {
		return Value{}, answer.Say("value.shared", "{value}: a shared subscription is not possible here", strconv.Quote(s))
	}
	if strings.HasSuffix(s, "#") && v.Key == "" && !strings.HasSuffix(v.Filter, "#") {
		return Value{}, answer.Say("value.nokey", "{value}: there is no key behind the #", strconv.Quote(s))
	}
	return v, nil
}

// split divides at the '#' that begins the key: the first that is not a
// wildcard, which stands alone in its level.
func split(s string) Value {
	i := strings.IndexByte(s, '#')
	if i < 0 {
		return Value{Filter: s}
	}
	alone := i == 0 || s[i-1] == '/'
	if rest := s[i+1:]; alone && (rest == "" || rest[0] == '#') {
		return Value{Filter: s[:i+1], Key: strings.TrimPrefix(rest, "#")}
	}
	return Value{Filter: s[:i], Key: s[i+1:]}
}

// Many tells whether there may be several topics.
func (v Value) Many() bool { return strings.ContainsAny(v.Filter, "+#") }

// series returns the name of the series that v means at a topic.
func (v Value) series(topic string) string {
	if v.Key == "" {
		return topic
	}
	return topic + "#" + v.Key
}

// quantity returns what v is called after: the end of its key, or the last
// level of its topic.
func (v Value) quantity(topic string) reading.Quantity {
	name := v.Key
	if name == "" {
		name = topic[strings.LastIndexByte(topic, '/')+1:]
	}
	return reading.Quantity(name[strings.LastIndexByte(name, '.')+1:])
}

// besides tells whether a topic is not a reading but about one: its status,
// what it is, what is to be set.
func besides(name string) bool {
	levels := strings.SplitN(name, "/", 5)
	if len(levels) < 4 {
		return false
	}
	switch levels[3] {
	case "status", "meta", "set":
		return true
	}
	return false
}
