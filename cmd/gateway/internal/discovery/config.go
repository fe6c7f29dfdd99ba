package discovery

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The forms that devices are announced in.
const (
	ByDevice    = "device"    // a message for a device, Home Assistant 2024.12 and newer
	ByComponent = "component" // a message for a value; also openHAB, Domoticz, older ones
	Off         = "off"
)

// Config is the section home_assistant of the configuration.
type Config struct {
	Discovery  string `yaml:"discovery"`   // device, component or off
	Prefix     string `yaml:"prefix"`      // what the topics begin with
	BirthTopic string `yaml:"birth_topic"` // where Home Assistant says that it has started
}

// Default is what Home Assistant expects that nobody has configured.
func Default() Config {
	return Config{Discovery: ByDevice, Prefix: "homeassistant", BirthTopic: "homeassistant/status"}
}

// Validate names every key that is wrong.
func (c Config) Validate() error {
	var all []error
	switch c.Discovery {
	case ByDevice, ByComponent, Off:
	default:
		all = append(all, fmt.Errorf("discovery: %q is unknown; there are device, component and off", c.Discovery))
	}
	for _, t := range []struct{ key, topic string }{{"prefix", c.Prefix}, {"birth_topic", c.BirthTopic}} {
		if err := checkTopic(t.topic); err != nil {
			all = append(all, fmt.Errorf("%s: %q %w", t.key, t.topic, err))
		}
	}
	return errors.Join(all...)
}

// Filters are those of the topics of descriptions, whoever publishes them, by
// https://www.home-assistant.io/integrations/mqtt/#discovery-topic.
func (c Config) Filters() []string {
	return []string{c.Prefix + "/+/+/config", c.Prefix + "/+/+/+/config"}
}

// maxTopic keeps the topics, which are longer than the prefix, far below what MQTT
// allows.
const maxTopic = 200

func checkTopic(s string) error {
	switch {
	case s == "" || strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") || strings.Contains(s, "//"):
		return errors.New("has an empty level; write it as homeassistant or a/b")
	case len(s) > maxTopic:
		return fmt.Errorf("has %d bytes; at most %d are allowed", len(s), maxTopic)
	case strings.HasPrefix(s, "$"):
		return errors.New("begins with $, which MQTT keeps for the broker")
	case !utf8.ValidString(s) || strings.ContainsAny(s, "+#") || strings.ContainsFunc(s, unicode.IsControl):
		return errors.New("has a character that no topic can have: +, # or a control character")
	}
	return nil
}
