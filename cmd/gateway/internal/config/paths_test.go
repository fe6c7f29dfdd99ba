package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// pathConfig has every key that names a file or a folder.
const pathConfig = `
persistence: {path: a/state}
broker:
  auth: {password_file: a/users, acl_file: a/rules}
  listeners:
    - {protocol: unix, address: a/mqtt.sock}
    - {protocol: unix, address: "@abstract"}
    - protocol: tls
      address: 127.0.0.1:8883
      auth: {password_file: a/users2, acl_file: a/rules2}
      tls: {certificate: a/cert, key: a/key, client_ca: a/ca, crl: a/crl}
dashboard: {tls: {certificate: a/page, key: a/pagekey}}
bridges:
  - name: cloud
    address: mqtts://h
    username: u
    password_file: a/password
    proxy: http://user@proxy:3128
    proxy_password_file: a/proxy
    tls: {ca: a/upstream, certificate: a/own, key: a/ownkey}
    topics: [{filter: t}]
`

// words returns the texts of a configuration that begin with a prefix.
func words(v reflect.Value, prefix string) (all []string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			all = words(v.Elem(), prefix)
		}
	case reflect.Slice:
		for i := range v.Len() {
			all = append(all, words(v.Index(i), prefix)...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				all = append(all, words(v.Field(i), prefix)...)
			}
		}
	case reflect.String:
		if strings.HasPrefix(v.String(), prefix) {
			all = append(all, v.String())
		}
	}
	return all
}

// TestPathsBeginInTheFolder: the relative names in a file begin in its folder, all of
// them, by whatever name the file is read, and before it is written, too.
func TestPathsBeginInTheFolder(t *testing.T) {
	raw := parse(t, pathConfig)
	n := len(words(reflect.ValueOf(raw), "a/"))
	if want := strings.Count(pathConfig, " a/"); n != want {
		t.Fatalf("%d names, want %d", n, want)
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "gateway.yaml")
	as, err := ParseAs(file, []byte(pathConfig))
	if err != nil {
		t.Fatal(err)
	}
	if got := words(reflect.ValueOf(as), filepath.Join(folder, "a")+"/"); len(got) != n {
		t.Errorf("%d of %d names begin in the folder: %q", len(got), n, got)
	}
	if got := as.Broker.Listeners[1].Address; got != "@abstract" {
		t.Errorf("a socket without a file is %s", got)
	}
	if stdin, err := ParseAs("/dev/stdin", []byte(pathConfig)); err != nil || !reflect.DeepEqual(stdin, raw) {
		t.Errorf("from the standard input: %v", err)
	}
	const small = "persistence: {path: state}\n"
	if err := os.WriteFile(file, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(folder))
	for _, name := range []string{file, filepath.Join(filepath.Base(folder), "gateway.yaml")} {
		if cfg, err := Load(name); err != nil || cfg.Persistence.Path != filepath.Join(folder, "state") {
			t.Errorf("%s: %+v, %v", name, cfg, err)
		}
	}
}

// TestEveryPathKeyIsKnown: a key that sounds like a file is one of those above.
func TestEveryPathKeyIsKnown(t *testing.T) {
	file := regexp.MustCompile(`(_file|\.certificate|tls\.key|\.ca|_ca|\.crl|_path|\.path|_folder|_dir)$`)
	for _, k := range Keys() {
		if file.MatchString(k.Path) && !regexp.MustCompile(`\b`+k.Path[strings.LastIndex(k.Path, ".")+1:]+`: a/`).MatchString(pathConfig) {
			t.Errorf("%s: does it name a file? Then files and this test have to know it", k.Path)
		}
	}
}
