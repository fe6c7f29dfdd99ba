package client

import (
	"context"
	"errors"
	"fmt"

	"gateway/broker/packet"
)

// Subscribe asks for the messages of filters and returns when the server has
// answered: codes[i] is for filters[i], the QoS that it grants, or why not,
// from 0x80 on. MQTT 3 knows only UnspecifiedError. That the server refuses a
// filter is no error.
//
// Messages may come before the answer does. When ctx ends first, the filters
// may be subscribed to or not.
func (c *Client) Subscribe(ctx context.Context, filters []packet.Subscription) (codes []packet.ReasonCode, err error) {
	if len(filters) == 0 { // [MQTT-3.8.3-2]
		return nil, errors.New("subscribe: no topic filter")
	}
	answer, err := c.do(ctx, c.requests, packet.TypeSuback, func(id uint16) packet.Packet {
		return &packet.Subscribe{ID: id, Filters: filters}
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", list(filters[0].Filter, len(filters)), err)
	}
	codes = answer.(*packet.Suback).Codes
	if len(codes) != len(filters) { // [MQTT-3.8.4-6]
		return nil, fmt.Errorf("subscribe: %w", c.wrongCount("MQTT-3.8.4-6", answer, len(codes), len(filters)))
	}
	return codes, nil
}

// Unsubscribe takes subscriptions back and returns when the server has
// answered: codes[i] is for filters[i], and is Success, NoSubscriptionExisted
// or why not, from 0x80 on. In MQTT 3 the server says no more than that it has
// done it, and there are no codes.
//
// Messages that were on their way still come.
func (c *Client) Unsubscribe(ctx context.Context, filters ...string) (codes []packet.ReasonCode, err error) {
	if len(filters) == 0 { // [MQTT-3.10.3-2]
		return nil, errors.New("unsubscribe: no topic filter")
	}
	answer, err := c.do(ctx, c.requests, packet.TypeUnsuback, func(id uint16) packet.Packet {
		return &packet.Unsubscribe{ID: id, Filters: filters}
	})
	if err != nil {
		return nil, fmt.Errorf("unsubscribe from %s: %w", list(filters[0], len(filters)), err)
	}
	codes = answer.(*packet.Unsuback).Codes
	if c.version >= packet.V5 && len(codes) != len(filters) { // [MQTT-3.11.3-1]
		return nil, fmt.Errorf("unsubscribe: %w", c.wrongCount("MQTT-3.11.3-1", answer, len(codes), len(filters)))
	}
	return codes, nil
}

// wrongCount ends the connection, as the server's answer has not one reason
// code for each filter.
func (c *Client) wrongCount(clause string, p packet.Packet, codes, filters int) error {
	err := broken(packet.ProtocolError, clause, "%v with %d reason codes, for %d topic filters", p.Type(), codes, filters)
	c.fail(err)
	return err
}

// list names the first of some filters.
func list(first string, n int) string {
	if n == 1 {
		return fmt.Sprintf("%q", first)
	}
	return fmt.Sprintf("%q and %d more", first, n-1)
}
