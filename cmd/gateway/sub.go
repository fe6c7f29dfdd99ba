package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"gateway/broker/client"
	"gateway/broker/packet"
	"gateway/broker/topic"
)

type subCommand struct {
	clientFlags
	Topics     []string
	Verbose    bool
	Count      int
	Timeout    int
	Persistent bool
	NoRetained bool
}

func (c *subCommand) flags(f *flagSet) {
	c.clientFlags.flags(f)
	f.StringArrayVarP(&c.Topics, "topic", "t", nil, "`FILTER` to subscribe to; may be given several times.")
	f.required = append(f.required, "topic")
	f.BoolVarP(&c.Verbose, "verbose", "v", false, "Print the topic before each message.")
	f.IntVarP(&c.Count, "count", "C", 0, "End after `NUMBER` messages.")
	f.IntVarP(&c.Timeout, "timeout", "W", 0, "End after so many `SECONDS`, with exit status 27 as mosquitto_sub.")
	f.BoolVarP(&c.Persistent, "disable-clean-session", "c", false, "Let the broker keep the session and what comes meanwhile; needs -i.")
	f.BoolVarP(&c.NoRetained, "no-retained", "R", false, "Do not print messages that were retained before.")
}

// exitTimeout is mosquitto_sub's exit status when -W has passed.
const exitTimeout = 27

// Run prints messages until it has printed enough or is interrupted.
func (c *subCommand) Run(ctx context.Context, s streams) error {
	if c.Persistent && c.ID == "" {
		return &statusError{err: errors.New("-c keeps the session of a client id: give one with -i"), status: exitUsage}
	}
	for _, f := range c.Topics {
		if err := topic.CheckFilter(f); err != nil { // a broker would close the connection, and say nothing
			return &statusError{err: err, status: exitUsage}
		}
	}
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.Timeout)*time.Second)
		defer cancel()
	}
	err := c.print(ctx, s)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &statusError{err: fmt.Errorf("no more messages within %d s", c.Timeout), status: exitTimeout, quiet: true}
	case errors.Is(ctx.Err(), context.Canceled):
		return nil // Ctrl-C
	}
	return err
}

func (c *subCommand) print(ctx context.Context, s streams) error {
	cl, err := c.connect(ctx, !c.Persistent)
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := c.subscribe(ctx, cl); err != nil {
		return err
	}
	out := bufio.NewWriter(s.out)
	for printed := 0; c.Count == 0 || printed < c.Count; {
		m, err := cl.Next(ctx)
		if err != nil {
			return err
		}
		if m.Retain && c.NoRetained {
			continue
		}
		printed++
		if c.Verbose {
			fmt.Fprintf(out, "%s ", m.Topic)
		}
		fmt.Fprintf(out, "%s\n", m.Payload)
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return cl.Disconnect(packet.Success)
}

func (c *subCommand) subscribe(ctx context.Context, cl *client.Client) error {
	var filters []packet.Subscription
	for _, f := range c.Topics {
		filters = append(filters, packet.Subscription{Filter: f, QoS: packet.QoS(c.QoS)})
	}
	codes, err := cl.Subscribe(ctx, filters)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	for i, code := range codes {
		if code >= packet.UnspecifiedError {
			return fmt.Errorf("subscribe to %q: the broker refused it: %v", filters[i].Filter, code)
		}
	}
	return nil
}
