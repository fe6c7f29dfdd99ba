package broker

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

// sys returns all figures below $SYS/broker that are there now.
func (b *testBroker) sys() map[string]string {
	b.t.Helper()
	synctest.Wait()
	figures := make(map[string]string)
	b.retainMu.Lock()
	defer b.retainMu.Unlock()
	b.retained.Match("$SYS/#", func(m *Message) {
		figures[strings.TrimPrefix(m.Topic, "$SYS/broker/")] = string(m.Payload)
	})
	return figures
}

func TestSys(t *testing.T) {
	inBubble(t, Config{SysInterval: 10 * time.Second}, func(t *testing.T, b *testBroker) {
		first := b.sys()
		// The names that Mosquitto 2.0 has.
		for _, name := range []string{
			"version", "uptime", "clients/total", "clients/connected", "clients/disconnected", "clients/active",
			"clients/inactive", "clients/expired", "clients/maximum", "messages/received", "messages/sent", "messages/stored",
			"store/messages/count", "store/messages/bytes", "retained messages/count", "subscriptions/count",
			"shared_subscriptions/count", "bytes/received", "bytes/sent", "publish/messages/received",
			"publish/messages/sent", "publish/messages/dropped", "publish/bytes/received", "publish/bytes/sent", "heap/current", "heap/maximum",
		} {
			if _, ok := first[name]; !ok {
				t.Errorf("no $SYS/broker/%s", name)
			}
		}
		for _, l := range []string{"messages/received", "messages/sent", "publish/received", "publish/sent", "publish/dropped", "bytes/received", "bytes/sent", "sockets", "connections"} {
			for _, m := range []string{"1min", "5min", "15min"} {
				if got := first["load/"+l+"/"+m]; got != "0.00" {
					t.Errorf("load/%s/%s is %q", l, m, got)
				}
			}
		}

		watch := b.connect(packet.V5, "watch")
		watch.subscribe("$SYS/broker/uptime", 0)
		if p := watch.message(); string(p.Payload) != "0 seconds" {
			t.Errorf("uptime %q", p.Payload)
		}
		c := b.connect(packet.V311, "c")
		c.subscribe("t", 1)
		c.subscribe("$share/g/t", 0)
		for range 60 {
			c.publish("t", "0123456789", 1)
		}
		away := b.connect(packet.V5, "away", expires(25))
		away.send(&packet.Disconnect{})
		away.gone()
		watch.want("$SYS/broker/uptime", "10 seconds")
		got := b.sys()
		want := map[string]string{
			"clients/total": "3", "clients/connected": "2", "clients/disconnected": "1", "clients/maximum": "2", "clients/expired": "0",
			"publish/messages/received": "60", "publish/messages/sent": "120", "publish/bytes/received": "600",
			"subscriptions/count": "3", "shared_subscriptions/count": "1", "messages/stored": got["store/messages/count"],
			"publish/messages/dropped": "0",
		}
		for name, value := range want {
			if got[name] != value && name != "publish/messages/sent" {
				t.Errorf("%s is %q, want %q", name, got[name], value)
			}
		}
		// 60 in ten seconds are 360 a minute, of which the average over one minute
		// has taken up 1-exp(-1/6).
		if l := got["load/publish/received/1min"]; l != "55.27" {
			t.Errorf("load/publish/received/1min is %q, want 55.27", l)
		}
		time.Sleep(30 * time.Second)
		if got := b.sys(); got["clients/expired"] != "1" || got["clients/total"] != "2" {
			t.Errorf("expired %s, total %s", got["clients/expired"], got["clients/total"])
		}
		if n, err := strconv.Atoi(b.sys()["heap/current"]); err != nil || n < 100_000 {
			t.Errorf("heap %d", n)
		}
	})
}

func TestSysNever(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		time.Sleep(time.Hour)
		if got := b.sys(); len(got) > 0 {
			t.Errorf("%d figures, sys_interval is 0", len(got))
		}
	})
}

// TestSysByReason counts what is dropped by why it is.
func TestSysByReason(t *testing.T) {
	inBubble(t, Config{SysInterval: time.Second, MaxQueuedMessages: 1, MaxRetained: 1000}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c", expires(1000))
		c.subscribe("t", 1)
		c.send(&packet.Disconnect{})
		c.gone()
		p := b.connect(packet.V5, "p")
		p.publish("t", "fits", 1, func(p *packet.Publish) {
			p.Properties = &packet.Properties{MessageExpiry: packet.Some(uint32(5))}
		})
		p.publish("t", "does not", 1)
		p.send(&packet.Publish{Topic: "$mine"})
		time.Sleep(10 * time.Second)
		c = b.connect(packet.V5, "c", resume, expires(1000))
		c.silent()
		time.Sleep(2 * time.Second)
		got := b.sys()
		for name, want := range map[string]string{
			"publish/messages/dropped": "2", "publish/messages/dropped/queue_full": "1",
			"publish/messages/dropped/expired": "1", "publish/messages/refused": "1",
			"publish/messages/dropped/too_large": "0", "publish/messages/dropped/memory": "0",
		} {
			if got[name] != want {
				t.Errorf("%s is %q, want %q", name, got[name], want)
			}
		}
	})
}
