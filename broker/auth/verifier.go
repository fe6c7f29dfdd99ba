package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// verifier is what a server needs for SCRAM-SHA-256, RFC 5802, section 3.
// Who steals it cannot log in with it.
type verifier struct {
	iterations           int
	salt                 []byte
	storedKey, serverKey []byte
}

// scramIterations is what RFC 7677 asks for at least. The client computes them
// too, and may be a microcontroller.
const scramIterations = 4096

// maxSalt bounds the salt of a verifier, in bytes: it is sent to clients.
const maxSalt = 256

// NewVerifier returns a new SCRAM-SHA-256 verifier of a password, in the form
// that PostgreSQL has too: SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey.
func NewVerifier(password []byte) string {
	v, err := makeVerifier(password, newSalt(), scramIterations)
	if err != nil {
		panic(err) // our own parameters satisfy FIPS 140 too
	}
	return fmt.Sprintf("%s%d:%s$%s:%s", scramPrefix, v.iterations, encode(v.salt), encode(v.storedKey), encode(v.serverKey))
}

// makeVerifier fails only if the process is in FIPS 140 mode and the salt is
// shorter than that allows.
func makeVerifier(password, salt []byte, iterations int) (*verifier, error) {
	salted, err := pbkdf2.Key(sha256.New, string(password), salt, iterations, sha256.Size)
	if err != nil {
		return nil, err
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	return &verifier{iterations, salt, stored[:], mac(salted, "Server Key")}, nil
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
	case errors.Join(err[:]...) != nil || len(v.salt) == 0 || len(v.salt) > maxSalt || len(v.storedKey) != sha256.Size || len(v.serverKey) != sha256.Size:
		return nil, damaged
	case v.iterations < 1 || v.iterations > maxIterations:
		return nil, fmt.Errorf("is a SCRAM-SHA-256 verifier of %d iterations; 1 to %d are computed", v.iterations, maxIterations)
	}
	return v, nil
}

func (v *verifier) verify(password []byte) bool {
	w, err := makeVerifier(password, v.salt, v.iterations)
	return err == nil && hmac.Equal(w.storedKey, v.storedKey)
}
