package auth

import (
	"errors"
	"fmt"
	"net/netip"
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
	// ErrTooMany means that the address has failed too often.
	ErrTooMany = errors.New("too many failed logins from this address")
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
	cfg      Config
	failures *failures
	costly   chan struct{} // held by who computes a hash

	reload sync.Mutex
	now    atomic.Pointer[snapshot]
}

// snapshot is what was last read. It never changes.
type snapshot struct {
	generation uint64
	users      map[string]hash
	decoy      hash // is verified for users that do not exist
	rules      []rule
	restricted bool // there is an ACL, though it may be empty
}

// atOnce is how many hashes are computed at once.
const atOnce = 2

// Open makes a guard, and fails if a file cannot be read or is wrong.
func Open(cfg Config) (*Guard, error) {
	g := &Guard{cfg: cfg, failures: newFailures(cfg.MaxFailedLogins), costly: make(chan struct{}, atOnce)}
	s, err := cfg.read()
	if err != nil {
		return nil, err
	}
	s.generation = 1
	g.now.Store(s)
	return g, nil
}

// read reads the files and joins them with what the configuration has.
func (c Config) read() (*snapshot, error) {
	s := &snapshot{users: make(map[string]hash), restricted: c.ACLFile != "" || len(c.ACL) > 0}
	for _, u := range c.Users {
		h, err := parseHash(u.Password)
		if err != nil {
			return nil, fmt.Errorf("the password of %q %w", u.Name, err)
		}
		s.users[u.Name] = h
	}
	if c.PasswordFile != "" {
		if err := readPasswords(c.PasswordFile, s.users); err != nil {
			return nil, fmt.Errorf("password_file: %w", err)
		}
	}
	if c.ACLFile != "" {
		rules, err := readRules(c.ACLFile)
		if err != nil {
			return nil, fmt.Errorf("acl_file: %w", err)
		}
		s.rules = rules
	}
	for i, r := range c.ACL {
		one, err := r.rule(fmt.Sprintf("acl[%d]", i))
		if err != nil {
			return nil, err
		}
		s.rules = append(s.rules, one)
	}
	s.decoy = decoy(s.users)
	return s, nil
}

// decoy returns a hash of the kind that most users have.
func decoy(users map[string]hash) (most hash) {
	count := make(map[string]int)
	for _, h := range users {
		kind := fmt.Sprintf("%T", h)
		if count[kind]++; most == nil || count[kind] > count[fmt.Sprintf("%T", most)] {
			most = h
		}
	}
	return most
}

// Reload reads the files again. If one is wrong what was read before stays in
// force.
func (g *Guard) Reload() error {
	g.reload.Lock()
	defer g.reload.Unlock()
	s, err := g.cfg.read()
	if err != nil {
		return err
	}
	s.generation = g.now.Load().generation + 1
	g.now.Store(s)
	return nil
}

// Generation grows with every Reload: rights from before may be wrong.
func (g *Guard) Generation() uint64 { return g.now.Load().generation }

// Login says who a client is, or why it may not come in. It may take a second
// to compute.
func (g *Guard) Login(l Login) (Identity, error) {
	switch {
	case l.Certificate != "":
		return Identity{User: l.Certificate}, nil
	case !l.HasUsername && !l.AllowAnonymous:
		return Identity{}, ErrAnonymous
	case !l.HasUsername:
		return Identity{}, nil
	case !g.cfg.HasPasswords():
		if !l.AllowAnonymous {
			return Identity{}, ErrAnonymous
		}
		return Identity{User: l.Username}, nil // as with Mosquitto: nobody checks
	}
	if !g.failures.allow(l.Remote, time.Now()) {
		return Identity{}, ErrTooMany
	}
	s := g.now.Load()
	h, known := s.users[l.Username]
	if !known {
		h = s.decoy
	}
	right := h != nil && g.verify(h, l.Password)
	if !right || !known {
		g.failures.note(l.Remote, time.Now())
		return Identity{}, ErrCredentials
	}
	return Identity{User: l.Username}, nil
}

func (g *Guard) verify(h hash, password []byte) bool {
	g.costly <- struct{}{}
	defer func() { <-g.costly }()
	return h.verify(password)
}

// Rights returns what a client may do, nil if that is everything.
func (g *Guard) Rights(id Identity, clientID string) *Rights {
	s := g.now.Load()
	if !s.restricted {
		return nil
	}
	r := &Rights{}
	for _, rule := range s.rules {
		if rule.pattern {
			if widens(id.User) || widens(clientID) {
				continue
			}
			filter, ok := substitute(rule.filter, id, clientID)
			if !ok {
				continue
			}
			rule.filter = filter
			r.patterns.add(rule)
		} else if rule.user == id.User {
			r.own.add(rule)
		}
	}
	return r
}
