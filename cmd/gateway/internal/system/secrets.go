package system

import (
	"io"
	"net/url"
	"os"
	"reflect"
	"strings"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/redact"
)

// SecretsOf returns the secrets that a configuration has, or names: passwords and
// their hashes, what is in the files and variables that hold passwords, and the
// passwords of addresses.
func SecretsOf(cfg *config.Config) []string {
	if cfg == nil {
		return nil
	}
	var s secrets
	s.walk("", reflect.ValueOf(cfg))
	return s.found
}

type secrets struct{ found []string }

func (s *secrets) add(all ...string) {
	for _, x := range all {
		if x = strings.TrimSpace(x); x != "" {
			s.found = append(s.found, x)
		}
	}
}

// walk looks at a value that goes by a name in the configuration.
func (s *secrets) walk(name string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			s.walk(name, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
				if key == "" {
					key = strings.ToLower(f.Name)
				}
				s.walk(key, v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			s.walk(name, v.Index(i))
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			key := name
			if it.Key().Kind() == reflect.String {
				key = it.Key().String()
			}
			s.walk(key, it.Value())
		}
	case reflect.String:
		s.text(name, v.String())
	default:
	}
}

// text looks at a text by its name.
func (s *secrets) text(name, value string) {
	if value == "" {
		return
	}
	name = strings.ToLower(name)
	switch {
	case redact.IsSecret(name):
		s.add(value)
	case name == "headers_file": // of HTTP, Authorization among them
		s.file(value)
	case strings.HasSuffix(name, "_file") && redact.IsSecret(strings.TrimSuffix(name, "_file")):
		s.file(value)
	case strings.HasSuffix(name, "_env") && redact.IsSecret(strings.TrimSuffix(name, "_env")):
		s.add(os.Getenv(value))
	}
	if strings.Contains(value, "://") {
		if u, err := url.Parse(value); err == nil && u.User != nil {
			password, _ := u.User.Password()
			s.add(password)
			_, raw, _ := strings.Cut(u.User.String(), ":") // as it stands there
			s.add(raw)
		}
	}
}

// maxSecretFile is how much of a file with a password is looked at.
const maxSecretFile = 64 << 10

// file looks at a file with a password, or with lines of name:hash.
func (s *secrets) file(name string) {
	f, err := os.Open(name)
	if err != nil {
		return // nobody can read it: nobody tells
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecretFile))
	if err != nil {
		return
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		s.add(line)
		if _, value, ok := strings.Cut(line, ":"); ok { // name:hash, or a header of HTTP
			s.add(value)
			s.add(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(value), "Bearer ")))
		}
	}
}
