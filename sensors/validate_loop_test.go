package sensors

import (
	"fmt"
	"strings"
	"testing"
)

// Sensors that take in what the others publish, by their topic filters.
func TestValidateLoops(t *testing.T) {
	for _, test := range []struct {
		name    string
		site    string
		filters string // of sensors s0, s1, …
		wrong   string // which of them are said to be, and with whom
	}{
		{"devices", "home", "zigbee2mqtt/a zigbee2mqtt/b rtl_433/+/events", ""},
		{"itself", "home", "home/r/s0 dev/b", ""},
		{"one way", "home", "dev/a home/r/s0 home/r/+", ""},
		{"each other", "home", "home/r/s1 home/r/s0", "0-1"},
		{"values", "home", "home/r/s1/temperature home/r/s0/#", "0-1"},
		{"too deep", "home", "home/r/s1/a/b home/r/s0", ""},
		{"too high", "home", "home/r home/+", ""},
		{"everything", "home", "# #", "0-1"},
		{"everything, of a site not known yet", "", "+/r/# #", "0-1"},
		{"another site, perhaps", "", "home/r/s1 home/r/s0", ""},
		{"in a ring", "home", "home/r/s2 home/r/s0 home/r/s1", "0-1 0-2 1-2"},
		{"beside a ring", "home", "home/r/s1 home/r/s0 home/r/s0", "0-1"},
	} {
		c := Config{Site: test.site}
		for i, filter := range strings.Fields(test.filters) {
			c.Sensors = append(c.Sensors, SensorConfig{
				Driver: "mqtt", Room: "r", Name: fmt.Sprintf("s%d", i),
				Options: map[string]string{"topic": filter, "values": "temperature"},
			})
		}
		var wrong []string
		if err := c.Validate(); err != nil {
			for line := range strings.Lines(err.Error()) {
				var i, j int
				before, after, _ := strings.Cut(line, "takes in what sensors[")
				if _, err := fmt.Sscanf(before, "sensors[%d].options.topic:", &i); err != nil {
					t.Errorf("%s: %s", test.name, line)
				}
				if _, err := fmt.Sscanf(after, "%d]", &j); err != nil {
					t.Errorf("%s: %s", test.name, line)
				}
				wrong = append(wrong, fmt.Sprintf("%d-%d", i, j))
			}
		}
		if got := strings.Join(wrong, " "); got != test.wrong {
			t.Errorf("%s: %q, want %q", test.name, got, test.wrong)
		}
	}
}
