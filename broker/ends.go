package broker

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"gateway/broker/auth"
	"gateway/broker/door"
	"gateway/broker/packet"
)

// Cause is why a connection ended or was not let in: a word for programs, which
// does not change. [End.Reason] says it to a person.
type Cause string

// What ends a connection that was let in.
const (
	ByClient    Cause = "by_client"    // the client said DISCONNECT
	Lost        Cause = "lost"         // the connection ended without
	KeepAlive   Cause = "keep_alive"   // nothing came for one and a half keep-alives
	TakenOver   Cause = "taken_over"   // another connection has the client id now
	BadPacket   Cause = "bad_packet"   // the client sent what is not MQTT, or not allowed
	TooLarge    Cause = "too_large"    // the client sent a packet larger than max_packet_size
	NotReading  Cause = "not_reading"  // the client did not take what was sent to it
	NoRoom      Cause = "no_room"      // a message could not be taken, and MQTT 3 cannot say so
	UserGone    Cause = "user_gone"    // its user was removed
	Kicked      Cause = "kicked"       // somebody has ended it
	DoorChanged Cause = "door_changed" // the listener that it came in by has changed, or is gone
	Stopped     Cause = "stopped"      // the broker stopped
	BrokerFault Cause = "broker_fault" // a bug of ours
)

// What keeps a client from being let in, besides those above.
const (
	NotTrusted    Cause = "not_trusted"    // wrong user name or password
	NoName        Cause = "no_name"        // a user name is needed
	TooManyTries  Cause = "too_many_tries" // its address has failed too often
	NotAllowed    Cause = "not_allowed"    // known, and the rules do not let it in like this
	WrongVersion  Cause = "wrong_version"  // a version of MQTT that is not spoken here
	NoClientID    Cause = "no_client_id"   // without a client id, or with one that cannot be
	Silent        Cause = "silent"         // no CONNECT in time
	Full          Cause = "full"           // as many clients as may be
	Unready       Cause = "unready"        // stopping, or the store cannot be written
	BadHandshake  Cause = "bad_handshake"  // TLS or PROXY header
	UnknownMethod Cause = "unknown_method" // of authentication
)

// End is the end of a connection, or an attempt to make one that came to
// nothing.
type End struct {
	ClientID string // "" if CONNECT did not come, or had none
	User     string
	Address  string // host:port, or what the listener has for one
	Listener string // where the client came in: "tls 0.0.0.0:8883"
	Version  string // of MQTT; "" if CONNECT could not be understood
	// LetIn tells whether the client was: otherwise the connection was refused.
	LetIn     bool
	Connected time.Duration // for how long it was

	Time  time.Time // when it ended
	First time.Time // when the same happened for the first time, of Count
	// Count is how often: attempts of one client and address that are refused for
	// the same cause are one End.
	Count int

	Cause Cause
	// Detail is what else is known, in words: what was wrong with a packet, why
	// the client was kicked.
	Detail string
	// KeepAlive is the client's, if that is the Cause.
	KeepAlive time.Duration
	// By is the address of the client that took over.
	By string
}

// Reason says why in words that a person can act on.
func (e End) Reason() string {
	switch e.Cause {
	case ByClient:
		return "closed by the client"
	case Lost:
		return "the connection was lost: the client did not say goodbye; it crashed, lost power or lost its network" + behind(e.Detail)
	case KeepAlive:
		return fmt.Sprintf("keep-alive of %v passed without a packet: the client hangs, sleeps or lost its network", e.KeepAlive)
	case TakenOver:
		if hostOf(e.By) == hostOf(e.Address) {
			return "the same client connected again, from " + e.By + ", before this connection was known to be lost"
		}
		return "taken over by another client of the same id from " + e.By + "; if it goes on, two devices have the same client id: give each its own"
	case BadPacket:
		return "sent what is not allowed: " + e.Detail
	case TooLarge:
		return "sent a packet that is too large: " + e.Detail + "; send less, or raise max_packet_size"
	case NotReading:
		return "did not read what was sent to it: " + e.Detail
	case NoRoom:
		return "a message of it could not be taken: " + e.Detail
	case UserGone:
		return "its user was removed"
	case Kicked:
		return "disconnected by somebody" + behind(e.Detail)
	case DoorChanged:
		return "the listener that it came in by has changed, or is gone"
	case Stopped:
		return "the gateway stopped"
	}
	return e.refusal()
}

// refusal is Reason for clients that were not let in.
func (e End) refusal() string {
	switch e.Cause {
	case NotTrusted:
		return "wrong user name or password"
	case NoName:
		return "no user name, and one is needed here"
	case TooManyTries:
		return "not heard: " + e.Detail
	case NotAllowed:
		return "refused by the rules: " + e.Detail
	case WrongVersion, NoClientID, Unready, BadHandshake, UnknownMethod:
		return e.Detail
	case Silent:
		return "connected and said nothing: " + e.Detail
	case Full:
		return "no more clients are let in: " + e.Detail
	case BrokerFault:
		return "a bug of the gateway, please report what the log says: " + e.Detail
	}
	return e.Detail
}

func behind(detail string) string {
	if detail == "" {
		return ""
	}
	return ": " + detail
}

func hostOf(address string) string {
	if a, err := netip.ParseAddrPort(address); err == nil {
		return a.Addr().String()
	}
	return address
}

// ends remembers how connections ended. The zero value is ready.
type ends struct {
	mu      sync.Mutex
	letIn   ring // of those that were let in
	refused ring // of those that were not
}

const (
	// maxEnds is how many ends are remembered, and how many refusals, which a
	// stranger can cause as many of as it likes.
	maxEnds     = 200
	maxRefusals = 100
	// maxPerHost is how many of the refusals may be of one host.
	maxPerHost = 10
	// maxDetail is how long a Detail may be, bytes: what OpenSSL and Go say of TLS
	// with what to do about it.
	maxDetail = 400
)

// ring is ends, the newest last.
type ring []*End

func (r *ring) add(e *End, most int) {
	if len(*r) >= most {
		*r = slices.Delete(*r, 0, len(*r)-most+1)
	}
	*r = append(*r, e)
}

// note remembers e. An attempt that is like an earlier one is counted with it.
func (x *ends) note(e *End) {
	e.ClientID, e.User, e.Detail = short(e.ClientID), short(e.User), shorten(e.Detail, maxDetail)
	e.First, e.Count = e.Time, 1
	x.mu.Lock()
	defer x.mu.Unlock()
	if e.LetIn {
		x.letIn.add(e, maxEnds)
		return
	}
	host := hostOf(e.Address)
	ofHost, oldest := 0, -1
	for i, old := range x.refused {
		if hostOf(old.Address) != host {
			continue
		}
		if old.ClientID == e.ClientID && old.Cause == e.Cause {
			e.First, e.Count = old.First, old.Count+1
			x.refused = slices.Delete(x.refused, i, i+1)
			x.refused.add(e, maxRefusals)
			return
		}
		if ofHost++; oldest < 0 {
			oldest = i
		}
	}
	if ofHost >= maxPerHost {
		x.refused = slices.Delete(x.refused, oldest, oldest+1)
	}
	x.refused.add(e, maxRefusals)
}

// Ends returns how the last connections ended, and which were refused, the
// newest first: the last 200 that were let in, and 100 others.
func (b *Broker) Ends() []End {
	b.ends.mu.Lock()
	all := make([]End, 0, len(b.ends.letIn)+len(b.ends.refused))
	for _, r := range []ring{b.ends.letIn, b.ends.refused} {
		for _, e := range r {
			all = append(all, *e)
		}
	}
	b.ends.mu.Unlock()
	slices.SortStableFunc(all, func(x, y End) int { return y.Time.Compare(x.Time) })
	return all
}

// ending is why the broker ends a connection itself.
type ending struct {
	cause  Cause
	detail string
	by     string // who takes it over
}

// noteEnd remembers that c has ended with err. It is called by the reading
// goroutine, at the end.
func (c *conn) noteEnd(err error) *End {
	e := &End{
		ClientID: c.id, User: c.identity.User, Address: c.address(), Listener: c.terms.name(), LetIn: c.session != nil, Time: time.Now(),
	}
	if c.version != 0 {
		e.Version = c.version.String()
	}
	if e.LetIn {
		e.Connected = c.b.passed() - c.since
	}
	c.explainEnd(e, err)
	if !e.LetIn && e.Cause == Lost { // a port scan, or a client that went before it was heard
		return e
	}
	c.b.ends.note(e)
	return e
}

// explainEnd sets why c has ended with err.
func (c *conn) explainEnd(e *End, err error) {
	c.mu.Lock()
	why := c.ending
	c.mu.Unlock()
	var no refused
	var perr *packet.Error
	switch {
	case why != nil && errors.Is(err, errEnded):
		e.Cause, e.Detail, e.By = why.cause, why.detail, why.by
	case errors.Is(err, errDisconnected):
		e.Cause = ByClient
	case errors.As(err, &no):
		e.Cause, e.Detail, e.User = no.cause, no.why, cmp.Or(no.user, e.User)
	case errors.As(err, &perr):
		e.Cause, e.Detail = c.causeOf(perr.Code), perr.Error()
		e.KeepAlive = c.keepAlive * 2 / 3
	case errors.Is(err, errNotTaken):
		e.Cause, e.Detail = NoRoom, err.Error()
	case errors.Is(err, errSilent):
		e.Cause, e.Detail = Silent, err.Error()
	case errors.Is(err, errFirstPacket):
		e.Cause, e.Detail = BadPacket, err.Error()
	case errors.Is(err, errWrite) && errors.Is(err, os.ErrDeadlineExceeded):
		e.Cause, e.Detail = NotReading, fmt.Sprintf("nothing for %v (write_timeout)", c.b.cfg().WriteTimeout)
	case errors.Is(err, errLost):
		e.Cause = Lost
	default:
		e.Cause, e.Detail = Lost, err.Error()
	}
}

// causes are those of packets that end a connection.
var causes = map[packet.ReasonCode]Cause{
	packet.KeepAliveTimeout:            KeepAlive,
	packet.PacketTooLarge:              TooLarge,
	packet.NotAuthorized:               UserGone,
	packet.ServerBusy:                  NoRoom,
	packet.ImplementationSpecificError: BrokerFault,
}

// causeOf returns what a reason code that the broker has ended the connection
// with says.
func (c *conn) causeOf(code packet.ReasonCode) Cause {
	if code == packet.NotAuthorized && c.stillKnown() { // who logged in again, and failed
		return NotTrusted
	}
	return cmp.Or(causes[code], BadPacket)
}

// refusalCauses are those of CONNACK.
var refusalCauses = map[packet.ReasonCode]Cause{
	packet.UnsupportedProtocolVersion: WrongVersion,
	packet.ClientIdentifierNotValid:   NoClientID,
	packet.NotAuthorized:              NotAllowed,
	packet.ConnectionRateExceeded:     TooManyTries,
	packet.ServerUnavailable:          Unready,
	packet.BadAuthenticationMethod:    UnknownMethod,
}

// loginCause is why a login is refused.
func loginCause(err error) Cause {
	switch {
	case errors.Is(err, auth.ErrCredentials):
		return NotTrusted
	case errors.Is(err, auth.ErrAnonymous):
		return NoName
	case errors.Is(err, auth.ErrTooMany):
		return TooManyTries
	}
	return NotTrusted
}

// refusedAtDoor remembers a connection that did not get as far as MQTT.
func (b *Broker) refusedAtDoor(listener, remote string, err error) {
	e := &End{Address: remote, Listener: listener, Time: time.Now(), Cause: BadHandshake, Detail: err.Error()}
	if errors.Is(err, door.ErrFull) {
		e.Cause = Full
	}
	b.ends.note(e)
}

// address returns where c comes from, as text.
func (c *conn) address() string {
	if a := c.peer().Remote; a.IsValid() {
		return a.String()
	}
	if a := c.nc.RemoteAddr(); a != nil {
		return strings.TrimSpace(a.String())
	}
	return ""
}
