package config

import (
	"path/filepath"
	"strings"

	"gateway/broker/auth"
)

// folderOf is where the relative names in a configuration file begin: its folder, as
// an absolute path. It is "" for one that comes through a pipe or from the standard
// input, whose names begin in the working directory.
func folderOf(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil || strings.HasPrefix(abs, "/dev/") || strings.HasPrefix(abs, "/proc/") {
		return "", err
	}
	return filepath.Dir(abs), nil
}

// Within has the relative names of files and folders in c begin in a folder. It
// changes what c points to, too; "" changes nothing. Drivers of sensors take no
// relative names.
func (c *Config) Within(folder string) {
	if folder == "" {
		return
	}
	for _, name := range c.files() {
		if *name != "" && !filepath.IsAbs(*name) {
			*name = filepath.Join(folder, *name)
		}
	}
}

// files returns where c names files and folders, which may be "".
func (c *Config) files() []*string {
	all := []*string{&c.Persistence.Path}
	guard := func(a *auth.Config) { all = append(all, &a.PasswordFile, &a.ACLFile) }
	guard(&c.Broker.Auth)
	for i := range c.Broker.Listeners {
		l := &c.Broker.Listeners[i]
		if l.Protocol == "unix" && !strings.HasPrefix(l.Address, "@") { // with @ it has a name without a file
			all = append(all, &l.Address)
		}
		if l.Auth != nil {
			guard(l.Auth)
		}
		if t := l.TLS; t != nil {
			all = append(all, &t.Certificate, &t.Key, &t.ClientCA, &t.CRL)
		}
	}
	if t := c.Dashboard.TLS; t != nil {
		all = append(all, &t.Certificate, &t.Key)
	}
	for i := range c.Bridges {
		b := &c.Bridges[i]
		t := &b.Line.TLS
		all = append(all, &b.PasswordFile, &b.Line.ProxyPasswordFile, &t.CA, &t.Certificate, &t.Key)
	}
	return all
}
