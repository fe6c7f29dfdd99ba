package access

import (
	"time"
)

const (
	// maxIdle is how long a session may rest.
	maxIdle = 30 * 24 * time.Hour
	// maxAge is how long a session may last that was begun with a password. One
	// that was begun with a token lasts as long as the token: a display on a wall
	// has nobody who logs in again.
	maxAge = 90 * 24 * time.Hour
	// maxSessions and maxOfToken bound them; whichever has rested longest goes.
	maxSessions = 100
	maxOfToken  = 10
	// writeInterval is how often it is written down that a session or a token is
	// used.
	writeInterval = 24 * time.Hour
)

// session is what is remembered of somebody who has logged in.
type session struct {
	sum           sum
	of            string // the mark of the password it was begun with
	token         string // or the id of the token
	created, used time.Time
	written       time.Time // the used that is in grants.json
	requests      underWay
}

// right is what the session may do: whoever has the password may do everything,
// and a display that came with a token may look, whatever the token may.
func (s *session) right() Right {
	if s.token != "" {
		return Read
	}
	return Admin
}

// expired tells whether the session has rested or lasted too long. A clock that
// was set back makes nothing expire.
func (s *session) expired(now time.Time) bool {
	return now.Sub(s.used) > maxIdle || s.token == "" && now.Sub(s.created) > maxAge
}

// begin adds a session, and returns its id.
func (g *grants) begin(of, token string, now time.Time) string {
	g.makeRoom(token)
	id, sum := newSecret()
	g.sessions[sum] = &session{sum: sum, of: of, token: token, created: now, used: now, requests: make(underWay)}
	return id
}

// makeRoom ends whichever sessions have rested longest, if there are too many.
func (g *grants) makeRoom(token string) {
	var all, ofToken int
	var oldest, oldestOfToken *session
	for _, s := range g.sessions {
		all++
		if oldest == nil || s.used.Before(oldest.used) {
			oldest = s
		}
		if token != "" && s.token == token {
			ofToken++
			if oldestOfToken == nil || s.used.Before(oldestOfToken.used) {
				oldestOfToken = s
			}
		}
	}
	switch {
	case ofToken >= maxOfToken:
		g.end(oldestOfToken)
	case all >= maxSessions:
		g.end(oldest)
	}
}

// find returns the session with an id, nil if there is none any more.
func (g *grants) find(id string, now time.Time) *session {
	sum, ok := parseSecret(id)
	if !ok {
		return nil
	}
	s := g.sessions[sum]
	if s == nil {
		return nil
	}
	if s.expired(now) {
		g.end(s)
		return nil
	}
	return s
}

// end ends a session and its requests.
func (g *grants) end(s *session) {
	delete(g.sessions, s.sum)
	s.requests.end()
}

// endAll ends all sessions that were begun with a password.
func (g *grants) endAll() {
	for _, s := range g.sessions {
		if s.token == "" {
			g.end(s)
		}
	}
}

// expire ends what has expired, and tells whether grants.json is to be written.
// A session with a stream that is open is in use.
func (g *grants) expire(now time.Time) (changed bool) {
	for _, s := range g.sessions {
		if len(s.requests) > 0 {
			s.used = now
		}
		if s.expired(now) {
			g.end(s)
			changed = true
		}
		changed = changed || now.Sub(s.written) >= writeInterval && !s.used.Equal(s.written)
	}
	for _, t := range g.tokens {
		changed = changed || now.Sub(t.written) >= writeInterval && !t.used.Equal(t.written)
	}
	return changed
}
