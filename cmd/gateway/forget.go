package main

import (
	"fmt"

	"gateway/broker"
	"gateway/sensors"
	"gateway/sensors/reading"
)

// forgetRemoved takes what is retained of sensors out of the tree that this
// gateway had and has no more: renamed or removed in the configuration, they
// would be offline for ever. Topics of anybody else are not touched.
func forgetRemoved(b *broker.Broker, s *sensors.Sensors) error {
	removed, err := s.Removed()
	if err != nil {
		return err
	}
	for _, path := range removed {
		if err := forget(b, path); err != nil {
			return err
		}
	}
	return s.Remember()
}

// forget clears the topics of a sensor.
func forget(b *broker.Broker, path reading.Path) error {
	topics := []string{path.String(), path.StatusTopic(), path.DetailTopic(), path.MetaTopic()}
	if m := b.Retained(path.MetaTopic()); m != nil {
		meta, _ := reading.ParseMeta(m.Payload) // if it is none, there are no plain numbers either
		for q := range meta.Values {
			topics = append(topics, path.ValueTopic(q))
		}
	}
	for _, topic := range topics {
		if b.Retained(topic) == nil {
			continue
		}
		if err := b.Publish(&broker.Message{Topic: topic, Retain: true, QoS: 1}); err != nil {
			return fmt.Errorf("clear %s: %w", topic, err)
		}
	}
	return nil
}
