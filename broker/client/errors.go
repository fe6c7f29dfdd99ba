package client

import (
	"errors"
	"fmt"

	"gateway/broker/packet"
)

// ErrClosed is why a client that was ended with Close or Disconnect has ended.
var ErrClosed = errors.New("the MQTT client is closed")

// ConnectError says that the server refused the connection.
type ConnectError struct {
	Version         packet.Version    // that was asked for
	Code            packet.ReasonCode // the return codes of MQTT 3 are translated
	Reason          string            // of MQTT 5.0: what the server says about it; "": nothing
	ServerReference string            // of MQTT 5.0: the server to go to; "": none
}

// refusals are the return codes of MQTT 3 in the words of MQTT 3.1.1, section
// 3.2.2.3.
var refusals = map[packet.ReasonCode]string{
	packet.UnsupportedProtocolVersion: "unacceptable protocol version (return code 1): the server does not support this level of the MQTT protocol",
	packet.ClientIdentifierNotValid:   "identifier rejected (return code 2): the client identifier is correct UTF-8 but not allowed by the server",
	packet.ServerUnavailable:          "server unavailable (return code 3): the network connection has been made but the MQTT service is unavailable",
	packet.BadUserNameOrPassword:      "bad user name or password (return code 4): the data in the user name or password is malformed",
	packet.NotAuthorized:              "not authorized (return code 5): the client is not authorized to connect",
}

// Error returns the reason in the words of the version's specification.
func (e *ConnectError) Error() string {
	if words := refusals[e.Code]; words != "" && e.Version < packet.V5 {
		return "MQTT " + e.Version.String() + " connection refused, " + words
	}
	return "MQTT " + e.Version.String() + " connection refused: " + words(e.Code, e.Reason, e.ServerReference)
}

// DisconnectError says that the server ended the connection with DISCONNECT,
// which only MQTT 5.0 has.
type DisconnectError struct {
	Code            packet.ReasonCode
	Reason          string // what the server says about it; "": nothing
	ServerReference string // the server to go to; "": none
}

// Error returns the reason in the words of the specification.
func (e *DisconnectError) Error() string {
	return "the server disconnected: " + words(e.Code, e.Reason, e.ServerReference)
}

// PublishError says that the server refused a message, with a reason code
// from 0x80 on, which only MQTT 5.0 can.
type PublishError struct {
	Topic  string
	Code   packet.ReasonCode
	Reason string // what the server says about it; "": nothing
}

// Error returns the reason in the words of the specification.
func (e *PublishError) Error() string {
	return fmt.Sprintf("publish to %q: refused by the server: %s", e.Topic, words(e.Code, e.Reason, ""))
}

// words puts together what a server says. What it wrote is quoted: it may be
// anything.
func words(code packet.ReasonCode, reason, reference string) string {
	s := fmt.Sprintf("%v (0x%02X)", code, byte(code))
	if reason != "" {
		s += fmt.Sprintf(", %q", reason)
	}
	if reference != "" {
		s += fmt.Sprintf(", go to server %q", reference)
	}
	return s
}

// said returns the properties that errors have, of a packet without
// properties too.
func said(p *packet.Properties) (reason, reference string) {
	if p == nil {
		return "", ""
	}
	return p.ReasonString.V, p.ServerReference.V
}

// broken says what the server did that the protocol does not allow.
func broken(code packet.ReasonCode, clause, format string, args ...any) error {
	return &packet.Error{Code: code, Clause: clause, Text: fmt.Sprintf(format, args...)}
}
