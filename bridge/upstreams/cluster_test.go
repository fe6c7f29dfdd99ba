package upstreams

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"gateway/broker/client"
	"gateway/broker/packet"
)

// TestAClusterLosesNothingAcknowledgedWhenANodeIsKilled kills, under load, the
// node that leads the queue of a session which is offline, and then the one that
// the publisher is connected to.
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
	subscribe(t, to, "cellar/#")
	to.Disconnect(0)

	l := &clusterLoad{t: t, cluster: c}
	l.during(0, func() { c.KillNode(2) })
	l.expectAll(1)
	if err := c.StartNode(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	l.during(0, func() { c.KillNode(0) })
	l.expectAll(2)
}

// clusterLoad publishes to a cluster, and knows what was acknowledged.
type clusterLoad struct {
	t       *testing.T
	cluster *Cluster
	acked   atomic.Int64 // 0, 1, … were published, each until it was acknowledged
	seen    int64        // of these, the session has had so many
}

const perRound = 300

// during publishes perRound messages to a node, one after the other, and does
// something in the middle. When the node is gone it goes on at the next.
func (l *clusterLoad) during(node int, do func()) {
	l.t.Helper()
	published, half := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(published)
		var c *client.Client
		for i := range perRound {
			if i == perRound/2 {
				close(half)
			}
			for !l.publish(&c, l.cluster.Address(node%3)) {
				if node++; l.t.Context().Err() != nil {
					return
				}
			}
		}
		c.Close()
	}()
	<-half
	do()
	<-published
}

// publish publishes one message and says whether it was acknowledged.
func (l *clusterLoad) publish(c **client.Client, address string) bool {
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	if *c == nil {
		var err error
		if *c, err = connect(ctx, address); err != nil {
			*c = nil
			return false
		}
	}
	m := &packet.Publish{Topic: "cellar/north", Payload: fmt.Append(nil, l.acked.Load()), QoS: 1}
	if _, err := (*c).Publish(ctx, m); err != nil {
		(*c).Close()
		*c = nil
		return false
	}
	l.acked.Add(1)
	return true
}

// expectAll resumes the session on a node and wants all that was acknowledged
// since the last time, in order; messages may come twice.
func (l *clusterLoad) expectAll(node int) {
	l.t.Helper()
	to := dial(l.t, l.cluster.Address(node), client.Options{ClientID: "away"})
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	for l.seen < l.acked.Load() {
		m, err := to.Next(ctx)
		if err != nil {
			l.t.Fatalf("%d of %d acknowledged messages came: %v", l.seen, l.acked.Load(), err)
		}
		got, err := strconv.ParseInt(string(m.Payload), 10, 64)
		if err != nil || got > l.seen {
			l.t.Fatalf("%q came, want %d", m.Payload, l.seen)
		}
		if got == l.seen {
			l.seen++
		}
	}
	to.Disconnect(0)
}
