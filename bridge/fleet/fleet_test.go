package fleet

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/bridge/badline/ledger"
	"gateway/bridge/upstreams"
)

var (
	gateways = flag.Int("gateways", 12, "how many gateways forward to the cluster")
	rate     = flag.Int("rate", 40, "messages a second that each gateway is given")
	rounds   = flag.Int("rounds", 1, "how often two nodes are killed, one after the other")
)

// patience is how long something may take that comes in the end.
const patience = 2 * time.Minute

// topics are what each gateway's publisher publishes to, in turn.
var topics = []string{"cellar/north", "attic/a.b"}

// TestKilledNodesLoseNothingOfAFleet kills the nodes of a cluster, one after
// another, while many gateways forward to it.
func TestKilledNodesLoseNothingOfAFleet(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes half a minute to start")
	}
	cluster := startCluster(t)
	f := openFleet(t, cluster)
	f.publishing(func() {
		for kill := range 2 * *rounds {
			node := 1 - kill%2
			f.kill(node)
			if kill+1 < 2**rounds { // a third of the time is for starting nodes
				f.start(node)
			}
		}
	})
	f.expectAll()
}

func startCluster(t *testing.T) *upstreams.Cluster {
	t.Helper()
	c, err := upstreams.StartCluster(t.Context(), 3, upstreams.Options{})
	if missing := new(upstreams.Missing); errors.As(err, &missing) && os.Getenv("GATEWAY_TEST_ALL") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// fleet is the gateways, the cluster they forward to, and who collects there.
type fleet struct {
	t        *testing.T
	cluster  *upstreams.Cluster
	gateways []*gateway
	// steady stays at the one node that is not killed, and so sees what the cluster
	// has in its order. moving is where nodes are killed. RabbitMQ gives the node
	// that it goes to what comes next, before it notices that the other one is gone
	// and gives again what was on its way there: its order is not that of the cluster.
	steady, moving *collector
}

func openFleet(t *testing.T, cluster *upstreams.Cluster) *fleet {
	t.Helper()
	f := &fleet{t: t, cluster: cluster}
	all := cluster.Addresses()
	f.steady, f.moving = collect(t, "steady", all[2:], all[0]), collect(t, "moving", all, all[0])
	for i := range *gateways {
		first := i % len(all)
		f.gateways = append(f.gateways, openGateway(t, i, append(append([]string(nil), all[first:]...), all[:first]...)))
	}
	return f
}

// publishing has all gateways get messages while do runs.
func (f *fleet) publishing(do func()) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	var publishers sync.WaitGroup
	defer publishers.Wait()
	defer cancel()
	for _, g := range f.gateways {
		publishers.Go(func() { f.publish(ctx, g) })
	}
	do()
}

// publish gives a gateway messages until ctx ends, and books them.
func (f *fleet) publish(ctx context.Context, g *gateway) {
	next := time.NewTicker(time.Second / time.Duration(*rate))
	defer next.Stop()
	for n := uint64(0); ; n++ {
		topic := topics[n%uint64(len(topics))]
		remote := remoteTopic(g, topic)
		f.steady.books.Published(remote, n)
		f.moving.books.Published(remote, n)
		if err := g.publish(f.t.Context(), topic, n); err != nil {
			f.t.Errorf("%s: message %d: %v", g.name, n, err)
			return
		}
		f.steady.books.Acknowledged(remote, n)
		f.moving.books.Acknowledged(remote, n)
		select {
		case <-next.C:
		case <-ctx.Done():
			return
		}
	}
}

// kill kills a node, and returns when those gateways that were connected to it are
// connected to another, and all forward.
func (f *fleet) kill(node int) {
	f.t.Helper()
	dead := f.cluster.Address(node)
	f.until("all gateways forward", f.allForward())
	var moving []*gateway
	for _, g := range f.gateways {
		if g.isOn(dead) {
			moving = append(moving, g)
		}
	}
	if len(moving) == 0 {
		f.t.Fatalf("no gateway is connected to node %d, which is to be killed", node)
	}
	f.cluster.KillNode(node)
	began := time.Now()
	f.until(fmt.Sprintf("the gateways of node %d are connected to others", node), func() bool {
		for _, g := range moving {
			if s := g.bridge.State(); !s.Connected || g.isOn(dead) {
				return false
			}
		}
		return true
	})
	connected := time.Since(began)
	f.until(fmt.Sprintf("all gateways forward without node %d", node), f.allForward())
	f.t.Logf("node %d killed: %d gateways have moved after %v, all forward after %v",
		node, len(moving), connected.Round(10*time.Millisecond), time.Since(began).Round(10*time.Millisecond))
}

// start starts a node that was killed, while messages go on coming.
func (f *fleet) start(node int) {
	f.t.Helper()
	if err := f.cluster.StartNode(f.t.Context(), node); err != nil {
		f.t.Fatal(err)
	}
}

// allForward returns a condition: since now, the cluster has acknowledged
// something of each gateway.
func (f *fleet) allForward() func() bool {
	before := make([]uint64, len(f.gateways))
	for i, g := range f.gateways {
		before[i] = g.bridge.State().Forwarded
	}
	return func() bool {
		for i, g := range f.gateways {
			if g.bridge.State().Forwarded == before[i] {
				return false
			}
		}
		return true
	}
}

// expectAll wants everything that was acknowledged at both collectors, and nothing
// left over at the gateways. The order is held where it can be: at the collector
// that stayed, of the gateways that send one message at a time. While a queue has
// no leader RabbitMQ refuses a message and takes those behind it, and the refused
// one comes again after them. On a busy machine there may be no leader for long: with
// the fourth connection that the upstream ends over the same message, the bridge lets
// others go first.
func (f *fleet) expectAll() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	for _, c := range []*collector{f.steady, f.moving} {
		if err := c.books.Wait(ctx); err != nil {
			f.t.Errorf("%s: %v", c.name, err)
		}
	}
	f.until("nothing waits at a gateway", func() bool {
		for _, g := range f.gateways {
			if q := g.bridge.State().Queue; q.Waiting+q.Unacked > 0 {
				return false
			}
		}
		return true
	})
	steady, moving := f.steady.books.Report(), f.moving.books.Report()
	f.t.Logf("steady: %v", steady)
	f.t.Logf("moving: %v", moving)
	for _, topics := range [][]ledger.Topic{steady.Topics, moving.Topics} {
		for i, topic := range topics {
			if &topics[0] == &moving.Topics[0] || !f.ordered(topic.Name) {
				topics[i].Reordered = nil
			}
		}
	}
	if err := errors.Join(steady.Err(), moving.Err()); err != nil {
		f.t.Error(err)
	}
	for _, g := range f.gateways {
		if s := g.bridge.State(); s.SetAside+s.Unrouted+s.Queue.Dropped > 0 {
			f.t.Errorf("%s: %d set aside, %d without a route, %d dropped", g.name, s.SetAside, s.Unrouted, s.Queue.Dropped)
		}
	}
}

// ordered tells whether the topic is of a gateway that sends one message at a time,
// and has not lost so many connections that a message may have stepped aside.
func (f *fleet) ordered(topic string) bool {
	for _, g := range f.gateways {
		if strings.HasPrefix(topic, "fleet/"+g.name+"/") {
			return g.ordered && g.connects.Load() <= 4
		}
	}
	return false
}

// until waits for a condition.
func (f *fleet) until(what string, ok func() bool) {
	f.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().Before(end) {
			continue
		}
		for _, g := range f.gateways {
			s := g.bridge.State()
			f.t.Logf("%s: connected %v to %s, last error %q, %d waiting, %d under way", g.name, s.Connected, s.Address, s.LastError, s.Queue.Waiting, s.Queue.Unacked)
		}
		f.t.Fatalf("not after %v: %s", patience, what)
	}
}
