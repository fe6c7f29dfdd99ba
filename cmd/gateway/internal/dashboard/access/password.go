package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"gateway/broker/auth"
	"gateway/cmd/gateway/internal/dashboard/answer"
)

const (
	minPassword = 8    // characters
	maxPassword = 1024 // bytes
	// turnPatience is how long a login waits until another has been computed.
	turnPatience = 10 * time.Second
)

// checkPassword tells why a password cannot be one.
func checkPassword(p string) error {
	switch n := utf8.RuneCountInString(p); {
	case !utf8.ValidString(p):
		return answer.Say("password.utf8", "the password is not UTF-8")
	case n < minPassword:
		return answer.Say("password.short", "the password has {n} characters; at least {least} are needed", n, minPassword)
	case len(p) > maxPassword:
		return answer.Say("password.long", "the password has {n} bytes; at most {most} are possible", len(p), maxPassword)
	}
	return nil
}

// password is what is kept of one.
type password struct {
	hash  string
	guard *auth.Guard // checks it
	sum   string      // of the hash, see mark
}

// user is the name that the guard knows the password's owner by; there is one.
const user = "page"

// parsePassword reads a hash. Whatever broker/auth computes is taken.
func parsePassword(hash string) (*password, error) {
	g, err := auth.Open(auth.Config{Users: []auth.User{{Name: user, Password: hash}}})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(hash))
	return &password{hash, g, hex.EncodeToString(sum[:])}, nil
}

// mark is what sessions are bound to: it is of this password alone, and says
// nothing of it.
func (p *password) mark() string {
	if p == nil {
		return ""
	}
	return p.sum
}

// errBusy means that too many hashes are to be computed.
var errBusy = errors.New("other logins are being checked")

// takeTurn waits for the right to compute a hash; the caller gives it back.
func (a *Access) takeTurn(ctx context.Context) (giveBack func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, turnPatience)
	defer cancel()
	select {
	case a.turn <- struct{}{}:
		return func() { <-a.turn }, nil
	case <-ctx.Done():
		return nil, errBusy
	}
}

// verify returns the mark of the password now if said is it, "" if it is not, in a
// time that does not depend on how near it is. It takes about a second on a small
// board.
func (a *Access) verify(ctx context.Context, said string) (mark string, err error) {
	giveBack, err := a.takeTurn(ctx)
	if err != nil {
		return "", err
	}
	defer giveBack()
	a.mu.Lock()
	p := a.password
	a.mu.Unlock()
	if p == nil || len(said) > maxPassword {
		return "", nil
	}
	if _, err := p.guard.Login(auth.Login{Username: user, HasUsername: true, Password: []byte(said)}); err != nil {
		return "", nil // there is no other reason
	}
	return p.mark(), nil
}

// errSet means that somebody else has set a password meanwhile.
var errSet = errors.New("a password is set already")

// setPassword makes said the password in place of the one with the mark was, ""
// for none, and ends the sessions of that but for keep. It returns its mark.
func (a *Access) setPassword(ctx context.Context, was, said string, keep *session) (mark string, err error) {
	giveBack, err := a.takeTurn(ctx)
	if err != nil {
		return "", err
	}
	defer giveBack()
	p, err := parsePassword(auth.HashPassword([]byte(said)))
	if err != nil {
		return "", fmt.Errorf("hash the password: %w", err)
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	return p.mark(), a.replacePassword(was, p, keep)
}

// replacePassword writes p and takes it. The caller holds writing and mu: nobody
// may use the old password while it is replaced.
func (a *Access) replacePassword(was string, p *password, keep *session) error {
	a.read(time.Now())
	if a.damaged != nil {
		return a.damaged
	}
	if a.password.mark() != was {
		return errSet
	}
	if a.folder != "" {
		if err := writePassword(a.folder, p.hash); err != nil {
			return err
		}
	}
	if keep != nil {
		keep.of = p.mark()
	}
	a.take(p)
	a.stamp()
	return nil
}

// take makes p, nil for none, the password that counts. The caller holds mu.
func (a *Access) take(p *password) {
	a.password, a.damaged = p, nil
	a.code = code{}
	a.tries.reset() // whoever waits has a new password to try
	a.grants.bind(p.mark())
	if p != nil && !a.anonymous.Load() {
		a.free.end()
	}
}
