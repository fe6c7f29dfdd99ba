package access

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gateway/cmd/gateway/internal/dashboard/answer"
)

const (
	// tokenPrefix lets people, and programs that look for leaks, know a token.
	tokenPrefix = "gw_"
	maxTokens   = 50
	maxName     = 64 // characters
)

// token is what a script or a display shows.
type token struct {
	id            string
	name          string
	right         Right // Read or Admin
	created, used time.Time
	written       time.Time // the used that is in grants.json
	requests      underWay
}

// roleOf returns the word for what a token or a session may do.
func roleOf(r Right) string {
	switch r {
	case Admin:
		return "admin"
	case Read:
		return "viewer"
	}
	return ""
}

func rightOf(role string) (Right, bool) {
	switch role {
	case "admin":
		return Admin, true
	case "viewer":
		return Read, true
	}
	return Open, false
}

// checkName tells why a token cannot have a name.
func checkName(name string) error {
	switch n := utf8.RuneCountInString(name); {
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return answer.Say("token.control", "name: control characters cannot stand in it")
	case strings.TrimSpace(name) == "":
		return answer.Say("token.noname", "name: say what the token is for, such as hallway display")
	case n > maxName:
		return answer.Say("token.long", "name: it has {n} characters; at most {most} are possible", n, maxName)
	}
	return nil
}

// errTaken and errFull are why a token cannot be made.
var (
	errTaken = answer.Say("token.taken", "there is a token of that name; choose another, or revoke that one")
	errFull  = answer.Say("token.full", "there are {n} tokens, which is as many as there can be; revoke one that is not used", maxTokens)
)

// newToken adds a token, and returns it as whoever is to have it shows it, and as
// it is kept.
func (g *grants) newToken(name string, right Right, now time.Time) (string, *token, error) {
	if len(g.tokens) >= maxTokens {
		return "", nil, errFull
	}
	id := newID()
	for _, t := range g.tokens {
		if t.name == name {
			return "", nil, errTaken
		}
	}
	for g.tokenWithID(id) != nil {
		id = newID()
	}
	secret, sum := newSecret()
	t := &token{id: id, name: name, right: right, created: now, requests: make(underWay)}
	g.tokens[sum] = t
	return tokenPrefix + secret, t, nil
}

// findToken returns the token that somebody shows, nil if there is none.
func (g *grants) findToken(shown string) *token {
	secret, ok := strings.CutPrefix(shown, tokenPrefix)
	if !ok {
		return nil
	}
	sum, ok := parseSecret(secret)
	if !ok {
		return nil
	}
	return g.tokens[sum]
}

func (g *grants) tokenWithID(id string) *token {
	for _, t := range g.tokens {
		if t.id == id {
			return t
		}
	}
	return nil
}

// revoke ends a token, its sessions and their requests. It reports whether there
// was one.
func (g *grants) revoke(id string) bool {
	for sum, t := range g.tokens {
		if t.id != id {
			continue
		}
		delete(g.tokens, sum)
		t.requests.end()
		for _, s := range g.sessions {
			if s.token == id {
				g.end(s)
			}
		}
		return true
	}
	return false
}
