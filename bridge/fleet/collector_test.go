package fleet

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"gateway/bridge/badline/ledger"
	"gateway/broker/client"
	"gateway/broker/packet"
)

// collector is somebody with a persistent session at the cluster who takes all that
// the gateways forward.
type collector struct {
	name  string
	books *ledger.Ledger
}

// collect collects until the test ends, at the first of the addresses that is
// there. The queue of the session is led by node 0, as it begins there.
func collect(t *testing.T, name string, addresses []string, first string) *collector {
	t.Helper()
	c := &collector{name: name, books: ledger.New(ledger.AtLeastOnce)}
	to, err := c.open(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Disconnect(packet.Success); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for at := 0; ctx.Err() == nil; at++ {
			if err := c.take(ctx, addresses[at%len(addresses)]); ctx.Err() == nil {
				t.Logf("%s at %s: %v", name, addresses[at%len(addresses)], err)
				pause(ctx)
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return c
}

// pause keeps a node that does not answer yet from being asked all the time.
func pause(ctx context.Context) {
	select {
	case <-time.After(100 * time.Millisecond):
	case <-ctx.Done():
	}
}

// open resumes the session at a node, or begins it.
func (c *collector) open(ctx context.Context, address string) (*client.Client, error) {
	to, err := tryConnect(ctx, address, client.Options{ClientID: c.name, KeepAlive: 10 * time.Second})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := to.Subscribe(ctx, []packet.Subscription{{Filter: "fleet/#", QoS: 1}}); err != nil {
		to.Close()
		return nil, err
	}
	return to, nil
}

// take takes messages from a node until that is gone.
func (c *collector) take(ctx context.Context, address string) error {
	to, err := c.open(ctx, address)
	if err != nil {
		return err
	}
	defer to.Close()
	for {
		m, err := to.Next(ctx)
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(m.Payload), 10, 64)
		if err != nil {
			return fmt.Errorf("%q came on %s", m.Payload, m.Topic)
		}
		c.books.Arrived(m.Topic, n)
	}
}
