package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// The image is made without any container tool, in the layout of the OCI image
// specification, v1.1, as one tar that podman load, docker load (from 27 on), skopeo
// and ctr take. Containerfile beside this file makes the same with docker build.

// user is who the gateway is in the container: nobody that the host knows.
const user = "1883:1883"

type (
	descriptor struct {
		MediaType string    `json:"mediaType"`
		Digest    string    `json:"digest"`
		Size      int       `json:"size"`
		Platform  *platform `json:"platform,omitempty"`
		// Annotations name the image in the index.
		Annotations map[string]string `json:"annotations,omitempty"`
	}
	platform struct {
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
		Variant      string `json:"variant,omitempty"`
	}
	manifest struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Config        *descriptor       `json:"config,omitempty"`
		Layers        []descriptor      `json:"layers,omitempty"`
		Manifests     []descriptor      `json:"manifests,omitempty"`
		Annotations   map[string]string `json:"annotations,omitempty"`
	}
	imageConfig struct {
		Created string `json:"created"`
		platform
		Config containerConfig `json:"config"`
		RootFS struct {
			Type    string   `json:"type"`
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
		History []map[string]string `json:"history"`
	}
	containerConfig struct {
		User         string              `json:"User"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		Env          []string            `json:"Env"`
		Entrypoint   []string            `json:"Entrypoint"`
		Cmd          []string            `json:"Cmd"`
		Volumes      map[string]struct{} `json:"Volumes"`
		WorkingDir   string              `json:"WorkingDir"`
		StopSignal   string              `json:"StopSignal"`
		Labels       map[string]string   `json:"Labels"`
	}
)

// blobs collects what an image is made of, by digest, in the order of its making.
type blobs struct {
	names []string
	data  map[string][]byte
}

func (b *blobs) put(data []byte) (digest string) {
	digest = fmt.Sprintf("sha256:%x", sha256.Sum256(data))
	if _, there := b.data[digest]; !there {
		b.names = append(b.names, digest)
		b.data[digest] = data
	}
	return digest
}

func (b *blobs) putJSON(v any, mediaType string) (descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	return descriptor{MediaType: mediaType, Digest: b.put(data), Size: len(data)}, nil
}

// image makes the image for all boards.
func (r *release) image() error {
	authorities, err := roots()
	if err != nil {
		return err
	}
	trusted, err := r.keep("ca-certificates.crt", authorities)
	if err != nil {
		return err
	}
	all := &blobs{data: make(map[string][]byte)}
	index := manifest{SchemaVersion: 2, MediaType: "application/vnd.oci.image.index.v1+json"}
	for _, b := range r.boards {
		d, err := r.imageOf(b, trusted, all)
		if err != nil {
			return err
		}
		index.Manifests = append(index.Manifests, d)
	}
	d, err := all.putJSON(index, index.MediaType)
	if err != nil {
		return err
	}
	d.Annotations = map[string]string{"org.opencontainers.image.ref.name": r.version, "io.containerd.image.name": product + ":" + r.version}
	top, err := json.Marshal(manifest{SchemaVersion: 2, MediaType: index.MediaType, Manifests: []descriptor{d}})
	if err != nil {
		return err
	}
	var out bytes.Buffer
	t := tar.NewWriter(&out)
	write := func(name string, data []byte) error {
		if err := t.WriteHeader(r.header(name, tar.TypeReg, 0o644, len(data))); err != nil {
			return err
		}
		_, err := t.Write(data)
		return err
	}
	if err := write("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	if err := write("index.json", top); err != nil {
		return err
	}
	for _, digest := range all.names {
		if err := write("blobs/sha256/"+digest[len("sha256:"):], all.data[digest]); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, fmt.Sprintf("%s_%s_oci.tar", product, r.version)), out.Bytes(), 0o644)
}

// imageOf makes the image of one board, which trusts the authorities in a file.
func (r *release) imageOf(b board, trusted string, all *blobs) (descriptor, error) {
	layer, err := r.layer(b, trusted)
	if err != nil {
		return descriptor{}, err
	}
	packed, err := gzipped(layer)
	if err != nil {
		return descriptor{}, err
	}
	p := platform{Architecture: b.oci, OS: b.goos, Variant: b.variant}
	labels := map[string]string{
		"org.opencontainers.image.title": product, "org.opencontainers.image.version": r.version,
		"org.opencontainers.image.revision": r.commit, "org.opencontainers.image.licenses": "Apache-2.0",
	}
	c := imageConfig{Created: r.time.Format("2006-01-02T15:04:05Z"), platform: p, Config: containerConfig{
		User:         user,
		ExposedPorts: map[string]struct{}{"1883/tcp": {}, "9001/tcp": {}, "8080/tcp": {}},
		Env:          []string{"STATE_DIRECTORY=/var/lib/gateway", "HOME=/var/lib/gateway"},
		Entrypoint:   []string{"/gateway"},
		Cmd:          []string{"run", "-c", "/etc/gateway/gateway.yaml"},
		Volumes:      map[string]struct{}{"/var/lib/gateway": {}},
		WorkingDir:   "/var/lib/gateway",
		StopSignal:   "SIGTERM",
		Labels:       labels,
	}}
	c.RootFS.Type = "layers"
	c.RootFS.DiffIDs = []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}
	c.History = []map[string]string{{"created": c.Created, "created_by": "go run ./deploy/raspberrypi/dist"}}
	config, err := all.putJSON(c, "application/vnd.oci.image.config.v1+json")
	if err != nil {
		return descriptor{}, err
	}
	m := manifest{SchemaVersion: 2, MediaType: "application/vnd.oci.image.manifest.v1+json", Config: &config, Annotations: labels}
	m.Layers = []descriptor{{MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Digest: all.put(packed), Size: len(packed)}}
	d, err := all.putJSON(m, m.MediaType)
	d.Platform = &p
	return d, err
}

// layer is the file system of the image: the binary, its configuration, the
// authorities that it trusts, and a folder for what it keeps, which a new volume takes
// its owner from.
func (r *release) layer(b board, trusted string) ([]byte, error) {
	var out bytes.Buffer
	t := tar.NewWriter(&out)
	dir := func(name string, mode int64, owned bool) error {
		h := r.header(name, tar.TypeDir, mode, 0)
		if owned {
			h.Uid, h.Gid = 1883, 1883
		}
		return t.WriteHeader(h)
	}
	for _, d := range []struct {
		name  string
		mode  int64
		owned bool
	}{{"etc/", 0o755, false}, {"etc/gateway/", 0o750, true}, {"etc/ssl/", 0o755, false}, {"etc/ssl/certs/", 0o755, false}, {"tmp/", 0o1777, false}, {"var/", 0o755, false}, {"var/lib/", 0o755, false}, {"var/lib/gateway/", 0o750, true}} {
		if err := dir(d.name, d.mode, d.owned); err != nil {
			return nil, err
		}
	}
	for _, m := range []member{{"gateway", r.binary(b), 0o755}, {"etc/gateway/gateway.yaml", folder + "dist/container.yaml", 0o644}, {rootsFile, trusted, 0o644}} {
		data, err := r.read(m)
		if err != nil {
			return nil, err
		}
		if err := t.WriteHeader(r.header(m.name, tar.TypeReg, m.mode, len(data))); err != nil {
			return nil, err
		}
		if _, err := t.Write(data); err != nil {
			return nil, err
		}
	}
	err := t.Close()
	return out.Bytes(), err
}

// gzipped compresses without a time or a name.
func gzipped(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}
