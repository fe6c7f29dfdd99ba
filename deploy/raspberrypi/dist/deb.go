package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// nfpm is what makes the packages. It has hundreds of dependencies, which is why it
// is run and not imported.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4"

// packaged are the files of the package besides the binary.
var packaged = []member{
	{"/usr/lib/systemd/system/gateway.service", folder + "gateway.service", 0o644},
	{"/usr/lib/udev/rules.d/60-gateway.rules", folder + "60-gateway.rules", 0o644},
	{"/usr/lib/sysusers.d/gateway.conf", folder + "sysusers.conf", 0o644},
	{"/usr/lib/tmpfiles.d/gateway.conf", folder + "tmpfiles.conf", 0o644},
	{"/usr/share/gateway/gateway.yaml", folder + "gateway.yaml", 0o644},
	{"/usr/share/doc/gateway/README.md", folder + "README.md", 0o644},
	{"/usr/share/doc/gateway/SECURITY.md", "SECURITY.md", 0o644},
	{"/usr/share/doc/gateway/gateway.example.yaml", "gateway.example.yaml", 0o644},
}

// packages makes the Debian packages.
func (r *release) packages() error {
	files, err := r.documentation()
	if err != nil {
		return err
	}
	for _, b := range r.boards {
		if b.debian == "" {
			continue
		}
		if err := r.pack(b, files); err != nil {
			return err
		}
	}
	return nil
}

// pack makes the package of a board, with what is the same in all of them.
func (r *release) pack(b board, files []member) error {
	config := filepath.Join(r.work, "nfpm-"+b.name+".yaml")
	if err := os.WriteFile(config, []byte(r.nfpmConfig(b, files)), 0o644); err != nil {
		return err
	}
	to := filepath.Join(r.out, fmt.Sprintf("%s_%s_%s.deb", product, r.debianVersion(), b.debian))
	c := r.command("go", "run", nfpm, "pkg", "--packager", "deb", "--config", config, "--target", to)
	c.Env = append(c.Env, "GOFLAGS=", "GOOS=", "GOARCH=")
	return must(c)
}

// documentation makes what Debian wants to be compressed, what the gateway prints of
// itself, and the rights, and returns them as members of the package. They are the
// same for all boards.
func (r *release) documentation() ([]member, error) {
	manual, err := r.manual()
	if err != nil {
		return nil, err
	}
	all := []member{
		{"/usr/share/bash-completion/completions/gateway", manual["bash"], 0o644},
		{"/usr/share/zsh/vendor-completions/_gateway", manual["zsh"], 0o644},
		{"/usr/share/fish/vendor_completions.d/gateway.fish", manual["fish"], 0o644},
	}
	for _, m := range []member{
		{"/usr/share/doc/gateway/changelog.gz", "CHANGELOG.md", 0o644},
		{"/usr/share/man/man1/gateway.1.gz", manual["gateway.1"], 0o644},
		{"/usr/share/man/man5/gateway.yaml.5.gz", manual["gateway.yaml.5"], 0o644},
	} {
		data, err := r.read(m)
		if err != nil {
			return nil, err
		}
		packed, err := gzipped(data)
		if err != nil {
			return nil, err
		}
		if m.from, err = r.keep(filepath.Base(m.name), packed); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	rights, err := r.keep("copyright", []byte("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: gateway\n\nFiles: *\nCopyright: the authors of gateway\nLicense: Apache-2.0\n On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0.\n"))
	return append(all, member{"/usr/share/doc/gateway/copyright", rights, 0o644}), err
}

// nfpmConfig is what nfpm makes a package of.
func (r *release) nfpmConfig(b board, more []member) string {
	var s bytes.Buffer
	fmt.Fprintf(&s, "name: %s\narch: %s\nplatform: linux\nversion: %q\nversion_schema: none\nsection: net\npriority: optional\nmtime: %q\n", product, b.debian, r.debianVersion(), r.time.Format("2006-01-02T15:04:05Z"))
	s.WriteString(`maintainer: "the authors of gateway <gateway@localhost>"
description: |
  IoT sensor gateway: sensors, MQTT broker, bridge and page in one binary
  Reads sensors on I2C, SPI, GPIO, 1-Wire, serial ports and Modbus, serves them
  over MQTT 3.1, 3.1.1 and 5.0 and in the browser with their history, and forwards
  them to a broker upstream without losing any while the line is down.
license: Apache-2.0
depends:
  - passwd
  - procps
recommends:
  - ca-certificates
suggests:
  - mosquitto-clients
`)
	fmt.Fprintf(&s, "deb:\n  compression: %s\n", r.compression)
	fmt.Fprintf(&s, "scripts:\n  postinstall: %q\n  preremove: %q\n  postremove: %q\ncontents:\n", r.path("postinst"), r.path("prerm"), r.path("postrm"))
	file := func(m member, kind string) {
		from := m.from
		if !filepath.IsAbs(from) {
			from = filepath.Join(r.root, from)
		}
		fmt.Fprintf(&s, "  - src: %q\n    dst: %q\n", from, m.name)
		if kind != "" {
			fmt.Fprintf(&s, "    type: %s\n", kind)
		}
		fmt.Fprintf(&s, "    file_info:\n      mode: %#o\n      owner: root\n      group: root\n      mtime: %q\n", m.mode, r.time.Format("2006-01-02T15:04:05Z"))
	}
	file(member{"/usr/bin/gateway", r.binary(b), 0o755}, "")
	file(member{"/etc/default/gateway", folder + "default", 0o644}, "config|noreplace")
	for _, m := range append(packaged, more...) {
		file(m, "")
	}
	return s.String()
}

func (r *release) path(name string) string { return filepath.Join(r.root, folder, name) }
