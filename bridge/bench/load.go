//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"gateway/broker/client"
	"gateway/broker/packet"
)

// ahead is how many messages of the load are on their way at once.
const ahead = 100

// feed publishes n messages, and returns when all are acknowledged.
func feed(ctx context.Context, address string, n int) error {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	c, err := client.Connect(ctx, nc, client.Options{ClientID: "load", CleanStart: true})
	if err != nil {
		return err
	}
	defer c.Close()
	payload := make([]byte, 100)
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for i := range ahead {
		m := &packet.Publish{Topic: fmt.Sprintf("home/room%d/climate", i), Payload: payload, QoS: 1}
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := c.Publish(ctx, m); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	wg.Wait()
	return failed
}
