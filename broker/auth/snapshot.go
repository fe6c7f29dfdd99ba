package auth

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// snapshot is what was last read. It never changes but for proven.
type snapshot struct {
	cfg        Config
	generation uint64
	warnings   []string

	users  map[string]hash
	decoy  hash     // is verified for users that do not exist
	fake   fake     // and shown by SCRAM
	proven sync.Map // hash → digest of the password that was right, [32]byte

	restricted bool             // there is an ACL, though it may be empty
	own        map[string]*list // by user; "" for anonymous clients
	patterns   []rule
}

// read reads the files and joins them with what the configuration has.
func (c Config) read() (*snapshot, error) {
	s := &snapshot{
		cfg:        c,
		users:      make(map[string]hash),
		restricted: c.ACLFile != "" || len(c.ACL) > 0,
		own:        make(map[string]*list),
	}
	if err := s.readUsers(c); err != nil {
		return nil, err
	}
	if err := s.readRules(c); err != nil {
		return nil, err
	}
	s.decoy, s.fake = decoy(s.users), newFake(s.users)
	return s, nil
}

func (s *snapshot) readUsers(c Config) error {
	for i, u := range c.Users {
		h, err := parseHash(u.Password)
		if err != nil {
			return fmt.Errorf("users[%d].password: of %q %w", i, u.Name, err)
		}
		s.users[u.Name] = h
	}
	if c.PasswordFile == "" {
		return nil
	}
	inFile := make(map[string]hash)
	if err := readPasswords(c.PasswordFile, inFile); err != nil {
		return fmt.Errorf("password_file: %w", err)
	}
	for name, h := range inFile {
		if s.users[name] != nil {
			return fmt.Errorf("password_file: %s: the user %q is one of users already; keep one of them", c.PasswordFile, name)
		}
		s.users[name] = h
	}
	if info, err := os.Stat(c.PasswordFile); err == nil {
		s.warnAbout(c.PasswordFile, info.Mode())
	}
	return nil
}

// warnAbout warns if a password file is everybody's to read.
func (s *snapshot) warnAbout(path string, mode fs.FileMode) {
	if mode.Perm()&0o006 != 0 {
		s.warnings = append(s.warnings, fmt.Sprintf("password_file: every user of this machine may read or write %s, mode %04o; chmod o= %s", path, mode.Perm(), path))
	}
}

func (s *snapshot) readRules(c Config) error {
	var rules []rule
	if c.ACLFile != "" {
		var err error
		if rules, err = readRules(c.ACLFile); err != nil {
			return fmt.Errorf("acl_file: %w", err)
		}
	}
	for i, r := range c.ACL {
		one, err := r.rule(fmt.Sprintf("acl[%d]", i))
		if err != nil {
			return err
		}
		rules = append(rules, one)
	}
	for _, r := range rules {
		if r.pattern {
			s.patterns = append(s.patterns, r)
			continue
		}
		if s.own[r.user] == nil {
			s.own[r.user] = new(list)
		}
		s.own[r.user].add(r)
	}
	return nil
}

// decoy returns a hash of the kind that most users have, nil if there are
// none.
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

// fake is what SCRAM shows of users that do not exist: what most verifiers
// have, and salts made of a key that stays when the gateway starts again, as
// the salts of real users do.
type fake struct {
	key        []byte // nil if nobody has a verifier
	iterations int
	saltSize   int
}

func newFake(users map[string]hash) fake {
	f := fake{iterations: scramIterations, saltSize: saltSize}
	type kind struct{ iterations, saltSize int }
	count := make(map[kind]int)
	var least *verifier
	for _, h := range users {
		v, ok := h.(*verifier)
		if !ok {
			continue
		}
		count[kind{v.iterations, len(v.salt)}]++
		// One verifier is as good as another, but it has to be the same each
		// time. That it is changed or outdone seldom happens.
		if least == nil || bytes.Compare(v.storedKey, least.storedKey) < 0 {
			least = v
		}
	}
	most := 0
	for k, n := range count {
		if n > most || n == most && (k.iterations > f.iterations || k.iterations == f.iterations && k.saltSize > f.saltSize) {
			most, f.iterations, f.saltSize = n, k.iterations, k.saltSize
		}
	}
	if least != nil {
		f.key = mac(least.serverKey, "salts of users that do not exist")
	}
	return f
}

// verifier returns a verifier for a user who does not exist, and that no proof
// fits. RFC 5802, section 9, advises the salt to be the same each time.
func (f fake) verifier(user string, secret []byte) *verifier {
	key := f.key
	if key == nil {
		key = secret
	}
	var salt []byte
	for block := mac(key, user); len(salt) < f.saltSize; block = mac(key, string(block)) {
		salt = append(salt, block...)
	}
	return &verifier{
		iterations: f.iterations,
		salt:       salt[:f.saltSize],
		storedKey:  make([]byte, 32),
		serverKey:  make([]byte, 32),
	}
}
