package main

import (
	"log/slog"
	"time"

	"gateway/broker"
	"gateway/sensors"
	"gateway/sensors/reading"
)

// publisher carries what sensors read into the topic tree. It is the only
// place where readings become messages.
type publisher struct {
	b   *broker.Broker
	log *slog.Logger
}

// report publishes one reading, retained until it is no longer current.
func (p publisher) report(r sensors.Report) {
	payload, err := r.Reading.AppendPayload(nil)
	if err != nil { // the pipeline lets no such value through
		p.log.Error("reading not published", "error", err)
		return
	}
	var expires time.Time
	if r.StaleAfter > 0 {
		expires = r.Reading.Time.Add(r.StaleAfter)
	}
	p.publish(&broker.Message{
		Topic:   r.Reading.Path.String(),
		Payload: payload,
		QoS:     1,
		Retain:  true,
		Expires: expires,
	})
	if !r.Values {
		return
	}
	for _, v := range r.Reading.Values {
		p.publish(&broker.Message{
			Topic:   r.Reading.Path.ValueTopic(v.Quantity),
			Payload: reading.AppendNumber(nil, v.Number),
			QoS:     1,
			Retain:  true,
			Expires: expires,
		})
	}
}

// status publishes the state of a sensor.
func (p publisher) status(path reading.Path, s reading.Status) {
	p.publish(&broker.Message{
		Topic:   path.StatusTopic(),
		Payload: []byte(s),
		QoS:     1,
		Retain:  true,
	})
}

func (p publisher) publish(m *broker.Message) {
	if err := p.b.Publish(m); err != nil {
		p.log.Error("not published", "error", err)
	}
}
