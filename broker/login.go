package broker

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"gateway/broker/auth"
	"gateway/broker/door"
	"gateway/broker/packet"
)

// peer returns who is at the other end.
func (c *conn) peer() door.Peer {
	switch nc := c.nc.(type) {
	case *door.Conn:
		return nc.Peer()
	case *wsConn:
		if d, ok := nc.Conn.(*door.Conn); ok {
			return d.Peer()
		}
	}
	var remote netip.AddrPort
	if tcp, ok := c.nc.RemoteAddr().(*net.TCPAddr); ok {
		remote = tcp.AddrPort()
	}
	return door.Peer{Remote: remote}
}

// login returns what the client shows of itself.
func (c *conn) login(p *packet.Connect) auth.Login {
	peer := c.peer()
	return auth.Login{
		ClientID:       c.id,
		Username:       p.Username.V,
		HasUsername:    p.Username.OK,
		Password:       p.Password,
		Remote:         peer.Remote.Addr(),
		Certificate:    peer.Certificate,
		AllowAnonymous: c.terms.anonymous,
	}
}

// refuseLogin answers a CONNECT that was not let in. Which of name and password
// was wrong is nobody's business, and the log's.
func (c *conn) refuseLogin(l auth.Login, err error) error {
	c.b.counters.refusedLogins.Add(1)
	if more, ok := c.b.loginLog.allow(time.Now()); ok {
		c.log().Warn("login refused", "user", short(l.Username), "reason", err, "not_logged", more)
	}
	code, why := packet.NotAuthorized, "not authorized"
	if errors.Is(err, auth.ErrTooMany) {
		code, why = packet.ConnectionRateExceeded, err.Error()
	}
	_ = c.refuse(code, why)
	return refused{code, err.Error(), loginCause(err), l.Username}
}

// stillKnown tells whether there still is the user that the client logged in as.
func (c *conn) stillKnown() bool { return !c.password || c.terms.guard.Knows(c.identity.User) }

// isNobody tells whether the client was let in without a name.
func (c *conn) isNobody() bool { return !c.password && c.identity.User == "" }

// proof is an authentication in several steps, section 4.12.
type proof struct {
	method   string
	exchange auth.Exchange   // going on, or nil
	pending  *packet.Connect // waits for it, or nil
}

// beginExchange begins an authentication of MQTT 5 that takes several steps,
// section 4.12.
func (c *conn) beginExchange(p *packet.Connect) error {
	method := p.Properties.AuthMethod.V
	m, ok := c.terms.guard.Method(method)
	if !ok { // [MQTT-4.12.0-1]
		return c.refuse(packet.BadAuthenticationMethod, "the authentication method "+method+" is not known here")
	}
	c.proof = &proof{method: method, exchange: m.Begin(c.login(p)), pending: p}
	return c.step(p.Properties.AuthData)
}

// step carries the exchange on with what the client says.
func (c *conn) step(data []byte) error {
	answer, done, err := c.proof.exchange.Next(data)
	if err != nil {
		if c.session != nil { // [MQTT-4.12.1-2]
			return &packet.Error{Code: packet.NotAuthorized, Clause: "MQTT-4.12.1-2", Text: err.Error()}
		}
		return c.refuseLogin(c.login(c.proof.pending), err) // [MQTT-4.12.0-4]
	}
	method := packet.Some(c.proof.method)
	switch {
	case !done: // [MQTT-4.12.0-2]
		return c.send(&packet.Auth{Code: packet.ContinueAuthentication, Properties: &packet.Properties{AuthMethod: method, AuthData: answer}})
	case c.session == nil:
		p, id := c.proof.pending, c.proof.exchange.Identity()
		c.proof.pending, c.proof.exchange = nil, nil
		return c.admit(p, id, answer)
	}
	if c.proof.exchange.Identity() != c.identity {
		return &packet.Error{Code: packet.NotAuthorized, Clause: "MQTT-4.12.1-2", Text: "re-authentication as somebody else"}
	}
	c.proof.exchange = nil
	return c.send(&packet.Auth{Code: packet.Success, Properties: &packet.Properties{AuthMethod: method, AuthData: answer}})
}

// handleAuth handles AUTH, before CONNACK and after.
func (c *conn) handleAuth(p *packet.Auth) error {
	switch {
	case c.proof == nil: // [MQTT-4.12.0-6] [MQTT-4.12.0-7]
		return &packet.Error{Code: packet.ProtocolError, Clause: "MQTT-4.12.0-7", Text: "AUTH without an authentication method in CONNECT"}
	case p.Properties.AuthMethod.V != c.proof.method: // [MQTT-4.12.0-5] [MQTT-4.12.1-1]
		return &packet.Error{Code: packet.ProtocolError, Clause: "MQTT-4.12.0-5", Text: "AUTH with another authentication method than CONNECT"}
	case p.Code == packet.ContinueAuthentication && c.proof.exchange != nil: // [MQTT-4.12.0-3]
		return c.step(p.Properties.AuthData)
	case p.Code == packet.ReAuthenticate && c.session != nil:
		m, ok := c.terms.guard.Method(c.proof.method)
		if !ok {
			return &packet.Error{Code: packet.BadAuthenticationMethod, Text: "the authentication method is not known any more"}
		}
		c.proof.exchange = m.Begin(auth.Login{ClientID: c.id, Remote: c.peer().Remote.Addr()})
		return c.step(p.Properties.AuthData)
	}
	return &packet.Error{Code: packet.ProtocolError, Clause: "MQTT-3.15.2-1", Text: "AUTH with " + p.Code.String() + " at this point"}
}

// logLimit lets a few lines of a kind into the log, and counts the others.
type logLimit struct {
	mu    sync.Mutex
	since time.Time
	n     int
	more  int
}

// linesPerMinute is how many lines of a kind are logged in a minute.
const linesPerMinute = 20

// allow tells whether to log, and how many lines were not logged before.
func (l *logLimit) allow(now time.Time) (more int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.since) >= time.Minute {
		l.since, l.n = now, 0
	}
	if l.n >= linesPerMinute {
		l.more++
		return 0, false
	}
	l.n++
	more, l.more = l.more, 0
	return more, true
}

// short is as much of a client's text as a log needs.
func short(s string) string { return shorten(s, 100) }

// shorten is as much of a text as that many bytes.
func shorten(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// denied notes that the client has asked for what it may not have.
func (c *conn) denied(what, name string) {
	c.b.counters.refused.Add(1)
	if more, ok := c.b.deniedLog.allow(time.Now()); ok {
		c.log().Warn("not allowed", "what", what, "topic", short(name), "user", short(c.identity.User), "not_logged", more)
	}
}
