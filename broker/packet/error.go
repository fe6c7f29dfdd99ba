package packet

// Error says why bytes are not a packet. Those who use this package return it
// too, for what they find wrong with a packet.
type Error struct {
	Code   ReasonCode // what to tell the peer
	Clause string     // of the specification, as "MQTT-3.1.2-3"; "" when there is none with a number
	Text   string     // what is wrong, for the log
}

// Error returns all three, as "CONNECT: the reserved connect flag is set
// (Malformed Packet, MQTT-3.1.2-3)".
func (e *Error) Error() string {
	s := e.Text + " (" + e.Code.String()
	if e.Clause != "" {
		s += ", " + e.Clause
	}
	return s + ")"
}
