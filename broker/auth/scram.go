package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Method is a way to prove who one is in more than one step, the
// authentication method of MQTT 5.
type Method interface {
	// Name is what a client asks for, "SCRAM-SHA-256".
	Name() string
	// Begin begins an exchange with a client that shows l, and no password.
	Begin(l Login) Exchange
}

// Exchange is one client's proof. It belongs to one goroutine.
type Exchange interface {
	// Next takes what the client says, nil if that is nothing, and returns what
	// to answer. With done the client has proven who it is.
	Next(data []byte) (answer []byte, done bool, err error)
	// Identity is who that is, once done.
	Identity() Identity
}

// Method returns the method of that name.
func (g *Guard) Method(name string) (Method, bool) {
	if name == "SCRAM-SHA-256" && g.now.Load().cfg.HasPasswords() {
		return scram{g}, true
	}
	return nil, false
}

// scram is SCRAM-SHA-256 without channel binding, RFC 5802 and RFC 7677. User
// names are compared byte by byte: they are not normalised as SASLprep would,
// which changes nothing for ASCII.
type scram struct{ g *Guard }

func (scram) Name() string { return "SCRAM-SHA-256" }

func (m scram) Begin(l Login) Exchange { return &scramExchange{g: m.g, login: l} }

type scramExchange struct {
	g     *Guard
	login Login
	step  int
	user  string
	known bool // the user has a verifier
	v     *verifier

	header  string // of the client's first message, which is not signed
	bare    string // the rest of it
	nonce   string // the client's and ours
	first   string // our first message
	trusted bool
}

// errScram is a message that RFC 5802 does not allow. It repeats nothing of the
// message, which may be long and ends in a log.
func errScram(format string, args ...any) error {
	return fmt.Errorf("SCRAM-SHA-256: "+format, args...)
}

func (e *scramExchange) Identity() Identity {
	if !e.trusted {
		return Identity{}
	}
	return Identity{User: e.user}
}

func (e *scramExchange) Next(data []byte) (answer []byte, done bool, err error) {
	e.step++
	switch {
	case e.step == 1 && data == nil: // the client wants to be asked first
		e.step--
		return []byte{}, false, nil
	case e.step == 1:
		answer, err = e.begin(string(data))
		return answer, false, err
	case e.step == 2:
		answer, err = e.prove(data)
		return answer, err == nil, err
	}
	return nil, false, errScram("nothing is to be said any more")
}

// begin answers the client's first message, "n,,n=user,r=nonce".
func (e *scramExchange) begin(message string) ([]byte, error) {
	if err := e.g.patient(e.login.Remote); err != nil {
		return nil, err
	}
	binding, rest, ok1 := strings.Cut(message, ",")
	authzid, bare, ok2 := strings.Cut(rest, ",")
	switch {
	case !ok1 || !ok2:
		return nil, errScram("the first message is not as RFC 5802 has it")
	case strings.HasPrefix(binding, "p="):
		return nil, errScram("channel binding is not offered")
	case binding != "n" && binding != "y":
		return nil, errScram("the channel binding is none of n, y and p")
	}
	e.header, e.bare = binding+","+authzid+",", bare
	parts := strings.Split(bare, ",")
	if len(parts) < 2 || !strings.HasPrefix(parts[0], "n=") || !strings.HasPrefix(parts[1], "r=") || len(parts[1]) < 3 {
		return nil, errScram("the first message has no name and nonce")
	}
	if !printable(parts[1][2:]) {
		return nil, errScram("the nonce is not printable")
	}
	user, err := unescape(parts[0][2:])
	if err != nil {
		return nil, err
	}
	if authzid != "" {
		if as, err := unescape(strings.TrimPrefix(authzid, "a=")); err != nil || !strings.HasPrefix(authzid, "a=") || as != user {
			return nil, errScram("to act as somebody else is not possible")
		}
	}
	e.user = user
	e.v, e.known = e.g.verifier(user)
	e.nonce = parts[1][2:] + rand.Text()
	e.first = "r=" + e.nonce + ",s=" + encode(e.v.salt) + ",i=" + strconv.Itoa(e.v.iterations)
	return []byte(e.first), nil
}

// verifier returns what a user's proof is checked with. One who does not exist,
// or has no verifier, gets one that nothing fits. It is made for everybody, so
// that the time does not tell.
func (g *Guard) verifier(user string) (v *verifier, known bool) {
	s := g.now.Load()
	none := s.fake.verifier(user, g.secret[:])
	if v, ok := s.users[user].(*verifier); ok {
		return v, true
	}
	return none, false
}

// prove answers the client's final message, "c=…,r=nonce,p=proof".
func (e *scramExchange) prove(message []byte) ([]byte, error) {
	at := bytes.LastIndex(message, []byte(",p="))
	if at < 0 {
		return nil, errScram("the final message has no proof")
	}
	without := string(message[:at])
	proof, err := decode(string(message[at+3:]))
	parts := strings.Split(without, ",")
	switch {
	case err != nil || len(proof) != sha256.Size:
		return nil, errScram("the proof is not one")
	case len(parts) < 2 || parts[0] != "c="+encode([]byte(e.header)):
		return nil, errScram("the channel binding is not that of the first message")
	case parts[1] != "r="+e.nonce:
		return nil, errScram("the nonce is not that of the first message")
	}
	// Asked again: an address may have begun many exchanges at once.
	if err := e.g.patient(e.login.Remote); err != nil {
		return nil, err
	}
	signed := e.bare + "," + e.first + "," + without
	key := mac(e.v.storedKey, signed)
	for i := range key { // the client's key, if the proof is right
		key[i] ^= proof[i]
	}
	stored := sha256.Sum256(key)
	if !hmac.Equal(stored[:], e.v.storedKey) || !e.known {
		e.g.failures.note(e.login.Remote, time.Now())
		return nil, ErrCredentials
	}
	e.trusted = true
	return []byte("v=" + encode(mac(e.v.serverKey, signed))), nil
}

// printable tells whether s has only the characters of a nonce.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e || s[i] == ',' {
			return false
		}
	}
	return true
}

// unescape reads a user name, where =2C is a comma and =3D an equals sign.
func unescape(s string) (string, error) {
	if s == "" {
		return "", errScram("the user name is empty")
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '=' {
			b.WriteByte(s[i])
			continue
		}
		switch {
		case strings.HasPrefix(s[i:], "=2C"):
			b.WriteByte(',')
		case strings.HasPrefix(s[i:], "=3D"):
			b.WriteByte('=')
		default:
			return "", errors.New("SCRAM-SHA-256: the user name has an equals sign that escapes nothing")
		}
		i += 2
	}
	return b.String(), nil
}
