package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"gateway/broker"
	"gateway/broker/packet"
	"gateway/cmd/gateway/internal/history"
	"gateway/sensors"
	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// publisher carries what sensors read into the topic tree. It is the only
// place where readings become messages.
type publisher struct {
	b       *broker.Broker
	log     *slog.Logger
	refused *refusals
}

func newPublisher(b *broker.Broker, log *slog.Logger) publisher {
	return publisher{b, log, new(refusals)}
}

// report publishes one reading, retained until it is no longer current.
func (p publisher) report(r sensors.Report) {
	var b [256]byte // more than most have, so that the payload is made in one piece
	payload, err := r.Reading.AppendPayload(b[:0])
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
		Payload: bytes.Clone(payload),
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
			Origin:  history.Repeats,
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

// detail publishes what is behind the state of a sensor.
func (p publisher) detail(path reading.Path, d reading.Detail) {
	p.publish(&broker.Message{
		Topic:   path.DetailTopic(),
		Payload: d.Payload(),
		QoS:     1,
		Retain:  true,
	})
}

// meta publishes what a sensor is.
func (p publisher) meta(path reading.Path, m reading.Meta) {
	payload, err := m.Payload()
	if err != nil { // a driver's table with bounds that are none
		p.log.Error("not published", "error", err)
		return
	}
	p.publish(&broker.Message{Topic: path.MetaTopic(), Payload: payload, QoS: 1, Retain: true})
}

func (p publisher) publish(m *broker.Message) {
	p.refused.note(p.log, p.b.Publish(m))
}

// feed carries messages of the topic tree to a sensor that is one of them.
type feed struct{ sub *broker.Subscription }

// subscribe begins a feed. Messages that the gateway's own sensors publish are
// among them if the filter says so.
func subscribe(b *broker.Broker) func(filter string) (bus.Feed, error) {
	return func(filter string) (bus.Feed, error) {
		sub, err := b.Subscribe(broker.SubscribeOptions{}, filter)
		if err != nil {
			return nil, err
		}
		return feed{sub}, nil
	}
}

func (f feed) Next(ctx context.Context) (bus.FeedMessage, error) {
	d, err := f.sub.Next(ctx)
	if err != nil {
		return bus.FeedMessage{}, err
	}
	return bus.FeedMessage{Topic: d.Topic, Payload: d.Payload, Time: time.Now(), Retained: d.Replay}, nil
}

func (f feed) Close() { f.sub.Close() }

// settings carries what is published on site/room/sensor/set/<name> to the
// sensors. The answer, "ok" or what is wrong, goes to the response topic of the
// request if it has one.
type settings struct {
	b       *broker.Broker
	sensors []*sensors.Sensors
	log     *slog.Logger
}

// setTimeout is how long a sensor may take until it is idle.
const setTimeout = time.Minute

// Run carries settings until ctx ends.
func (s settings) Run(ctx context.Context) error {
	sub, err := s.b.Subscribe(broker.SubscribeOptions{}, "+/+/+/set/+")
	if err != nil {
		return err
	}
	defer sub.Close()
	for {
		d, err := sub.Next(ctx)
		if err != nil {
			return nil // ctx has ended
		}
		if d.Replay {
			continue // a command of another time
		}
		err = s.set(ctx, d.Message)
		var unknown *sensors.UnknownSensorError
		switch {
		case errors.As(err, &unknown):
			s.log.Debug("nothing set", "topic", d.Topic, "error", err)
			continue // perhaps another device's
		case err != nil:
			s.log.Warn("nothing set", "topic", d.Topic, "error", err)
		}
		s.answer(d.Message, err)
	}
}

func (s settings) set(ctx context.Context, m *broker.Message) error {
	sensor, name, _ := strings.Cut(m.Topic, "/set/")
	path, err := reading.ParsePath(sensor)
	if err != nil {
		return err
	}
	value, err := strconv.ParseFloat(string(bytes.TrimSpace(m.Payload)), 64)
	if err != nil && name == sensors.SetRead {
		value, err = 0, nil
	}
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return fmt.Errorf("set %s of %s: %.40q is not a number", name, path, m.Payload)
	}
	ctx, cancel := context.WithTimeout(ctx, setTimeout)
	defer cancel()
	for _, all := range s.sensors {
		err = all.Set(ctx, path, name, value)
		var unknown *sensors.UnknownSensorError
		if !errors.As(err, &unknown) {
			return err
		}
	}
	return err
}

// answer tells who asked, in the manner of MQTT 5, section 4.10.
func (s settings) answer(m *broker.Message, err error) {
	if m.Properties == nil || !m.Properties.ResponseTopic.OK {
		return
	}
	text := "ok"
	if err != nil {
		text = err.Error()
	}
	reply := &broker.Message{Topic: m.Properties.ResponseTopic.V, Payload: []byte(text), QoS: m.QoS}
	if data := m.Properties.CorrelationData; data != nil {
		reply.Properties = &packet.Properties{CorrelationData: data}
	}
	if err := s.b.Publish(reply); err != nil {
		s.log.Warn("no answer given", "topic", reply.Topic, "error", err)
	}
}

// corrected returns the payload to forward for a message: a reading of before
// the clock was set has its true time, once that is known.
func corrected(all []*sensors.Sensors) func(*broker.Message) []byte {
	return func(m *broker.Message) []byte {
		if !bytes.Contains(m.Payload, []byte(`"unsynced"`)) {
			return m.Payload
		}
		path, err := reading.ParsePath(m.Topic)
		if err != nil {
			return m.Payload
		}
		r, err := reading.ParsePayload(path, m.Payload)
		if err != nil {
			return m.Payload
		}
		for _, s := range all {
			if r, ok := s.Correct(r); ok {
				if b, err := r.AppendPayload(nil); err == nil {
					return b
				}
			}
		}
		return m.Payload
	}
}
