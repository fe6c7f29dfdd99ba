package client_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"
	"sync"
	"time"

	"gateway/broker"
	"gateway/broker/client"
	"gateway/broker/packet"
)

// A client subscribes, publishes, and gets its own message back.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	address, stop := runBroker()
	defer stop()

	conn, err := net.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.Connect(ctx, conn, client.Options{CleanStart: true, KeepAlive: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	codes, err := c.Subscribe(ctx, []packet.Subscription{{Filter: "home/#", QoS: 1}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("home/#:", codes[0])
	if _, err := c.Publish(ctx, &packet.Publish{Topic: "home/kitchen/air", Payload: []byte("21.5"), QoS: 1}); err != nil {
		log.Fatal(err)
	}
	m, err := c.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %s\n", m.Topic, m.Payload)
	if err := c.Disconnect(packet.Success); err != nil {
		log.Fatal(err)
	}
	// Output:
	// home/#: Granted QoS 1
	// home/kitchen/air 21.5
}

// runBroker runs a broker on a port that the system chooses.
func runBroker() (address string, stop func()) {
	cfg := broker.Default()
	cfg.Listeners = []broker.Listener{{Protocol: "tcp", Address: "127.0.0.1:0"}}
	b := broker.New(cfg, slog.New(slog.DiscardHandler))
	if err := b.Listen(); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Run(ctx); err != nil {
			log.Print(err)
		}
	})
	return b.Addrs()[0].String(), func() {
		cancel()
		wg.Wait()
	}
}
