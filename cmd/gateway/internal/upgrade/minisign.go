package upgrade

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/blake2b" // of minisign's format; golang.org/x/crypto is here for nothing else
)

const (
	untrusted = "untrusted comment:"
	trusted   = "trusted comment: "

	algorithmWhole  = "Ed" // Ed25519 of the file
	algorithmHashed = "ED" // Ed25519 of the file's BLAKE2b-512
)

// keyNumber tells keys apart.
type keyNumber [8]byte

// String is as minisign prints it: the bytes from the last to the first.
func (n keyNumber) String() string {
	var b [8]byte
	for i := range n {
		b[i] = n[len(n)-1-i]
	}
	return strings.ToUpper(hex.EncodeToString(b[:]))
}

// Keys are the public keys that releases may be signed with.
type Keys struct {
	keys map[keyNumber]ed25519.PublicKey
}

// ParseKeys reads a file of public keys.
func ParseKeys(file []byte) (Keys, error) {
	k := Keys{make(map[keyNumber]ed25519.PublicKey)}
	for line := range strings.Lines(string(file)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, untrusted) {
			continue
		}
		b, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(b) != 2+8+ed25519.PublicKeySize || string(b[:2]) != algorithmWhole {
			return Keys{}, errors.New("not a public key of minisign: want base64 of 42 bytes on a line, as minisign -G writes it")
		}
		k.keys[keyNumber(b[2:10])] = b[10:]
	}
	if len(k.keys) == 0 {
		return Keys{}, errors.New("there is no public key in it")
	}
	return k, nil
}

// signature is one as it is written.
type signature struct {
	algorithm string
	number    keyNumber
	of        []byte // the file
	comment   string // trusted, as it is covered by whole
	whole     []byte // of the signature and the comment
}

func parseSignature(file []byte) (*signature, error) {
	lines := strings.Split(strings.ReplaceAll(strings.TrimRight(string(file), "\r\n"), "\r\n", "\n"), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], untrusted) || !strings.HasPrefix(lines[2], trusted) {
		return nil, errors.New("not a signature of minisign: want four lines, an untrusted comment, a signature, a trusted comment, a signature of both")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(lines[1])
	if err != nil || len(b) != 2+8+ed25519.SignatureSize {
		return nil, errors.New("not a signature of minisign: line 2 is not base64 of 74 bytes")
	}
	whole, err := base64.StdEncoding.Strict().DecodeString(lines[3])
	if err != nil || len(whole) != ed25519.SignatureSize {
		return nil, errors.New("not a signature of minisign: line 4 is not base64 of 64 bytes")
	}
	s := &signature{algorithm: string(b[:2]), number: keyNumber(b[2:10]), of: b[10:], comment: strings.TrimPrefix(lines[2], trusted), whole: whole}
	if s.algorithm != algorithmWhole && s.algorithm != algorithmHashed {
		return nil, fmt.Errorf("a signature by the algorithm %q, which this version does not know", s.algorithm)
	}
	return s, nil
}

// Verify says whether one of the keys has signed the data, and returns the
// comment that the signature covers.
func (k Keys) Verify(data, sig []byte) (comment string, err error) {
	s, err := parseSignature(sig)
	if err != nil {
		return "", err
	}
	key, ok := k.keys[s.number]
	if !ok {
		return "", fmt.Errorf("signed with the key %v, which is none of those that you trust", s.number)
	}
	if !ed25519.Verify(key, s.message(data), s.of) {
		return "", fmt.Errorf("the signature of the key %v is not of this file: it has been changed, or was not copied whole", s.number)
	}
	if !ed25519.Verify(key, append(bytes.Clone(s.of), s.comment...), s.whole) {
		return "", fmt.Errorf("the trusted comment is not the one that the key %v has signed", s.number)
	}
	return s.comment, nil
}

// message is what of the data is signed.
func (s *signature) message(data []byte) []byte {
	if s.algorithm == algorithmWhole {
		return data
	}
	sum := blake2b.Sum512(data)
	return sum[:]
}

// SecretKey signs.
type SecretKey struct {
	number keyNumber
	key    ed25519.PrivateKey
}

// ParseSecretKey reads a secret key without a password.
func ParseSecretKey(file []byte) (SecretKey, error) {
	const head, tail = 2 + 2 + 2 + 32 + 8 + 8, 8 + ed25519.PrivateKeySize + 32
	_, line, ok := strings.Cut(strings.TrimSpace(string(file)), "\n")
	b, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(line))
	switch {
	case !ok || err != nil || len(b) != head+tail || string(b[:2]) != algorithmWhole || string(b[4:6]) != "B2":
		return SecretKey{}, errors.New("not a secret key of minisign: minisign -G -W makes one")
	case b[2] != 0 || b[3] != 0:
		return SecretKey{}, errors.New("the secret key has a password: sign with minisign -S -m FILE, or make a key without one by minisign -G -W")
	}
	number, key, check := b[head:head+8], b[head+8:head+8+ed25519.PrivateKeySize], b[len(b)-32:]
	sum := blake2b.Sum256(append(append([]byte(algorithmWhole), number...), key...))
	made := ed25519.NewKeyFromSeed(key[:ed25519.SeedSize])
	// minisign 0.11 writes zeroes in place of the sum if there is no password.
	if !bytes.Equal(sum[:], check) && !bytes.Equal(check, make([]byte, len(check))) || !bytes.Equal(made, key) {
		return SecretKey{}, errors.New("the secret key is damaged: its parts do not belong together")
	}
	return SecretKey{keyNumber(number), made}, nil
}

// Sign makes the signature of a file, with a comment of one line that it covers.
func Sign(k SecretKey, data []byte, comment string) ([]byte, error) {
	if strings.ContainsAny(comment, "\r\n") {
		return nil, fmt.Errorf("a comment has one line, not %q", comment)
	}
	sum := blake2b.Sum512(data)
	of := ed25519.Sign(k.key, sum[:])
	whole := ed25519.Sign(k.key, append(bytes.Clone(of), comment...))
	line := append(append([]byte(algorithmHashed), k.number[:]...), of...)
	return fmt.Appendf(nil, "%s signature of the key %v\n%s\n%s%s\n%s\n", untrusted, k.number,
		base64.StdEncoding.EncodeToString(line), trusted, comment, base64.StdEncoding.EncodeToString(whole)), nil
}
