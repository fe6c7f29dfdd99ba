package auth

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// hash is a stored password.
type hash interface {
	// verify tells whether password is the one that was stored, in a time that
	// does not depend on how near it is.
	verify(password []byte) bool
}

// Bounds of what a file may ask us to compute. Two hashes at once must fit into
// a board with 512 MB.
const (
	maxIterations = 10_000_000
	maxMemory     = 128 << 10 // KiB
	maxPasses     = 100
)

// Beginnings of what is stored of a password.
const (
	sha512Prefix = "$6$"
	pbkdf2Prefix = "$7$"
	argon2Prefix = "$argon2id$"
	scramPrefix  = "SCRAM-SHA-256$"
)

// parseHash reads a stored password.
func parseHash(s string) (hash, error) {
	if rest, ok := strings.CutPrefix(s, sha512Prefix); ok {
		return parseSHA512(rest)
	}
	if rest, ok := strings.CutPrefix(s, pbkdf2Prefix); ok {
		return parsePBKDF2(rest)
	}
	if rest, ok := strings.CutPrefix(s, argon2Prefix); ok {
		return parseArgon2(rest)
	}
	if rest, ok := strings.CutPrefix(s, scramPrefix); ok {
		return parseVerifier(rest)
	}
	return nil, errors.New("is no hash of a password that is known here ($6$, $7$, $argon2id$ or SCRAM-SHA-256$); make one with gateway passwd")
}

// decode reads base64 with or without padding.
func decode(s string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// sha512Hash is Mosquitto's $6$: SHA-512 of the password and the salt.
type sha512Hash struct{ salt, sum []byte }

func parseSHA512(s string) (hash, error) {
	salt, sum, ok := strings.Cut(s, "$")
	h := &sha512Hash{}
	var err1, err2 error
	h.salt, err1 = decode(salt)
	h.sum, err2 = decode(sum)
	if !ok || err1 != nil || err2 != nil || len(h.sum) != sha512.Size {
		return nil, errors.New("is a damaged $6$ hash")
	}
	return h, nil
}

func (h *sha512Hash) verify(password []byte) bool {
	d := sha512.New()
	d.Write(password)
	d.Write(h.salt)
	return subtle.ConstantTimeCompare(d.Sum(nil), h.sum) == 1
}

// pbkdf2Hash is Mosquitto's $7$.
type pbkdf2Hash struct {
	iterations int
	salt, sum  []byte
}

func parsePBKDF2(s string) (hash, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 3 {
		return nil, errors.New("is a damaged $7$ hash")
	}
	iterations, err := strconv.Atoi(parts[0])
	salt, err1 := decode(parts[1])
	sum, err2 := decode(parts[2])
	switch {
	case err != nil || err1 != nil || err2 != nil || len(sum) != sha512.Size:
		return nil, errors.New("is a damaged $7$ hash")
	case iterations < 1 || iterations > maxIterations:
		return nil, fmt.Errorf("is a $7$ hash of %d iterations; 1 to %d are computed", iterations, maxIterations)
	}
	return &pbkdf2Hash{iterations, salt, sum}, nil
}

func (h *pbkdf2Hash) verify(password []byte) bool {
	sum, err := pbkdf2.Key(sha512.New, string(password), h.salt, h.iterations, sha512.Size)
	return err == nil && subtle.ConstantTimeCompare(sum, h.sum) == 1
}

// argon2Hash is $argon2id$, RFC 9106.
type argon2Hash struct {
	memory, passes uint32 // KiB
	threads        uint8
	salt, sum      []byte
}

func parseArgon2(s string) (hash, error) {
	h := &argon2Hash{}
	parts := strings.Split(s, "$")
	damaged := errors.New("is a damaged $argon2id$ hash")
	if len(parts) != 4 {
		return nil, damaged
	}
	if parts[0] != "v=19" {
		return nil, fmt.Errorf("is an $argon2id$ hash of version %q; v=19 is known", parts[0])
	}
	if !h.parseCosts(parts[1]) {
		return nil, damaged
	}
	var err1, err2 error
	h.salt, err1 = decode(parts[2])
	h.sum, err2 = decode(parts[3])
	switch {
	case err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.sum) < 16 || len(h.sum) > 128:
		return nil, damaged
	case h.threads < 1 || h.passes < 1 || h.passes > maxPasses || h.memory < 8*uint32(h.threads) || h.memory > maxMemory:
		return nil, fmt.Errorf("is an $argon2id$ hash with %s; t and p are at least 1, m is at least 8 times p, and at most m=%d (KiB) and t=%d are computed", parts[1], maxMemory, maxPasses)
	}
	return h, nil
}

// parseCosts reads "m=19456,t=2,p=1" and nothing else.
func (h *argon2Hash) parseCosts(s string) bool {
	var cost [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		var one string
		one, s, _ = strings.Cut(s, ",")
		digits, ok := strings.CutPrefix(one, name)
		n, err := strconv.ParseUint(digits, 10, [...]int{32, 32, 8}[i])
		if !ok || err != nil {
			return false
		}
		cost[i] = n
	}
	h.memory, h.passes, h.threads = uint32(cost[0]), uint32(cost[1]), uint8(cost[2])
	return s == ""
}

func (h *argon2Hash) verify(password []byte) bool {
	sum := argon2.IDKey(password, h.salt, h.passes, h.memory, h.threads, uint32(len(h.sum)))
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}

// saltSize is how many bytes of salt new hashes have.
const saltSize = 16

func newSalt() []byte {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	return salt
}

// Ours: OWASP's parameters for little memory.
const (
	ourMemory = 19 << 10 // KiB
	ourPasses = 2
)

// HashPassword returns a new argon2id hash of a password, as password files
// have it.
func HashPassword(password []byte) string {
	salt := newSalt()
	sum := argon2.IDKey(password, salt, ourPasses, ourMemory, 1, 32)
	raw := base64.RawStdEncoding
	return fmt.Sprintf("%sv=19$m=%d,t=%d,p=1$%s$%s", argon2Prefix, ourMemory, ourPasses, raw.EncodeToString(salt), raw.EncodeToString(sum))
}
