package alerts

import (
	"encoding/json"
	"strings"
	"time"

	"gateway/broker"
)

const (
	// level is the second level of what is published; no room is called so.
	level = "alerts"
	// origin says of messages that they are ours.
	origin = "alerts"

	stateSuffix  = "/state"
	detailSuffix = "/detail"
	ackSuffix    = "/ack"
)

// detail is what is published of an alert.
type detail struct {
	State        Phase    `json:"state"` // ok or firing
	Since        string   `json:"since"`
	Reason       Reason   `json:"reason,omitempty"`
	Value        *float64 `json:"value,omitempty"` // when it began to fire for its reason
	Unit         string   `json:"unit,omitempty"`
	Limit        *float64 `json:"limit,omitempty"`
	Severity     string   `json:"severity"`
	Message      string   `json:"message"`
	Acknowledged bool     `json:"acknowledged"`
	Topic        string   `json:"topic"`
	Key          string   `json:"key,omitempty"`
	Simulated    bool     `json:"simulated,omitempty"`
}

// timeForm is RFC 3339 in UTC with milliseconds.
const timeForm = "2006-01-02T15:04:05.000Z07:00"

// base is what the topics of an alert begin with.
func (a *Alerts) base(r *rule, name string) string {
	site := a.deps.Site
	if r.source == FromDemo {
		site = demoSite
	}
	b := site + "/" + level + "/" + r.Name
	if r.value.Many() {
		b += "/" + name
	}
	return b
}

// publish publishes an alert if that is not what was published, in an earlier
// run perhaps.
func (a *Alerts) publish(al *alert) {
	a.lookUp(al)
	base := a.base(al.rule, al.topic)
	state := "off"
	d := detail{
		State: OK, Since: al.since.UTC().Format(timeForm), Unit: al.unit, Severity: al.rule.Severity, Message: al.says().text(),
		Topic: al.topic, Key: al.rule.value.Key, Simulated: al.simulated,
	}
	if al.phase.fires() {
		state = "on"
		d.State, d.Reason, d.Value, d.Limit, d.Acknowledged = Firing, al.reason, al.at, al.limit, !al.acked.IsZero()
	}
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // finite numbers and text
	}
	for i, m := range []struct{ topic, payload string }{{base + detailSuffix, string(text)}, {base + stateSuffix, state}} {
		if al.published[i] == "" {
			if r := a.deps.Tree.Retained(m.topic); r != nil {
				al.published[i] = string(r.Payload)
			}
		}
		if al.published[i] != m.payload {
			al.published[i] = m.payload
			a.send(m.topic, m.payload)
		}
	}
}

// unpublish takes an alert out of the tree.
func (a *Alerts) unpublish(base string) {
	for _, suffix := range []string{stateSuffix, detailSuffix} {
		if a.deps.Tree.Retained(base+suffix) != nil {
			a.send(base+suffix, "")
		}
	}
}

func (a *Alerts) send(name, payload string) {
	err := a.deps.Tree.Publish(&broker.Message{Topic: name, Payload: []byte(payload), QoS: 1, Retain: true, Origin: origin})
	if err != nil {
		a.deps.Log.Error("alert not published", "topic", name, "error", err)
	}
}

// says is what an alert tells of itself.
func (al *alert) says() says {
	return says{rule: al.rule.Rule, topic: al.topic, title: al.title, unit: al.unit, reason: al.reason, value: al.at, limit: al.limit, status: al.said}
}

// takeAck takes an acknowledgement by MQTT: on or off, on a topic that ends
// with /ack.
func (a *Alerts) takeAck(d broker.Delivery, now moment) {
	base, is := strings.CutSuffix(d.Topic, ackSuffix)
	if !is || d.Replay {
		return // of our own, or a command of another time
	}
	on, ok := plainNumber(strings.TrimSpace(string(d.Payload[:min(len(d.Payload), 10)])))
	if !ok {
		a.deps.Log.Debug("neither on nor off", "topic", d.Topic)
		return
	}
	for _, al := range a.alerts {
		if a.base(al.rule, al.topic) == base {
			a.acknowledge(al, on != 0, now)
		}
	}
}

// acknowledge notes that a person knows of an alert, or does not after all. It
// reports false if there is nothing to know.
func (a *Alerts) acknowledge(al *alert, on bool, now moment) bool {
	if !al.phase.fires() {
		return false
	}
	if on == !al.acked.IsZero() {
		return true
	}
	what := Unacknowledged
	al.acked = time.Time{}
	if on {
		what, al.acked = Acknowledged, now.wall
	}
	a.tell(al, what, now)
	return true
}
