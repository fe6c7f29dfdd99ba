package access

import (
	"crypto/rand"
	"crypto/subtle"
	"strings"
)

const (
	// letters are those that nobody takes for another when they are read from a
	// log: 32 of them, 5 bits each.
	letters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	// wrongCodes is how often a code may be guessed; then there is another.
	wrongCodes = 10
)

// code is what a password is set with by who does not sit at this machine.
type code struct {
	text  string // XXXX-XXXX; "" until somebody needs it
	wrong int
}

// newCode returns a code of 40 bits.
func newCode() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = letters[b[i]&31]
	}
	return string(b[:4]) + "-" + string(b[4:])
}

// right tells whether said is the code, in large letters or small ones, with or
// without what stands between them, in a time that does not depend on how near
// it is. After too many wrong ones it asks for a new code.
func (c *code) right(said string) (right, worn bool) {
	plain := strings.NewReplacer("-", "", " ", "").Replace(strings.ToUpper(said))
	if c.text != "" && subtle.ConstantTimeCompare([]byte(plain), []byte(strings.ReplaceAll(c.text, "-", ""))) == 1 {
		return true, false
	}
	c.wrong++
	return false, c.wrong >= wrongCodes
}

// announce writes the code to the log, where whoever runs this gateway sees it,
// unless it stands there or is not needed.
func (a *Access) announce() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.password != nil || a.damaged != nil || a.code.text != "" {
		return
	}
	a.renewCode()
}

// renewCode makes a new code, and logs it. The caller holds mu.
func (a *Access) renewCode() {
	a.code = code{text: newCode()}
	a.log.Warn("the page has no password yet; whoever sets one from another machine needs this code, which is good once", "code", a.code.text)
}

// takeCode tells whether said is the code.
func (a *Access) takeCode(said string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	right, worn := a.code.right(said)
	if worn {
		a.renewCode()
	}
	return right
}
