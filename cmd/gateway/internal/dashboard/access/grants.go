package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// secretSize is how many bytes by chance a session's id and a token have.
const secretSize = 32

// sum is the SHA-256 of a secret, which is what is kept of it.
type sum [sha256.Size]byte

// newSecret returns a secret, as it is written, and what is kept of it.
func newSecret() (string, sum) {
	var b [secretSize]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:]), sha256.Sum256(b[:])
}

// parseSecret returns what would be kept of a secret that somebody shows. It is
// looked for by that, so that no time tells how near it is.
func parseSecret(text string) (sum, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != secretSize {
		return sum{}, false
	}
	return sha256.Sum256(b), true
}

// newID returns a name by chance that is no secret.
func newID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// grants are the sessions and tokens that there are. They are guarded by the
// Access that has them.
type grants struct {
	id       string // of this gateway, in the name of its cookie; "" in memory
	sessions map[sum]*session
	tokens   map[sum]*token
}

func newGrants() grants {
	return grants{id: newID(), sessions: make(map[sum]*session), tokens: make(map[sum]*token)}
}

// bind ends the sessions that were begun with another password than the one with
// this mark.
func (g *grants) bind(mark string) {
	for _, s := range g.sessions {
		if s.token == "" && s.of != mark {
			g.end(s)
		}
	}
}

// The form of grants.json. Times are ms since 1970.
type (
	keptGrants struct {
		Version  int           `json:"version"` // 1
		ID       string        `json:"id"`
		Sessions []keptSession `json:"sessions"`
		Tokens   []keptToken   `json:"tokens"`
	}
	keptSession struct {
		Sum     string `json:"sum"`
		Of      string `json:"of,omitempty"`    // the mark of its password
		Token   string `json:"token,omitempty"` // the id of its token
		Created int64  `json:"created_ms"`
		Used    int64  `json:"used_ms"`
	}
	keptToken struct {
		Sum     string `json:"sum"`
		ID      string `json:"id"`
		Name    string `json:"name"`
		Role    string `json:"role"`
		Created int64  `json:"created_ms"`
		Used    int64  `json:"used_ms"` // 0: never
	}
)

// marshal returns grants.json, and notes what of it has been written. Ages are
// taken by a clock that does not jump: what began before a board without a battery
// knew the time is written with the right one.
func (g *grants) marshal(now time.Time) []byte {
	ms := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return now.Add(-now.Sub(t)).UnixMilli()
	}
	k := keptGrants{Version: 1, ID: g.id, Sessions: []keptSession{}, Tokens: []keptToken{}}
	for sum, s := range g.sessions {
		k.Sessions = append(k.Sessions, keptSession{hex.EncodeToString(sum[:]), s.of, s.token, ms(s.created), ms(s.used)})
		s.written = s.used
	}
	for sum, t := range g.tokens {
		k.Tokens = append(k.Tokens, keptToken{hex.EncodeToString(sum[:]), t.id, t.name, roleOf(t.right), ms(t.created), ms(t.used)})
		t.written = t.used
	}
	b, err := json.Marshal(k)
	if err != nil {
		panic(err) // of strings and numbers
	}
	return append(b, '\n')
}

// parseGrants reads grants.json.
func parseGrants(b []byte) (grants, error) {
	g := newGrants()
	var k keptGrants
	switch err := json.Unmarshal(b, &k); {
	case err != nil:
		return g, err
	case k.Version != 1:
		return g, fmt.Errorf("it is of version %d and this gateway knows version 1", k.Version)
	case !isID(k.ID):
		return g, errors.New("id: it is not of eight digits")
	case len(k.Sessions) > maxSessions || len(k.Tokens) > maxTokens:
		return g, errors.New("it has more sessions or tokens than there can be")
	}
	g.id = k.ID
	for i, t := range k.Tokens {
		if err := g.addKeptToken(t); err != nil {
			return g, fmt.Errorf("tokens[%d]: %w", i, err)
		}
	}
	for i, s := range k.Sessions {
		if err := g.addKeptSession(s); err != nil {
			return g, fmt.Errorf("sessions[%d]: %w", i, err)
		}
	}
	return g, nil
}

func (g *grants) addKeptToken(k keptToken) error {
	sum, ok := parseSum(k.Sum)
	right, known := rightOf(k.Role)
	if !ok || !known || !isID(k.ID) || g.tokenWithID(k.ID) != nil {
		return errors.New("it is damaged")
	}
	if err := checkName(k.Name); err != nil {
		return err
	}
	g.tokens[sum] = &token{id: k.ID, name: k.Name, right: right, created: fromMS(k.Created), used: fromMS(k.Used), written: fromMS(k.Used), requests: make(underWay)}
	return nil
}

func (g *grants) addKeptSession(k keptSession) error {
	sum, ok := parseSum(k.Sum)
	if !ok {
		return errors.New("it is damaged")
	}
	if k.Token != "" && g.tokenWithID(k.Token) == nil {
		return nil // it has ended with its token
	}
	g.sessions[sum] = &session{sum: sum, of: k.Of, token: k.Token, created: fromMS(k.Created), used: fromMS(k.Used), written: fromMS(k.Used), requests: make(underWay)}
	return nil
}

func fromMS(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func parseSum(text string) (s sum, ok bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(s) {
		return s, false
	}
	return sum(b), true
}

func isID(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == 4 && hex.EncodeToString(b) == text
}
