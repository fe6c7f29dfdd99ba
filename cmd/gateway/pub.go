package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"gateway/broker/client"
	"gateway/broker/packet"
)

type pubCommand struct {
	clientFlags
	Topic   string  `short:"t" required:"" help:"Topic to publish to."`
	Message *string `short:"m" xor:"payload" help:"The message."`
	File    string  `short:"f" xor:"payload" placeholder:"FILE" help:"Send the contents of a file as the message."`
	Stdin   bool    `name:"stdin-file" short:"s" xor:"payload" help:"Send all of standard input as one message."`
	Lines   bool    `name:"stdin-line" short:"l" xor:"payload" help:"Send each line of standard input as a message."`
	Null    bool    `name:"null-message" short:"n" xor:"payload" help:"Send an empty message; with -r it removes a retained one."`
	Retain  bool    `short:"r" help:"Let the broker keep the message for new subscribers."`
}

// Run publishes, and returns when the broker has taken the last message.
func (c *pubCommand) Run(ctx context.Context, s streams) error {
	if c.Message == nil && c.File == "" && !c.Stdin && !c.Lines && !c.Null {
		return &statusError{err: errors.New("nothing to publish: give a message with -m, -f, -s, -l or -n; see gateway pub --help"), status: exitUsage}
	}
	var payload []byte
	var err error
	switch {
	case c.Message != nil:
		payload = []byte(*c.Message)
	case c.File != "":
		payload, err = os.ReadFile(c.File)
	case c.Stdin:
		payload, err = io.ReadAll(s.in)
	}
	if err != nil {
		return err
	}
	cl, err := c.connect(ctx, true)
	if err != nil {
		return err
	}
	defer cl.Close()
	if c.Lines {
		err = c.publishLines(ctx, cl, s.in)
	} else {
		err = c.publish(ctx, cl, payload)
	}
	if err != nil {
		return err
	}
	return cl.Disconnect(packet.Success)
}

func (c *pubCommand) publishLines(ctx context.Context, cl *client.Client, in io.Reader) error {
	r := bufio.NewReader(in)
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			if err := c.publish(ctx, cl, bytes.TrimRight(line, "\r\n")); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func (c *pubCommand) publish(ctx context.Context, cl *client.Client, payload []byte) error {
	code, err := cl.Publish(ctx, &packet.Publish{Topic: c.Topic, Payload: payload, QoS: packet.QoS(c.QoS), Retain: c.Retain})
	switch {
	case err != nil:
		return err // names the topic
	case code >= packet.UnspecifiedError:
		return fmt.Errorf("publish to %q: the broker refused it: %v", c.Topic, code)
	}
	return nil
}
