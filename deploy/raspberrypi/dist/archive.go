package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// member is one file of an archive or a package.
type member struct {
	name string // within it
	from string // file that it is made of, from the root of the repository, or absolute
	mode int64
}

// folder is where what a board needs lies.
const folder = "deploy/raspberrypi/"

// documents come with every form.
var documents = []member{
	{"README.md", folder + "README.md", 0o644},
	{"LICENSE", "LICENSE", 0o644},
	{"CHANGELOG.md", "CHANGELOG.md", 0o644},
	{"SECURITY.md", "SECURITY.md", 0o644},
	{"gateway.example.yaml", "gateway.example.yaml", 0o644},
}

// archives makes one tar.gz for each board: the binary and what install.sh puts in
// place.
func (r *release) archives() error {
	members := append([]member{
		{"install.sh", folder + "install.sh", 0o755},
		{"postinst", folder + "postinst", 0o755},
		{"gateway.service", folder + "gateway.service", 0o644},
		{"gateway.yaml", folder + "gateway.yaml", 0o644},
		{"default", folder + "default", 0o644},
		{"60-gateway.rules", folder + "60-gateway.rules", 0o644},
		{"sysusers.conf", folder + "sysusers.conf", 0o644},
		{"tmpfiles.conf", folder + "tmpfiles.conf", 0o644},
	}, documents...)
	manual, err := r.manual()
	if err != nil {
		return err
	}
	members = append(members, member{"gateway.1", manual["gateway.1"], 0o644}, member{"gateway.yaml.5", manual["gateway.yaml.5"], 0o644},
		member{"completion.bash", manual["bash"], 0o644}, member{"completion.zsh", manual["zsh"], 0o644}, member{"completion.fish", manual["fish"], 0o644})
	for _, b := range r.boards {
		name := fmt.Sprintf("%s_%s_%s_%s", product, r.version, b.goos, b.name)
		all := append([]member{{"gateway", r.binary(b), 0o755}}, members...)
		if err := r.tarball(filepath.Join(r.out, name+".tar.gz"), name+"/", all); err != nil {
			return err
		}
	}
	return nil
}

// read returns what a member is made of.
func (r *release) read(m member) ([]byte, error) {
	if filepath.IsAbs(m.from) {
		return os.ReadFile(m.from)
	}
	return os.ReadFile(filepath.Join(r.root, m.from))
}

// tarball writes members below a folder.
func (r *release) tarball(to, below string, members []member) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	if err := t.WriteHeader(r.header(below, tar.TypeDir, 0o755, 0)); err != nil {
		return err
	}
	for _, m := range members {
		data, err := r.read(m)
		if err != nil {
			return err
		}
		if err := t.WriteHeader(r.header(below+m.name, tar.TypeReg, m.mode, len(data))); err != nil {
			return err
		}
		if _, err := t.Write(data); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}

// header is of a file that belongs to root and is as old as the commit.
func (r *release) header(name string, kind byte, mode int64, size int) *tar.Header {
	return &tar.Header{Typeflag: kind, Name: name, Mode: mode, Size: int64(size), ModTime: r.time.Truncate(time.Second), Format: tar.FormatUSTAR}
}
