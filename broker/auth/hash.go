package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
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

// Bounds of what a file may ask us to compute.
const (
	maxIterations = 10_000_000
	maxMemory     = 256 << 10 // KiB
	maxPasses     = 100
)

// parseHash reads a stored password.
func parseHash(s string) (hash, error) {
	switch {
	case strings.HasPrefix(s, "$6$"):
		return parseSHA512(s[3:])
	case strings.HasPrefix(s, "$7$"):
		return parsePBKDF2(s[3:])
	case strings.HasPrefix(s, "$argon2id$"):
		return parseArgon2(s[len("$argon2id$"):])
	case strings.HasPrefix(s, scramPrefix):
		return parseVerifier(s[len(scramPrefix):])
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
	if n, err := fmt.Sscanf(parts[1], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.threads); n != 3 || err != nil {
		return nil, damaged
	}
	var err1, err2 error
	h.salt, err1 = decode(parts[2])
	h.sum, err2 = decode(parts[3])
	switch {
	case err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.sum) < 16 || len(h.sum) > 128:
		return nil, damaged
	case h.threads < 1 || h.passes < 1 || h.passes > maxPasses || h.memory < 8*uint32(h.threads) || h.memory > maxMemory:
		return nil, fmt.Errorf("is an $argon2id$ hash with %s; at most m=%d KiB and t=%d are computed", parts[1], maxMemory, maxPasses)
	}
	return h, nil
}

func (h *argon2Hash) verify(password []byte) bool {
	sum := argon2.IDKey(password, h.salt, h.passes, h.memory, h.threads, uint32(len(h.sum)))
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}

// Ours: OWASP's parameters for little memory.
const (
	ourMemory = 19 << 10 // KiB
	ourPasses = 2
)

// HashPassword returns a new argon2id hash of a password, as password files
// have it.
func HashPassword(password []byte) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	sum := argon2.IDKey(password, salt, ourPasses, ourMemory, 1, 32)
	raw := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=1$%s$%s", ourMemory, ourPasses, raw.EncodeToString(salt), raw.EncodeToString(sum))
}

// verifier is what a server needs for SCRAM-SHA-256, RFC 5802, section 3.
// Who steals it cannot log in with it.
type verifier struct {
	iterations           int
	salt                 []byte
	storedKey, serverKey []byte
}

const scramPrefix = "SCRAM-SHA-256$"

// scramIterations is what RFC 7677 asks for at least.
const scramIterations = 4096

// NewVerifier returns a new SCRAM-SHA-256 verifier of a password, in the form
// that PostgreSQL has too: SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey.
func NewVerifier(password []byte) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	v := makeVerifier(password, salt, scramIterations)
	return fmt.Sprintf("%s%d:%s$%s:%s", scramPrefix, v.iterations, encode(v.salt), encode(v.storedKey), encode(v.serverKey))
}

func makeVerifier(password, salt []byte, iterations int) *verifier {
	salted := saltedPassword(string(password), salt, iterations)
	stored := sha256.Sum256(mac(salted, "Client Key"))
	return &verifier{iterations, salt, stored[:], mac(salted, "Server Key")}
}

func saltedPassword(password string, salt []byte, iterations int) []byte {
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		panic(err) // FIPS mode refuses short keys, not these
	}
	return salted
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func parseVerifier(s string) (hash, error) {
	damaged := errors.New("is a damaged SCRAM-SHA-256 verifier")
	head, keys, ok1 := strings.Cut(s, "$")
	count, salt, ok2 := strings.Cut(head, ":")
	stored, server, ok3 := strings.Cut(keys, ":")
	if !ok1 || !ok2 || !ok3 {
		return nil, damaged
	}
	v := &verifier{}
	var err [4]error
	v.iterations, err[0] = strconv.Atoi(count)
	v.salt, err[1] = decode(salt)
	v.storedKey, err[2] = decode(stored)
	v.serverKey, err[3] = decode(server)
	switch {
	case errors.Join(err[:]...) != nil || len(v.salt) == 0 || len(v.storedKey) != sha256.Size || len(v.serverKey) != sha256.Size:
		return nil, damaged
	case v.iterations < 1 || v.iterations > maxIterations:
		return nil, fmt.Errorf("is a SCRAM-SHA-256 verifier of %d iterations; 1 to %d are computed", v.iterations, maxIterations)
	}
	return v, nil
}

func (v *verifier) verify(password []byte) bool {
	w := makeVerifier(password, v.salt, v.iterations)
	return hmac.Equal(w.storedKey, v.storedKey)
}
