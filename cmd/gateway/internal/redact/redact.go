// Package redact takes secrets out of texts that leave the gateway: lines of the
// log on the page, and the support bundle. It knows names that secrets go by, the
// forms in which they stand in texts, and those values that it was told.
//
// It errs on the side of taking too much. What is taken out reads ***.
package redact

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Mark stands where a secret was.
const Mark = "***"

// Redactor takes secrets out. The zero value knows forms and names; its methods
// may be called concurrently.
type Redactor struct {
	mu     sync.RWMutex
	known  []string // longest first
	values *strings.Replacer
}

// shortest is the length of a secret that is looked for wherever it stands. A
// shorter one would tear words apart: a password "on" is in half of all texts.
const shortest = 4

// Add tells of secrets that are to be taken out wherever they stand.
func (r *Redactor) Add(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		if len(s) >= shortest && !slices.Contains(r.known, s) {
			r.known = append(r.known, s)
		}
	}
	slices.SortFunc(r.known, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(r.known))
	for _, s := range r.known {
		pairs = append(pairs, s, Mark)
	}
	r.values = strings.NewReplacer(pairs...)
}

// names are what secrets go by, in lower case: as a whole, or as the last word of
// a name in snake_case, kebab-case or camelCase.
var names = []string{
	"password", "passwd", "pass", "passphrase", "pwd", "secret", "token", "tokens", "apikey", "api_key", "credential", "credentials",
	"authorization", "cookie", "psk", "private_key", "auth_data", "key_data", "hash", "salt",
}

// IsSecret tells whether what goes by a name is a secret.
func IsSecret(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	for _, n := range names {
		if name == n || strings.HasSuffix(name, "_"+n) || strings.HasSuffix(name, "."+n) || len(n) > 5 && strings.HasSuffix(name, n) {
			return true
		}
	}
	return false
}

// forms are how secrets stand in texts, and what is left of them. Most texts have
// none, and may is quick to say so.
var forms = []struct {
	may func(s string) bool
	re  *regexp.Regexp
	to  string
}{
	// user:pass@ in an address; the user's name alone may stay.
	{
		func(s string) bool { return strings.Contains(s, "://") && strings.Contains(s, "@") },
		regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://[^\s:/?#@"']*):[^\s/?#"']+@`), "${1}:" + Mark + "@",
	},
	// ?token=… and the like in an address, password=… and password: … in a text.
	{
		func(s string) bool { return strings.ContainsAny(s, ":=") && containsAny(s, words) },
		regexp.MustCompile(`(?i)\b([a-z0-9_-]*(?:password|passwd|passphrase|secret|token|api_?key|credentials?|authorization|cookie|psk))("?\s*[:=]\s*)("[^"\n]*"|'[^'\n]*'|(?:bearer|basic|digest)\s+[^\s,;&}\])"]+|[^\s,;&}\])"]+)`), "${1}${2}" + Mark,
	},
	{
		func(s string) bool { return containsAny(s, []string{"bearer", "basic"}) },
		regexp.MustCompile(`(?i)\b(bearer|basic)\s+[a-z0-9+/_.~-]{8,}=*`), "${1} " + Mark,
	},
	// Hashes of passwords, as they stand in password files.
	{
		func(s string) bool { return strings.Contains(s, "$") },
		regexp.MustCompile(`(?:\$(?:6|7|argon2id?|2[aby])\$|SCRAM-SHA-\d+\$)[^\s"';]+`), Mark,
	},
	// Keys in PEM.
	{
		func(s string) bool { return strings.Contains(s, "PRIVATE KEY") },
		regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`), "-----BEGIN PRIVATE KEY----- " + Mark,
	},
}

// words are what one of has to be in a text that names a secret.
var words = []string{"passw", "passphrase", "secret", "token", "key", "credential", "authorization", "cookie", "psk"}

// containsAny tells whether s has one of words, which are in lower case.
func containsAny(s string, words []string) bool {
	s = strings.ToLower(s)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(s, w) })
}

// Text returns s without what looks like a secret, or is known to be one.
func (r *Redactor) Text(s string) string {
	for _, f := range forms {
		if f.may(s) {
			s = f.re.ReplaceAllString(s, f.to)
		}
	}
	return r.Values(s)
}

// Values returns s without what is known to be a secret.
func (r *Redactor) Values(s string) string {
	r.mu.RLock()
	values := r.values
	r.mu.RUnlock()
	if values == nil {
		return s
	}
	return values.Replace(s)
}

// Named returns the value of something by its name: Mark if that is the name of a
// secret, and otherwise what Text leaves.
func (r *Redactor) Named(name, value string) string {
	if value != "" && IsSecret(name) {
		return Mark
	}
	return r.Text(value)
}
