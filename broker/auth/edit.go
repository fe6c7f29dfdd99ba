package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// SetPassword sets a user's stored password, made with [HashPassword] or
// [NewVerifier], in a password file, which is made if there is none. The file
// is replaced as a whole, so that a reader sees the old one or the new one.
// Other lines stay as they are. Of two programs that change a file at once the
// last one wins.
func SetPassword(path, user, stored string) error {
	if user == "" || user[0] == '#' || strings.Contains(user, ":") || strings.ContainsFunc(user, unicode.IsControl) {
		return fmt.Errorf("%q is no user name; at least a character, no colon, no control character, and not '#' first", user)
	}
	return edit(path, true, func(lines []string) ([]string, error) {
		entry := user + ":" + stored
		for i, l := range lines {
			if isOf(l, user) {
				lines[i] = entry + ending(l)
				return lines, nil
			}
		}
		if last := len(lines) - 1; last >= 0 && ending(lines[last]) == "" {
			lines[last] += "\n"
		}
		return append(lines, entry+"\n"), nil
	})
}

// DeleteUser takes a user out of a password file.
func DeleteUser(path, user string) error {
	return edit(path, false, func(lines []string) ([]string, error) {
		left := slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return isOf(l, user) })
		if len(left) == len(lines) {
			return nil, fmt.Errorf("%s: there is no user %q", path, user)
		}
		return left, nil
	})
}

// HashPlain replaces passwords that a file has in plain text by hashes, as
// mosquitto_passwd -U does, and returns how many. Unlike that, it may be done
// again: what is a hash already stays one.
func HashPlain(path string) (n int, err error) {
	err = edit(path, false, func(lines []string) ([]string, error) {
		for i, l := range lines {
			name, stored, ok := strings.Cut(strings.TrimSuffix(l, ending(l)), ":")
			if !ok || l[0] == '#' || name == "" || stored == "" || hashed(stored) {
				continue
			}
			lines[i] = name + ":" + HashPassword([]byte(stored)) + ending(l)
			n++
		}
		return lines, nil
	})
	return n, err
}

// hashed tells whether what is stored of a password is a hash, or was one
// before it was damaged: to hash it again would only hide that.
func hashed(stored string) bool {
	for _, prefix := range []string{sha512Prefix, pbkdf2Prefix, argon2Prefix, scramPrefix} {
		if strings.HasPrefix(stored, prefix) {
			return true
		}
	}
	return false
}

// isOf tells whether a line is the user's.
func isOf(line, user string) bool {
	name, _, ok := strings.Cut(line, ":")
	return ok && name == user && user != "" && user[0] != '#'
}

// ending returns how a line ends: with "\n", "\r\n" or, the last one, with "".
func ending(line string) string {
	return line[len(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")):]
}

// edit rewrites a file's lines, which keep their ends. A file that change
// leaves as it is is not written.
func edit(path string, create bool, change func([]string) ([]string, error)) error {
	mode := fs.FileMode(0o600)
	old, err := os.ReadFile(path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !(missing && create) {
		return err
	}
	info, statErr := os.Stat(path)
	if statErr == nil {
		mode = info.Mode().Perm()
	}
	lines, err := change(slices.Collect(strings.Lines(string(old))))
	if err != nil {
		return err
	}
	content := strings.Join(lines, "")
	if content == string(old) && !missing {
		return nil
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
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("writing %s: there is no folder %s; make it first", path, dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("writing %s: this user may not make files in %s; run the command as root (sudo)", path, dir)
	case err != nil:
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // fails once it was renamed
	_, err = f.Write(content)
	if uid, gid, ok := ownerOf(was); ok && err == nil {
		// Only root may give files away, others may to their own groups. It comes
		// before the mode, which may let a group read.
		if f.Chown(uid, gid) != nil {
			_ = f.Chown(-1, gid)
		}
	}
	if err == nil {
		err = f.Chmod(mode)
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
	return syncFolder(dir)
}
