package main

import (
	"context"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"gateway/broker"
	"gateway/sensors"
	"gateway/sensors/reading"
)

func TestPublisher(t *testing.T) {
	b := broker.New(broker.Default(), slog.New(slog.DiscardHandler))
	sub, err := b.Subscribe(broker.SubscribeOptions{}, "#")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	path, err := reading.NewPath("home", "kitchen", "climate")
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	p := newPublisher(b, slog.New(slog.NewTextHandler(&log, nil)))
	now := time.Now()
	r := reading.Reading{Path: path, Time: now, Values: []reading.Value{{Quantity: "temperature", Number: 21.53}, {Quantity: "humidity", Number: 43.7}}}
	p.report(sensors.Report{Reading: r, StaleAfter: time.Minute})
	p.status(path, reading.Online)
	p.report(sensors.Report{Reading: r, Values: true})

	at := now.UTC().Format("2006-01-02T15:04:05.000Z")
	object := `{"time":"` + at + `","temperature":21.53,"humidity":43.7}`
	for _, want := range []struct {
		topic, payload string
		expires        time.Time
	}{
		{"home/kitchen/climate", object, now.Add(time.Minute)},
		{"home/kitchen/climate/status", "online", time.Time{}},
		{"home/kitchen/climate", object, time.Time{}},
		{"home/kitchen/climate/temperature", "21.53", time.Time{}},
		{"home/kitchen/climate/humidity", "43.7", time.Time{}},
	} {
		d, err := sub.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d.Topic != want.topic || string(d.Payload) != want.payload || !d.Expires.Equal(want.expires) || !d.Retain || d.QoS != 1 {
			t.Errorf("got %+v, want %+v, retained at QoS 1", d.Message, want)
		}
	}

	r.Values[0].Number = math.NaN()
	p.report(sensors.Report{Reading: r})
	if !strings.Contains(log.String(), "temperature is NaN") {
		t.Errorf("log %q does not tell of a reading that was not published", log.String())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if d, err := sub.Next(ctx); err == nil {
		t.Errorf("%s was published with NaN in it", d.Topic)
	}
}
