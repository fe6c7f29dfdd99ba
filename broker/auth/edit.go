package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// SetPassword sets a user's stored password, made with [HashPassword] or
// [NewVerifier], in a password file, which is made if there is none. The file
// is replaced as a whole, so that a reader sees the old one or the new one.
// Other lines stay as they are.
func SetPassword(path, user, stored string) error {
	if user == "" || strings.ContainsAny(user, ":\r\n") || user[0] == '#' {
		return fmt.Errorf("%q is no user name; at least a character, no colon, and not '#' first", user)
	}
	return edit(path, true, func(lines []string) ([]string, error) {
		line := user + ":" + stored
		for i, l := range lines {
			if name, _, ok := strings.Cut(l, ":"); ok && name == user {
				lines[i] = line
				return lines, nil
			}
		}
		return append(lines, line), nil
	})
}

// DeleteUser takes a user out of a password file.
func DeleteUser(path, user string) error {
	return edit(path, false, func(lines []string) ([]string, error) {
		for i, l := range lines {
			if name, _, ok := strings.Cut(l, ":"); ok && name == user && user != "" && user[0] != '#' {
				return append(lines[:i:i], lines[i+1:]...), nil
			}
		}
		return nil, fmt.Errorf("%s: there is no user %q", path, user)
	})
}

// HashPlain replaces passwords that a file has in plain text by hashes, as
// mosquitto_passwd -U does, and returns how many.
func HashPlain(path string) (n int, err error) {
	err = edit(path, false, func(lines []string) ([]string, error) {
		for i, l := range lines {
			name, stored, ok := strings.Cut(l, ":")
			if !ok || l[0] == '#' || name == "" || stored == "" {
				continue
			}
			if strings.HasPrefix(stored, "$") || strings.HasPrefix(stored, scramPrefix) {
				continue
			}
			lines[i] = name + ":" + HashPassword([]byte(stored))
			n++
		}
		return lines, nil
	})
	return n, err
}

// edit rewrites a file's lines.
func edit(path string, create bool, change func([]string) ([]string, error)) error {
	mode := fs.FileMode(0o600)
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && create:
	case err != nil:
		return err
	}
	info, statErr := os.Stat(path)
	if statErr == nil {
		mode = info.Mode().Perm()
	}
	var lines []string
	for l := range bytes.Lines(old) {
		lines = append(lines, string(bytes.TrimRight(l, "\r\n")))
	}
	lines, err = change(lines)
	if err != nil {
		return err
	}
	content := strings.Join(lines, "\n")
	if content != "" {
		content += "\n"
	}
	return replace(path, []byte(content), mode, info)
}

// replace puts content in place of a file, all or nothing, also when the power
// goes. The owner stays who it was, where we may say so.
func replace(path string, content []byte, mode fs.FileMode, was fs.FileInfo) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".passwd-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it was renamed
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(mode)
	}
	if st, ok := statOf(was); ok && err == nil {
		_ = f.Chown(int(st.Uid), int(st.Gid)) // only root may
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return ignoreUnsupported(d.Sync())
}

// ignoreUnsupported drops the error of file systems whose folders need no sync.
func ignoreUnsupported(err error) error {
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}
