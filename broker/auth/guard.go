package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Why a login is refused. A client is not told which of the first two.
var (
	// ErrCredentials means that the name or the password is wrong.
	ErrCredentials = errors.New("wrong user name or password")
	// ErrAnonymous means that there was no user name, and one is needed.
	ErrAnonymous = errors.New("a user name is needed")
	// ErrTooMany means that the login was refused unheard and that a later one
	// may be heard: the address has failed too often, or too many others wait.
	ErrTooMany = errors.New("too many logins")
)

// Login is what a client shows of itself.
type Login struct {
	ClientID    string
	Username    string
	HasUsername bool
	Password    []byte
	Remote      netip.Addr
	// Certificate is the user name of the client's certificate, which was
	// checked; "" for none.
	Certificate string
	// AllowAnonymous is whether its listener lets clients in without a name.
	AllowAnonymous bool
}

// Identity is who a client is.
type Identity struct {
	User string // "" for an anonymous client
}

// Guard knows passwords and rules. All methods may be called concurrently.
type Guard struct {
	failures *failures
	costly   chan struct{} // held by who computes a hash
	secret   [32]byte      // of this process

	reload sync.Mutex
	now    atomic.Pointer[snapshot]
}

const (
	// atOnce is how many hashes are computed at once. It bounds the memory that
	// logins take: 19 MiB each for our hashes, 46 MiB for those of Mosquitto 2.1.
	atOnce = 2
	// patience is how long a login waits for its turn. Clients give up after
	// about as long, and to compute hashes for those who are gone would keep
	// those who are there from ever getting in.
	patience = 10 * time.Second
)

// Open makes a guard, and fails if a file cannot be read or is wrong.
func Open(cfg Config) (*Guard, error) {
	g := &Guard{failures: newFailures(cfg.MaxFailedLogins), costly: make(chan struct{}, atOnce)}
	_, _ = rand.Read(g.secret[:]) // never fails
	s, err := cfg.read()
	if err != nil {
		return nil, err
	}
	s.generation = 1
	g.now.Store(s)
	return g, nil
}

// Reload reads the files again. If one is wrong what was read before stays in
// force.
func (g *Guard) Reload() error { return g.change(func(c Config) Config { return c }) }

// Change makes cfg, which has been validated, what the guard goes by, and reads
// its files. If one is wrong nothing changes.
func (g *Guard) Change(cfg Config) error { return g.change(func(Config) Config { return cfg }) }

func (g *Guard) change(to func(Config) Config) error {
	g.reload.Lock()
	defer g.reload.Unlock()
	cfg := to(g.now.Load().cfg)
	s, err := cfg.read()
	if err != nil {
		return err
	}
	g.failures.allow(cfg.MaxFailedLogins)
	s.generation = g.now.Load().generation + 1
	g.now.Store(s)
	return nil
}

// Config is what the guard goes by.
func (g *Guard) Config() Config { return g.now.Load().cfg }

// Generation grows with every Reload: rights from before may be wrong.
func (g *Guard) Generation() uint64 { return g.now.Load().generation }

// Warnings tells what is allowed and unwise in what was last read: a line for
// each, for the log. Each begins with the key.
func (g *Guard) Warnings() []string { return g.now.Load().warnings }

// Knows tells whether there is such a user, or nobody is asked for a password.
// Who was let in by another password than the user has now is still known: a
// password is changed without taking the connection of who had the old one.
func (g *Guard) Knows(user string) bool {
	s := g.now.Load()
	return !s.cfg.HasPasswords() || s.users[user] != nil
}

// Login says who a client is, or why it may not come in. It may take a second
// to compute, and up to ten while others are computed.
func (g *Guard) Login(l Login) (Identity, error) {
	s := g.now.Load()
	switch {
	case l.Certificate != "":
		return Identity{User: l.Certificate}, nil
	case !l.HasUsername && (!l.AllowAnonymous || s.cfg.RequireLogin):
		return Identity{}, ErrAnonymous
	case !l.HasUsername:
		return Identity{}, nil
	case !s.cfg.HasPasswords():
		if !l.AllowAnonymous {
			return Identity{}, ErrAnonymous
		}
		return Identity{User: l.Username}, nil // as with Mosquitto: nobody checks
	}
	if err := g.patient(l.Remote); err != nil {
		return Identity{}, err
	}
	h, known := s.users[l.Username]
	if known && g.recall(s, h, l.Password) {
		return Identity{User: l.Username}, nil
	}
	if !known {
		h = s.decoy
	}
	right, err := g.verify(h, l)
	switch {
	case err != nil:
		return Identity{}, err
	case !right || !known:
		return Identity{}, ErrCredentials
	}
	s.proven.Store(h, g.digest(l.Password))
	return Identity{User: l.Username}, nil
}

// patient returns an error if an address has to wait before it is heard.
func (g *Guard) patient(a netip.Addr) error {
	if wait := g.failures.wait(a, time.Now()); wait > 0 {
		return fmt.Errorf("%w from this address have failed; try again in %v", ErrTooMany, (wait + time.Second - 1).Truncate(time.Second))
	}
	return nil
}

// verify tells whether h, nil if there is no user at all, is the hash of the
// password, and counts the failure if it is not. It waits for its turn, and
// asks again then whether the address may try: the failures of many logins
// that came at once are known only now.
func (g *Guard) verify(h hash, l Login) (bool, error) {
	turn := time.NewTimer(patience)
	defer turn.Stop()
	select {
	case g.costly <- struct{}{}:
	case <-turn.C:
		return false, fmt.Errorf("%w are being checked; try again later", ErrTooMany)
	}
	defer func() { <-g.costly }()
	if err := g.patient(l.Remote); err != nil {
		return false, err
	}
	if h != nil && h.verify(l.Password) {
		return true, nil
	}
	g.failures.note(l.Remote, time.Now())
	return false, nil
}

// recall tells whether the password was right for h before. Devices that come
// back after an outage, all at once, need not wait until a small computer has
// computed a costly hash for each. A wrong password is never quicker.
func (g *Guard) recall(s *snapshot, h hash, password []byte) bool {
	proven, ok := s.proven.Load(h)
	if !ok {
		return false
	}
	before, now := proven.([32]byte), g.digest(password)
	return hmac.Equal(before[:], now[:])
}

// digest returns what is remembered of a password. It is worth nothing without
// this process's secret.
func (g *Guard) digest(password []byte) [32]byte { return [32]byte(mac(g.secret[:], string(password))) }

// Rights returns what a client may do, nil if that is everything.
func (g *Guard) Rights(id Identity, clientID string) *Rights {
	s := g.now.Load()
	if !s.restricted {
		return nil
	}
	r := &Rights{own: s.own[id.User]}
	if strings.ContainsAny(id.User+clientID, "+#") { // wildcards, once in a filter
		return r
	}
	for _, rule := range s.patterns {
		if filter, ok := rule.substitute(id, clientID); ok {
			rule.filter = filter
			r.patterns.add(rule)
		}
	}
	return r
}
