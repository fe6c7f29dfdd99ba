package upstreams

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gateway/broker/client"
	"gateway/broker/packet"
)

// Cluster is RabbitMQ on several nodes, which run on this machine. Its methods
// may be called concurrently.
//
// What it has acknowledged at QoS 1, it has stored for each persistent session
// (CleanStart false) that subscribed at QoS 1, on most of the nodes, with fsync:
// these sessions' queues are quorum queues. Kill fewer than half of the nodes, and
// every session resumes on any other node with all its messages; those that were
// on their way may come twice.
//
// Not so: messages for clean sessions and for subscriptions at QoS 0 are on one
// node; a retained message is only on the node that it was published to. And with
// half of the nodes gone or more, the others close all connections and accept
// none, until most are back; start the missing ones at once then: each alone waits
// 100 s for the others.
type Cluster struct {
	version string
	nodes   []*server
	names   *server
	folder  string // to remove in the end; ""
}

// clusterConf makes a cluster of the nodes that follow. Sessions' queues are
// replicated and stay, where the default is 24 h; and a node that sees only a
// minority of the others pauses, rather than acknowledge what the rest will not
// know. deploy/raspberrypi/FLEET.md recommends the same.
const clusterConf = `mqtt.durable_queue_type = quorum
mqtt.subscription_ttl = infinity
cluster_partition_handling = pause_minority
cluster_formation.peer_discovery_backend = classic_config
`

// StartCluster starts RabbitMQ on n nodes and returns when all have joined and
// accept CONNECT, which takes half a minute. The options are as for [Start], but
// for Port, which is for a single broker only.
//
// The error is a [*Missing] if RabbitMQ is not installed.
func StartCluster(ctx context.Context, n int, o Options) (_ *Cluster, err error) {
	if n < 1 || o.Port != 0 {
		return nil, fmt.Errorf("a cluster of %d nodes on port %d: it has at least one, and each has a port of its own", n, o.Port)
	}
	c := &Cluster{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start a cluster of %d nodes: %w", n, err), c.Close())
		}
	}()
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "upstream-cluster"); err != nil {
			return nil, err
		}
		c.folder = o.Dir
	}
	if err := c.prepare(ctx, n, o); err != nil {
		return nil, err
	}
	if err := c.names.start(ctx); err != nil {
		return nil, err
	}
	// The first is the cluster that the others, at once, find and join.
	if err := c.StartNode(ctx, 0); err != nil {
		return nil, err
	}
	errs := make([]error, n)
	var starting sync.WaitGroup
	for i := 1; i < n; i++ {
		starting.Go(func() { errs[i] = c.StartNode(ctx, i) })
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for i := 1; i < n; i++ {
		if err := c.checkJoined(ctx, i); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// prepare writes the configuration of all nodes.
func (c *Cluster) prepare(ctx context.Context, n int, o Options) error {
	ports, err := freePorts(2*n + 1)
	if err != nil {
		return err
	}
	names, err := epmd(ports[2*n])
	if err != nil {
		return err
	}
	c.names = &server{plan: names, ctx: ctx, log: o.Log}
	var conf strings.Builder
	conf.WriteString(clusterConf)
	for i := range n {
		fmt.Fprintf(&conf, "cluster_formation.classic_config.nodes.%d = %s\n", i+1, nodeName(i))
	}
	cookie := rand.Text()
	for i := range n {
		dir := filepath.Join(o.Dir, fmt.Sprintf("node%d", i))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		node := rabbitNode{name: nodeName(i), dir: dir, mqtt: ports[2*i], dist: ports[2*i+1], names: ports[2*n],
			cookie: cookie, config: conf.String() + o.Config}
		p, version, err := node.plan()
		if err != nil {
			return err
		}
		c.version = version
		c.nodes = append(c.nodes, &server{plan: p, ctx: ctx, log: o.Log})
	}
	return nil
}

func nodeName(i int) string { return fmt.Sprintf("node%d@localhost", i) }

// checkJoined sends a message from the first node to node i: a node that did not
// find the others would be a broker of its own, in silence.
func (c *Cluster) checkJoined(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, fmt.Errorf("no message of %s came to %s: it has not joined", nodeName(0), nodeName(i)))
	defer cancel()
	to, err := connect(ctx, c.Address(i))
	if err != nil {
		return err
	}
	defer to.Close()
	from, err := connect(ctx, c.Address(0))
	if err != nil {
		return err
	}
	defer from.Close()
	topic := "upstreams/joined/" + nodeName(i)
	if _, err := to.Subscribe(ctx, []packet.Subscription{{Filter: topic, QoS: 1}}); err != nil {
		return err
	}
	if _, err := from.Publish(ctx, &packet.Publish{Topic: topic, QoS: 1}); err != nil {
		return err
	}
	if _, err := to.Next(ctx); err != nil {
		return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	return nil
}

// connect connects a client of which nothing stays.
func connect(ctx context.Context, address string) (*client.Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return client.Connect(ctx, conn, client.Options{ClientID: "joined-" + rand.Text(), CleanStart: true})
}

// Version returns that of RabbitMQ.
func (c *Cluster) Version() string { return c.version }

// Address returns where node i, from 0, listens or will again.
func (c *Cluster) Address(i int) string { return c.nodes[i].address }

// Addresses returns those of all nodes.
func (c *Cluster) Addresses() []string {
	var all []string
	for _, n := range c.nodes {
		all = append(all, n.address)
	}
	return all
}

// KillNode ends node i as a power cut does, and returns when it has ended. It
// does nothing if the node does not run.
func (c *Cluster) KillNode(i int) { c.nodes[i].kill() }

// StartNode starts node i, which was killed, and returns when it accepts
// CONNECT. ctx is for the waiting only.
func (c *Cluster) StartNode(ctx context.Context, i int) error {
	if err := c.nodes[i].start(ctx); err != nil {
		return fmt.Errorf("start %s: %w", nodeName(i), err)
	}
	return nil
}

// Close kills all nodes and removes the folder if it is a temporary one. The
// Cluster is of no use any more.
func (c *Cluster) Close() error {
	for _, n := range c.nodes {
		n.kill()
	}
	if c.names != nil {
		c.names.kill()
	}
	if c.folder == "" {
		return nil
	}
	return os.RemoveAll(c.folder)
}
