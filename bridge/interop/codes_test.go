package interop

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gateway/bridge"
	"gateway/bridge/upstreams/scripted"
	"gateway/broker/packet"
)

// speaking5 is a bridge that knows nothing of the upstream but its version.
func speaking5(c *bridge.Config) { c.Protocol, c.Topics = "5", loadRoutes() }

// refuse has the upstream refuse what is published to up/n/no.
func refuse(code func() packet.ReasonCode) scripted.Rules {
	return scripted.Rules{Refuse: func(m *packet.Publish) packet.ReasonCode {
		if m.Topic == "up/n/no" {
			return code()
		}
		return packet.Success
	}}
}

// TestReasonCodesDecide: a message that is refused for good is set aside with the
// reason, one that is refused for now is sent again, and "no matching subscribers"
// is as good as success.
func TestReasonCodesDecide(t *testing.T) {
	for code, test := range map[packet.ReasonCode]struct {
		aside string // why it is; "" if it arrives
		times int32  // it is refused; 0 for always
	}{
		packet.NotAuthorized:               {aside: "not authorized (0x87)"},
		packet.TopicNameInvalid:            {aside: "topic name invalid (0x90)"},
		packet.PayloadFormatInvalid:        {aside: "payload format invalid (0x99)"},
		packet.QuotaExceeded:               {times: 2},
		packet.UnspecifiedError:            {times: 2},
		packet.ImplementationSpecificError: {times: 2},
		packet.NoMatchingSubscribers:       {},
	} {
		t.Run(code.String(), func(t *testing.T) {
			var asked atomic.Int32
			u := upstream{rules: refuse(func() packet.ReasonCode {
				if n := asked.Add(1); test.times > 0 && n > test.times {
					return packet.Success
				}
				return code
			})}
			g := openScripted(t, u, speaking5)
			defer g.stop()
			g.publish("n/x", 1, false, "before")
			g.publish("n/no", 1, false, "no")
			g.publish("n/x", 1, false, "behind")
			if !g.drained() {
				t.Fatalf("%+v", g.bridge.State())
			}
			came := map[string]bool{}
			for _, m := range g.far.Taken() {
				came[string(m.Payload)] = true
			}
			if why := g.shelf.reason("n/no"); !strings.Contains(why, test.aside) || (why == "") != (test.aside == "") {
				t.Errorf("set aside: %q, want %q", why, test.aside)
			}
			if !came["before"] || !came["behind"] || came["no"] != (test.aside == "") {
				t.Errorf("came: %v", came)
			}
			if test.times == 0 && g.far.Connections() != atFirst {
				t.Errorf("%d connections", g.far.Connections())
			}
		})
	}
}

// TestDisconnectedWithAReason: whatever the reason, the bridge says it, comes
// again, and sends the rest.
func TestDisconnectedWithAReason(t *testing.T) {
	for code, want := range map[packet.ReasonCode]string{
		packet.SessionTakenOver:   "session taken over (0x8e)",
		packet.QuotaExceeded:      "quota exceeded (0x97)",
		packet.MessageRateTooHigh: "message rate too high (0x96)",
		packet.ServerShuttingDown: "server shutting down (0x8b)",
		packet.ServerMoved:        `server moved (0x9d); it names the server "elsewhere:8883"`,
	} {
		t.Run(code.String(), func(t *testing.T) {
			g := openScripted(t, upstream{}, speaking5)
			defer g.stop()
			const n = 60
			for i := range n {
				g.publish("n/x", 1, false, fmt.Sprint(i))
				if i == n/2 {
					if !until(patience, func() bool { return len(g.far.Taken()) > n/4 }) {
						t.Fatalf("%+v", g.bridge.State())
					}
					reference := ""
					if code == packet.ServerMoved {
						reference = "elsewhere:8883"
					}
					g.far.Disconnect(code, reference)
				}
			}
			if !until(patience, func() bool { return g.far.Connections() == atFirst+1 }) || !g.drained() {
				t.Fatalf("%d connections, %+v", g.far.Connections(), g.bridge.State())
			}
			var got []string
			for _, m := range g.far.Taken() {
				got = append(got, string(m.Payload))
			}
			if first, _ := firsts(got); first != n {
				t.Errorf("%d of %d came, or not in order", first, n)
			}
			if s := g.bridge.State(); !strings.Contains(s.LastError, want) || s.SetAside > 0 {
				t.Errorf("last error %q, want %q; %d set aside", s.LastError, want, s.SetAside)
			}
		})
	}
}

// TestWhatConnackSaysIsKept: a bridge of MQTT 5 needs no preset for what the
// upstream says of itself.
func TestWhatConnackSaysIsKept(t *testing.T) {
	some := packet.Some[byte]
	for name, test := range map[string]struct {
		connack packet.Properties
		fates   map[string]string // of rows of the load, those that are not ok
	}{
		"Maximum QoS 1":       {packet.Properties{MaximumQoS: some(1)}, map[string]string{"QoS 2": "sent as QoS 1"}},
		"Maximum QoS 0":       {packet.Properties{MaximumQoS: some(0)}, allAtQoS0()},
		"Retain Available 0":  {packet.Properties{RetainAvailable: some(0)}, map[string]string{"retained": "sent without RETAIN"}},
		"Receive Maximum 2":   {packet.Properties{ReceiveMaximum: packet.Some(uint16(2))}, nil},
		"Maximum Packet Size": {packet.Properties{MaximumPacketSize: packet.Some(uint32(700_000))}, map[string]string{"payload of 1.2 MB": "set aside: CONNACK: packet too large (0x95)"}},
		"Server Keep Alive":   {packet.Properties{ServerKeepAlive: packet.Some(uint16(1))}, nil},
		"Assigned Client Identifier, Server Reference": {packet.Properties{AssignedClientID: packet.Some("yours"), ServerReference: packet.Some("other:8883")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := openScripted(t, upstream{rules: scripted.Rules{Connack: test.connack}}, func(c *bridge.Config) {
				speaking5(c)
				c.AckTimeout = 20 * time.Second
			})
			defer g.stop()
			g.sendLoad()
			// A message of QoS 0 counts as forwarded before it is there.
			if !g.drained() || !until(patience, g.settled) {
				t.Errorf("%+v", g.bridge.State())
			}
			if test.connack.MaximumQoS != some(0) {
				g.expectPlain()
			}
			for _, p := range load() {
				want := test.fates[p.row]
				if got := g.fate(p); want == "" && got != "ok" || !strings.HasPrefix(got, want) {
					t.Errorf("%s: %s, want %s", p.row, got, want)
				}
			}
			if n := g.far.Connections(); n != atFirst || len(g.far.Offences()) > 0 {
				t.Errorf("the connection was lost: %d connections, %q", n, g.far.Offences())
			}
		})
	}
}

func allAtQoS0() map[string]string {
	fates := make(map[string]string)
	for _, p := range load() {
		if p.qos > 0 {
			fates[p.row] = "sent as QoS 0"
		}
	}
	return fates
}

// TestAClientThatIsNotLetInLosesNothing: a client id that a policy does not know
// is closed without CONNACK. The bridge says so and keeps everything.
func TestAClientThatIsNotLetInLosesNothing(t *testing.T) {
	u := scriptedUpstreams()[2]
	u.rules.ClientIDs = []string{"another"}
	g := openScripted(t, u, func(c *bridge.Config) { c.Preset, c.Topics = u.preset, loadRoutes() })
	defer g.stop()
	for i := range 20 {
		g.publish("n/x", 1, false, fmt.Sprint(i))
	}
	if !until(patience, func() bool { return len(g.far.Offences()) >= 5 }) {
		t.Fatalf("it was tried %d times", len(g.far.Offences()))
	}
	s := g.bridge.State()
	if s.Connected || s.LastError == "" || s.Queue.Waiting+s.Queue.Unacked != 20 || s.SetAside > 0 {
		t.Errorf("%+v", s)
	}
}
