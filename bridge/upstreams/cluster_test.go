package upstreams

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gateway/broker/client"
	"gateway/broker/packet"
)

// TestAClusterLosesNothingAcknowledgedWhenANodeIsKilled has many gateways
// publish, and kills the node that leads the queue of a session which is offline,
// then another one, so that each node with gateways on it was killed or survived.
func TestAClusterLosesNothingAcknowledgedWhenANodeIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("slow to start")
	}
	t.Parallel()
	c, err := StartCluster(t.Context(), 3, Options{})
	failOrSkip(t, err)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	expectLoopback(t, append(c.nodes, c.names)...)
	// The queue's leader is on the node where the session first subscribed.
	to := dial(t, c.Address(2), client.Options{ClientID: "away"})
	subscribe(t, to, "site/+")
	to.Disconnect(0)

	f := newFleet(t, c)
	f.publish(func() { c.KillNode(2) })
	f.expectAll(1)
	if err := c.StartNode(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	f.publish(func() { c.KillNode(0) })
	f.expectAll(2)
}

// TestTheGuideHasTheConfigurationThatIsTested holds FLEET.md to what the cluster
// above was started with.
func TestTheGuideHasTheConfigurationThatIsTested(t *testing.T) {
	guide, err := os.ReadFile("../../deploy/raspberrypi/FLEET.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(clusterConf) {
		if !strings.Contains(string(guide), "\n    "+line) {
			t.Errorf("FLEET.md does not have the line %q", line)
		}
	}
}

const (
	gateways = 12
	perRound = 40 // messages of each gateway
)

// fleet is gateways that publish to a cluster, each on a topic of its own.
type fleet struct {
	t        *testing.T
	cluster  *Cluster
	gateways [gateways]fleetGateway
}

type fleetGateway struct {
	topic string
	node  int            // that it is connected to
	conn  *client.Client // nil if it is not
	acked int            // 0, 1, … were published, each until it was acknowledged
	seen  int            // of these, the session has had so many
}

func newFleet(t *testing.T, c *Cluster) *fleet {
	f := &fleet{t: t, cluster: c}
	for i := range f.gateways {
		f.gateways[i] = fleetGateway{topic: fmt.Sprintf("site/%d", i), node: i % len(c.nodes)}
	}
	return f
}

// publish has every gateway publish perRound messages, and does something when
// half of them are acknowledged.
func (f *fleet) publish(do func()) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	var working, half sync.WaitGroup
	half.Add(gateways * perRound / 2)
	for i := range f.gateways {
		g := &f.gateways[i]
		working.Go(func() {
			for n := range perRound {
				for !g.publish(ctx, f.cluster) && ctx.Err() == nil {
				}
				if n < perRound/2 {
					half.Done()
				}
			}
		})
	}
	half.Wait()
	do()
	working.Wait()
	if err := ctx.Err(); err != nil {
		f.t.Fatal(err)
	}
}

// publish publishes the next message and says whether it was acknowledged. When
// the node is gone it goes on at the next.
func (g *fleetGateway) publish(ctx context.Context, c *Cluster) bool {
	var err error
	if g.conn == nil {
		if g.conn, err = connect(ctx, c.Address(g.node)); err != nil {
			g.conn, g.node = nil, (g.node+1)%len(c.nodes)
			return false
		}
	}
	if _, err = g.conn.Publish(ctx, &packet.Publish{Topic: g.topic, Payload: strconv.AppendInt(nil, int64(g.acked), 10), QoS: 1}); err != nil {
		g.conn.Close()
		g.conn = nil
		return false
	}
	g.acked++
	return true
}

// expectAll resumes the session on a node and wants all that was acknowledged
// since the last time, in the order of each gateway; messages may come twice.
func (f *fleet) expectAll(node int) {
	f.t.Helper()
	byTopic, missing := map[string]*fleetGateway{}, 0
	for i := range f.gateways {
		g := &f.gateways[i]
		byTopic[g.topic] = g
		missing += g.acked - g.seen
	}
	to := dial(f.t, f.cluster.Address(node), client.Options{ClientID: "away"})
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	for missing > 0 {
		m, err := to.Next(ctx)
		if err != nil {
			f.t.Fatalf("%d acknowledged messages did not come: %v", missing, err)
		}
		g := byTopic[m.Topic]
		got, err := strconv.Atoi(string(m.Payload))
		if err != nil || g == nil || got > g.seen {
			f.t.Fatalf("%s=%q came out of order", m.Topic, m.Payload)
		}
		if got == g.seen {
			g.seen++
			missing--
		}
	}
	to.Disconnect(0)
}
