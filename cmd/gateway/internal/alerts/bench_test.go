package alerts

import (
	"fmt"
	"log/slog"
	"testing"

	"gateway/broker"
)

// BenchmarkTake tells what a message costs that ten rules are about.
func BenchmarkTake(b *testing.B) {
	var rules []Rule
	for i := range 10 {
		rules = append(rules, ruleOf(fmt.Sprint(i), "home/+/climate#temperature", above(30), hysteresis(1)))
	}
	quiet := slog.New(slog.DiscardHandler)
	a := New(Deps{Tree: broker.New(broker.Default(), quiet), Site: "home", Rules: rules, Log: quiet})
	var messages []broker.Delivery
	for i := range 20 {
		messages = append(messages, broker.Delivery{Message: &broker.Message{Topic: fmt.Sprintf("home/room%d/climate", i),
			Payload: fmt.Appendf(nil, `{"time":"2026-11-23T04:05:06.789Z","temperature":2%d.5,"humidity":43.7}`, i%10)}})
	}
	n := 0
	for b.Loop() {
		a.take(messages[n%len(messages)], a.now())
		n++
	}
}
