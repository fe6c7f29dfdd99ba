package broker

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"gateway/broker/packet"
)

// What a client can do to the memory of the broker, and to others, within the
// bounds that the configuration sets.

// TestPropertiesCount fills what may be retained and what may wait with
// messages that are nearly all properties.
func TestPropertiesCount(t *testing.T) {
	const limit = 1 << 20
	inBubble(t, Config{MaxRetainedBytes: limit, MaxQueuedBytes: limit}, func(t *testing.T, b *testBroker) {
		away := b.connect(packet.V5, "away", expires(1000))
		away.subscribe("t/#", 1)
		away.leave()
		c := b.connect(packet.V5, "c")
		long := packet.UserProperty{Name: "a", Value: strings.Repeat("x", 60_000)}
		short := make([]packet.UserProperty, 10_000)
		for i := range 50 {
			for _, user := range [][]packet.UserProperty{{long}, short} {
				c.publish(fmt.Sprint("t/", i), "x", 1, retained, func(p *packet.Publish) { p.Properties = &packet.Properties{User: user} })
			}
		}
		synctest.Wait()
		st := b.Stats()
		if st.RetainedBytes > limit || st.Retained > 10 || st.DroppedRetained == 0 {
			t.Errorf("%d messages of %d bytes are retained, %d dropped", st.Retained, st.RetainedBytes, st.DroppedRetained)
		}
		if st.QueuedBytes > limit || st.Queued > 10 || st.DroppedFull == 0 {
			t.Errorf("%d messages of %d bytes wait, %d dropped", st.Queued, st.QueuedBytes, st.DroppedFull)
		}
	})
}

// TestReplayAgain subscribes again and again and reads nothing of what is
// retained. What waits then stays within bounds.
func TestReplayAgain(t *testing.T) {
	cfg := Config{MaxRetained: 100, MaxQueuedMessages: 10}
	inBubble(t, cfg, func(t *testing.T, b *testBroker) {
		for i := range cfg.MaxRetained {
			if err := b.Publish(&Message{Topic: fmt.Sprint("t/", i), Payload: make([]byte, 4096), Retain: true}); err != nil {
				t.Fatal(err)
			}
		}
		c := b.dialDeaf(packet.V5)
		c.send(&packet.Connect{Version: packet.V5, ClientID: "deaf", CleanStart: true})
		for range 100 {
			c.send(&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: "t/#", QoS: 0}}})
		}
		synctest.Wait()
		if st := b.Stats(); st.Queued > 110 || st.DroppedFull < 9000 {
			t.Errorf("%d messages wait, %d were dropped", st.Queued, st.DroppedFull)
		}
	})
}
