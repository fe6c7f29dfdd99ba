package client

import (
	"errors"
	"fmt"
	"math"
	"time"

	"gateway/broker/packet"
)

// Options say what is asked of the server in CONNECT, and how much the client
// takes. The zero value asks for an anonymous MQTT 3.1.1 connection without
// keep-alive, which a server accepts only with CleanStart or a ClientID.
type Options struct {
	Version       packet.Version // 0: MQTT 3.1.1
	ClientID      string         // "": the server chooses one
	CleanStart    bool           // forget the session that the server may have; clean session in MQTT 3
	KeepAlive     time.Duration  // whole seconds, what is not is rounded up; 0: no pings, and a dead server is not noticed
	Username      packet.Opt[string]
	Password      []byte             // nil: none
	Will          *packet.Will       // nil: none
	Properties    *packet.Properties // of CONNECT, MQTT 5.0 only; not those about topic aliases, authentication and packet size
	MaxPacketSize int                // bytes that a packet from the server may have; 0: what the protocol allows
	Buffer        int                // messages received and not taken with Next; 0: 64
}

const (
	defaultBuffer = 64
	// maxPacketSize is the largest packet there is: a body of 268,435,455
	// bytes and its fixed header.
	maxPacketSize = 268_435_455 + 5
)

// connect returns the CONNECT that the options ask for. It shares their
// memory.
func (o *Options) connect() (*packet.Connect, error) {
	v := o.Version
	if v == 0 {
		v = packet.V311
	}
	if v < packet.V31 || v > packet.V5 {
		return nil, fmt.Errorf("protocol version %d: only 3 (MQTT 3.1), 4 (3.1.1) and 5 (5.0) exist", byte(v))
	}
	if o.KeepAlive < 0 || o.KeepAlive > math.MaxUint16*time.Second {
		return nil, fmt.Errorf("keep-alive of %v: from 0 to 65535 s is possible", o.KeepAlive)
	}
	if o.MaxPacketSize < 0 || o.MaxPacketSize > maxPacketSize {
		return nil, fmt.Errorf("maximum packet size of %d bytes: from 0 to %d is possible", o.MaxPacketSize, maxPacketSize)
	}
	if o.Buffer < 0 {
		return nil, fmt.Errorf("buffer of %d messages: it cannot be negative", o.Buffer)
	}
	p := &packet.Connect{
		Version:    v,
		CleanStart: o.CleanStart,
		KeepAlive:  uint16((o.KeepAlive + time.Second - 1) / time.Second),
		ClientID:   o.ClientID,
		Will:       o.Will,
		Username:   o.Username,
		Password:   o.Password,
	}
	if v < packet.V5 {
		return p, nil
	}
	props, err := o.properties()
	p.Properties = props
	return p, err
}

// properties returns those of CONNECT, nil if there are none.
func (o *Options) properties() (*packet.Properties, error) {
	if o.Properties == nil && o.MaxPacketSize == 0 {
		return nil, nil
	}
	var p packet.Properties
	if o.Properties != nil {
		p = *o.Properties
	}
	switch {
	case p.TopicAliasMaximum.V > 0:
		return nil, errors.New("this client takes no topic aliases: leave Topic Alias Maximum out")
	case p.AuthMethod.OK || p.AuthData != nil:
		return nil, fmt.Errorf("this client cannot do extended authentication: %q", p.AuthMethod.V)
	case p.MaximumPacketSize.OK:
		return nil, errors.New("the maximum packet size is Options.MaxPacketSize: leave the property out")
	}
	if o.MaxPacketSize > 0 {
		p.MaximumPacketSize = packet.Some(uint32(o.MaxPacketSize))
	}
	return &p, nil
}

// buffer returns the size of the inbox.
func (o *Options) buffer() int {
	if o.Buffer == 0 {
		return defaultBuffer
	}
	return o.Buffer
}
