package upgrade

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
)

// Names of the files that a release is known by.
const (
	sumsName      = "SHA256SUMS"
	signatureName = sumsName + ".minisig"
)

// Release is what was found, of which the signature, the hash and the board are right.
type Release struct {
	Archive string // its name
	Comment string // what the signature covers beside the hashes
	Binary  []byte
}

// Fetch takes the binary for a board out of a release: from a folder, an archive in
// one, or the URL of either. It returns nothing that the keys have not signed.
func Fetch(ctx context.Context, from string, keys Keys, board Board) (*Release, error) {
	s, err := parseSource(from)
	if err != nil {
		return nil, err
	}
	list, err := s.read(ctx, sumsName, maxSums)
	if err != nil {
		return nil, fmt.Errorf("the list of what is in the release: %w", err)
	}
	sig, err := s.read(ctx, signatureName, maxSignature)
	if err != nil {
		return nil, fmt.Errorf("its signature: %w", err)
	}
	comment, err := keys.Verify(list, sig)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name(signatureName), err)
	}
	files, err := parseSums(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name(sumsName), err)
	}
	name := s.want
	if name == "" {
		a, err := files.newest(board.Runs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name(sumsName), err)
		}
		name = a.name
	}
	binary, err := s.binary(ctx, files, name)
	if err != nil {
		return nil, err
	}
	if err := board.takes(binary); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name(name), err)
	}
	return &Release{Archive: name, Comment: comment, Binary: binary}, nil
}

// binary reads an archive whose hash is right, and takes the binary out of it.
func (s source) binary(ctx context.Context, files sums, name string) ([]byte, error) {
	want, ok := files[name]
	if !ok {
		return nil, fmt.Errorf("%s does not name %s: it is not of this release", s.name(sumsName), name)
	}
	packed, err := s.read(ctx, name, maxArchive)
	if err != nil {
		return nil, err
	}
	if is := sha256.Sum256(packed); is != want {
		return nil, fmt.Errorf("%s: its SHA-256 is %x, and the signed list says %x: it is damaged or not whole", s.name(name), is, want)
	}
	b, err := unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name(name), err)
	}
	return b, nil
}

// unpack takes the binary out of an archive: FOLDER/gateway.
func unpack(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("not a .tar.gz: %w", err)
	}
	t := tar.NewReader(io.LimitReader(z, 2*maxBinary))
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("there is no binary gateway in it")
		}
		if err != nil {
			return nil, err
		}
		dir, file := path.Split(path.Clean(h.Name))
		if h.Typeflag != tar.TypeReg || file != "gateway" || path.Dir(path.Clean(dir)) != "." {
			continue
		}
		if h.Size > maxBinary {
			return nil, fmt.Errorf("the binary has %d bytes, more than any release has", h.Size)
		}
		return io.ReadAll(t)
	}
}
