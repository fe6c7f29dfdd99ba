package discovery

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"gateway/sensors/reading"
)

const (
	// maxComponents bounds a device: a meter of three phases has forty values.
	maxComponents = 100
	// maxText bounds what is shown of a title, bytes.
	maxText = 200
)

// thing is a device with all that is known of it.
type thing struct {
	node       string
	device     device
	components map[string]component
}

// sensor describes a sensor by its meta.
func sensor(p reading.Path, m reading.Meta) thing {
	node := sensorNode(p)
	t := thing{node: node, components: make(map[string]component), device: device{
		Identifiers: []string{node}, Name: p.Room() + " " + p.Sensor(), Model: cut(m.Title), Area: p.Room(), Via: hubNode(p.Site()),
	}}
	for _, q := range slices.Sorted(maps.Keys(m.Values)) {
		if len(t.components) == maxComponents {
			break
		}
		t.components[word(string(q))] = value(p, m, q)
	}
	t.components["status"] = component{
		Platform: "sensor", Name: "Status", Class: "enum", Category: "diagnostic", StateTopic: p.StatusTopic(), Attributes: p.DetailTopic(), QoS: 1,
		Options: []string{string(reading.Online), string(reading.Stale), string(reading.Fault), string(reading.Offline)},
	}
	t.components["read"] = component{
		Platform: "button", Name: "Read now", Category: "diagnostic", CommandTopic: p.String() + "/set/read", Press: "1", Enabled: new(bool), QoS: 1,
	}
	for _, name := range slices.Sorted(maps.Keys(m.Settings)) {
		if len(t.components) == 2*maxComponents {
			break
		}
		t.components["set_"+word(name)] = setting(p, name, m.Settings[name])
	}
	t.identify()
	return t
}

// identify gives every component its unique id.
func (t thing) identify() {
	for key, c := range t.components {
		c.UniqueID = t.node + between + key
		t.components[key] = c
	}
}

// value describes one value of a sensor.
func value(p reading.Path, m reading.Meta, q reading.Quantity) component {
	a := m.Values[q]
	c := component{
		Platform: "sensor", Name: cut(a.Title), StateTopic: p.String(), Template: template(string(q)), QoS: 1,
		Availability: p.StatusTopic(), AvailabilityTemplate: "{{ 'online' if value == 'online' else 'offline' }}",
	}
	if c.Name == "" {
		c.Name = string(q)
	}
	c.ExpireAfter = expireAfter(m)
	if m.Driver == "host" {
		c.Category = "diagnostic"
	}
	if a.Binary {
		c.Platform, c.On, c.Off = "binary_sensor", "1", "0"
		if slices.Contains(twoStates, a.Class) {
			c.Class = a.Class
		}
		return c
	}
	decimals := min(max(a.Decimals, 0), 6)
	c.Unit, c.Precision = a.Unit, &decimals
	c.Class = class(a.Class, a.Unit)
	c.StateClass = stateClass(c.Class, a.Unit, a.Counter)
	return c
}

// expireSlack is how much later than it is due a reading may come before its value
// expires in Home Assistant, s: a bridge connects anew, or Home Assistant is busy.
const expireSlack = 30

// expireAfter is how long after a message its values hold in Home Assistant if no
// other comes, s; 0 for ever. By then one reading at least is missing, and it is not
// just late: while the gateway is connected its status says sooner that there is none.
func expireAfter(m reading.Meta) int {
	if m.StaleAfter <= 0 {
		return 0
	}
	s := math.Ceil(max(m.Heartbeat, 0) + max(m.StaleAfter, 2*m.Interval) + expireSlack)
	if s > math.MaxInt32 {
		return 0
	}
	return int(s)
}

// template takes a value out of the payload. One that is not in it changes nothing.
func template(key string) string {
	member := "value_json." + key
	if key == "" || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || '0' <= key[0] && key[0] <= '9' {
		member = "value_json['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(key) + "']"
	}
	return "{{ " + member + " | default('') }}"
}

// setting describes what can be set: a button if there is only one value.
func setting(p reading.Path, name string, bounds [2]float64) component {
	c := component{
		Name: "Set " + name, Category: "config", CommandTopic: p.String() + "/set/" + name, QoS: 1,
		Availability: p.StatusTopic(), AvailabilityTemplate: "{{ 'online' if value == 'online' else 'offline' }}",
	}
	if name != "total" && name != "tare" {
		c.Enabled = new(bool) // it calibrates a chip, and there is no way back
	}
	if bounds[0] >= bounds[1] {
		c.Platform, c.Press = "button", strconv.FormatFloat(bounds[0], 'f', -1, 64)
		return c
	}
	c.Platform, c.Min, c.Max, c.Step, c.Mode = "number", &bounds[0], &bounds[1], 0.001, "box"
	return c
}

// hub describes the gateway itself: alerts by what follows site/alerts/ in their
// topics, and bridges by name.
func (d *Discovery) hub(site string, alerts, bridges []string) thing {
	node := hubNode(site)
	t := thing{node: node, components: make(map[string]component), device: device{
		Identifiers: []string{node}, Name: "Gateway " + site, Model: "IoT sensor gateway", Software: d.deps.Version,
	}}
	if d.deps.Page != nil {
		t.device.Page = d.deps.Page()
	}
	t.components["clients"] = component{
		Platform: "sensor", Name: "MQTT clients", Category: "diagnostic", StateTopic: "$SYS/broker/clients/connected", StateClass: "measurement",
	}
	for _, name := range bridges {
		t.components["bridge_"+word(name)] = component{
			Platform: "binary_sensor", Name: "Bridge " + cut(name), Class: "connectivity", Category: "diagnostic",
			StateTopic: "$SYS/broker/connection/" + name + "/state", On: "1", Off: "0",
		}
	}
	for _, name := range alerts {
		base := site + "/" + alertLevel + "/" + name
		t.components["alert_"+word(name)] = component{
			Platform: "binary_sensor", Name: "Alert " + cut(name), Class: "problem", QoS: 1,
			StateTopic: base + "/state", Attributes: base + "/detail", On: "on", Off: "off",
		}
	}
	t.identify()
	return t
}

// cut bounds a text that came from outside.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}
