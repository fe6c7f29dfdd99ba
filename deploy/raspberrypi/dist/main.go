// Command dist makes what people install: static binaries for every board, Debian
// packages, archives with install.sh, an image for containers, a list of what is in
// the binaries (SBOM) and checksums of all of it.
//
//	go run ./deploy/raspberrypi/dist            # everything, to dist/
//	go run ./deploy/raspberrypi/dist -only bin  # the binaries
//
// The same commit gives the same bytes, wherever and whenever it is made with the
// same Go: paths are left out, and every time in an archive is that of the commit.
//
// Debian packages are made by nfpm and the list by cyclonedx-gomod, which are run as
// tools and are no dependencies of the gateway. Neither is x509roots, of which the
// image has its certificate authorities.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	out := flag.String("out", "dist", "the `folder` that everything is written to; what is there of the same name is replaced")
	version := flag.String("version", "", "the `version`; without it, that of the newest tag v…, or one that sorts before all")
	only := flag.String("only", "", "make only these, with commas: bin, tar, deb, oci, sbom")
	boards := flag.String("boards", "", "only for these, with commas: armv6, armv7, arm64, amd64")
	compression := flag.String("compression", "xz", "how Debian packages are `compressed`: xz, which is small, gzip, which is quick")
	authorities := flag.Bool("roots", false, "print the certificate authorities that the image trusts, and make nothing")
	flag.Parse()
	if *authorities {
		b, err := roots()
		if err == nil {
			_, err = os.Stdout.Write(b)
		}
		exit(err)
		return
	}
	r, err := newRelease(*out, *version, list(*boards))
	if err == nil {
		r.compression = *compression
		err = errors.Join(r.makeAll(list(*only)), r.done())
	}
	exit(err)
}

// exit ends the process if something failed.
func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// list takes a list with commas apart.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// step is one kind of what is made.
type step struct {
	name string
	make func(*release) error
}

// makeAll makes everything, or only some kinds of it.
func (r *release) makeAll(only []string) error {
	steps := []step{{"bin", (*release).binaries}, {"sbom", (*release).sbom}, {"tar", (*release).archives}, {"deb", (*release).packages}, {"oci", (*release).image}}
	wanted := make(map[string]bool)
	for _, name := range only {
		wanted[name] = true
	}
	for _, s := range steps {
		if len(only) > 0 && !wanted[s.name] {
			continue
		}
		delete(wanted, s.name)
		if err := s.make(r); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for name := range wanted {
		return fmt.Errorf("-only %s: there is no such thing; bin, tar, deb, oci, sbom", name)
	}
	if len(only) > 0 {
		return nil
	}
	if err := r.sums(); err != nil {
		return fmt.Errorf("SHA256SUMS: %w", err)
	}
	fmt.Printf("%s %s is in %s\n", product, r.version, r.out)
	return nil
}

// root is the folder of the repository: the working folder, or one above it.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("run it within the repository: there is no go.mod here or above")
		}
		dir = up
	}
}
