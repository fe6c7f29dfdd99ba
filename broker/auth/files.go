package auth

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// A file's lines and their length are bounded; nobody writes more by hand.
const maxLine = 128 << 10

// eachLine calls visit with every line of a file and its number, without the
// end of line. Errors name the file.
func eachLine(path string, visit func(n int, line string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err // names the file
	}
	defer f.Close()
	return scanLines(path, f, visit)
}

func scanLines(path string, r io.Reader, visit func(n int, line string) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 4<<10), maxLine)
	for n := 1; s.Scan(); n++ {
		if err := visit(n, strings.TrimSuffix(s.Text(), "\r")); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// readPasswords adds the users of a password file: lines of name:hash.
func readPasswords(path string, users map[string]hash) error {
	return eachLine(path, passwordLine(users))
}

func passwordLine(users map[string]hash) func(int, string) error {
	return func(_ int, line string) error {
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			return nil
		}
		name, stored, ok := strings.Cut(line, ":")
		switch {
		case name == "":
			return fmt.Errorf("a line without a user name; each is name:hash")
		case !ok || stored == "":
			return fmt.Errorf("the user %q has no password; set one with gateway passwd", name)
		case users[name] != nil:
			return fmt.Errorf("the user %q is there twice", name)
		}
		h, err := parseHash(strings.TrimSpace(stored))
		if err != nil {
			return fmt.Errorf("the password of %q %w", name, err)
		}
		users[name] = h
		return nil
	}
}

// readRules returns the rules of an ACL file.
func readRules(path string) (rules []rule, err error) {
	err = eachLine(path, ruleLine(&rules))
	return rules, err
}

func ruleLine(rules *[]rule) func(int, string) error {
	user := "" // whom the next topics are for
	return func(_ int, line string) error {
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			return nil
		}
		word, rest, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
		rest = strings.Trim(rest, " \t")
		switch word {
		case "user":
			if rest == "" {
				return fmt.Errorf("user without a name")
			}
			user = rest
			return nil
		case "topic", "pattern":
			r := rule{pattern: word == "pattern", user: user, filter: rest, access: readwrite}
			first, more, spaced := strings.Cut(rest, " ")
			if a, ok := parseAccess(first); spaced && ok && first != "" {
				r.access, r.filter = a, strings.TrimLeft(more, " \t")
			} else if spaced {
				return fmt.Errorf("%s: %q is no access; write read, write, readwrite or deny", word, first)
			}
			if r.filter == "" {
				return fmt.Errorf("%s without a filter", word)
			}
			if err := checkRule(r.filter); err != nil {
				return err
			}
			if r.pattern {
				r.user = ""
			}
			*rules = append(*rules, r)
			return nil
		}
		return fmt.Errorf("%q is unknown; a line begins with user, topic, pattern or #", word)
	}
}
