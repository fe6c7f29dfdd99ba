package auth

import (
	"errors"
	"fmt"
	"strings"
)

// Config says who may come in and what they may do. The zero Config checks
// nothing: nobody is asked for a password and everything is allowed.
type Config struct {
	// PasswordFile is a file of name:hash lines, as mosquitto_passwd and gateway
	// passwd write it.
	PasswordFile string `yaml:"password_file"`
	// ACLFile is a file of rules as Mosquitto has it.
	ACLFile string `yaml:"acl_file"`
	// Users are users beside those of the password file.
	Users []User `yaml:"users"`
	// ACL is rules beside those of the ACL file.
	ACL []Rule `yaml:"acl"`
	// RequireLogin lets nobody in without a name and a password, also while there
	// are no users yet, and whatever Login.AllowAnonymous says.
	RequireLogin bool `yaml:"require_login"`
	// MaxFailedLogins is how often an address may fail to log in within a
	// minute; it is refused unheard while it has failed that often within the
	// last one. Of IPv6, a /64 is one address. 0 is any number.
	MaxFailedLogins int `yaml:"max_failed_logins"`
}

// User is a user of the configuration.
type User struct {
	Name string `yaml:"name"`
	// Password is a hash of it, as gateway passwd --print prints it; never the password.
	Password string `yaml:"password"`
}

// Rule is a rule of the configuration. It has a topic or a pattern.
type Rule struct {
	// User is whom a topic is for; anonymous clients if it is empty.
	User string `yaml:"user"`
	// Topic is a filter.
	Topic string `yaml:"topic"`
	// Pattern is a filter for everybody, with %u for the user name and %c for
	// the client id.
	Pattern string `yaml:"pattern"`
	// Access is read, write, readwrite (the default) or deny.
	Access string `yaml:"access"`
}

// Empty tells whether c checks nothing.
func (c Config) Empty() bool {
	return !c.HasPasswords() && c.ACLFile == "" && len(c.ACL) == 0
}

// HasPasswords tells whether anybody is asked for a password.
func (c Config) HasPasswords() bool {
	return c.RequireLogin || c.PasswordFile != "" || len(c.Users) > 0
}

// Validate tells everything that is wrong with c but for the content of its
// files, joined by errors.Join. Each error begins with the key.
func (c Config) Validate() error {
	var errs []error
	seen := make(map[string]int)
	for i, u := range c.Users {
		key := fmt.Sprintf("users[%d]", i)
		if first, twice := seen[u.Name]; twice {
			errs = append(errs, fmt.Errorf("%s.name: %q is users[%d] already", key, u.Name, first))
		}
		seen[u.Name] = i
		if u.Name == "" || strings.ContainsAny(u.Name, ":\n") {
			errs = append(errs, fmt.Errorf("%s.name: %q is no user name; at least a character, and no colon", key, u.Name))
		}
		if _, err := parseHash(u.Password); err != nil {
			errs = append(errs, fmt.Errorf("%s.password: %w", key, err)) // never the password itself
		}
	}
	for i, r := range c.ACL {
		if _, err := r.rule(fmt.Sprintf("acl[%d]", i)); err != nil {
			errs = append(errs, err)
		}
	}
	if c.MaxFailedLogins < 0 || c.MaxFailedLogins > 1_000_000 {
		errs = append(errs, fmt.Errorf("max_failed_logins: %d is out of range, 0 to 1000000 a minute, 0 for any number", c.MaxFailedLogins))
	}
	return errors.Join(errs...)
}

// rule returns r as the package has it.
func (r Rule) rule(key string) (rule, error) {
	out := rule{user: r.User, filter: r.Topic}
	a, ok := parseAccess(r.Access)
	switch {
	case !ok:
		return out, &choiceError{key + ".access", r.Access, []string{"read", "write", "readwrite", "deny"}}
	case (r.Topic == "") == (r.Pattern == ""):
		return out, fmt.Errorf("%s: has to have a topic or a pattern, and not both", key)
	case r.Pattern != "" && r.User != "":
		return out, fmt.Errorf("%s.user: a pattern is for everybody; write %%u where the user name stands, or topic in place of pattern", key)
	}
	out.access = a
	if r.Pattern != "" {
		out.pattern, out.filter = true, r.Pattern
	}
	if err := checkRule(out.filter); err != nil {
		return out, fmt.Errorf("%s: %w", key, err)
	}
	return out, nil
}

// choiceError is a word that is none of those allowed.
type choiceError struct {
	key, word string
	allowed   []string
}

func (e *choiceError) Error() string {
	return fmt.Sprintf("%s: %q is unknown; %s", e.key, e.word, strings.Join(e.allowed, ", "))
}

// Choices returns the word and what it could have been.
func (e *choiceError) Choices() (word string, allowed []string) { return e.word, e.allowed }
