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
	Topic   string
	Message *string
	File    string
	Stdin   bool
	Lines   bool
	Null    bool
	Retain  bool
}

func (c *pubCommand) flags(f *flagSet) {
	c.clientFlags.flags(f)
	f.StringVarP(&c.Topic, "topic", "t", "", "`TOPIC` to publish to.")
	f.required = append(f.required, "topic")
	f.FuncP("message", "m", "The `MESSAGE`.", func(text string) error {
		c.Message = &text
		return nil
	})
	f.StringVarP(&c.File, "file", "f", "", "Send the contents of `FILE` as the message.")
	f.BoolVarP(&c.Stdin, "stdin-file", "s", false, "Send all of standard input as one message.")
	f.BoolVarP(&c.Lines, "stdin-line", "l", false, "Send each line of standard input as a message.")
	f.BoolVarP(&c.Null, "null-message", "n", false, "Send an empty message; with -r it removes a retained one.")
	f.exclusive = append(f.exclusive, []string{"message", "file", "stdin-file", "stdin-line", "null-message"})
	f.BoolVarP(&c.Retain, "retain", "r", false, "Let the broker keep the message for new subscribers.")
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
