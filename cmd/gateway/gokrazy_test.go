package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gokrazyInstance is what of an instance of gokrazy ours uses, by the names of
// github.com/gokrazy/internal/config, 3c1aa9087c82.
type gokrazyInstance struct {
	Hostname      string
	Update        struct{ HTTPPassword string }
	Environment   []string
	Packages      []string
	PackageConfig map[string]struct {
		GoBuildFlags, CommandLineFlags, Environment []string
		ExtraFilePaths                              map[string]string
	}
	BootloaderExtraLines []string
	SerialConsole        string
}

// TestGokrazy starts the gateway as the instance of gokrazy in deploy does, where
// /perm is a folder: all that it keeps is in there.
func TestGokrazy(t *testing.T) {
	d := json.NewDecoder(strings.NewReader(read(t, "../../deploy/raspberrypi/gokrazy/config.json")))
	d.DisallowUnknownFields()
	var instance gokrazyInstance
	if err := d.Decode(&instance); err != nil {
		t.Fatal(err)
	}
	const pkg = "gateway/cmd/gateway"
	ours, ok := instance.PackageConfig[pkg]
	if !ok || !strings.Contains(strings.Join(instance.Packages, " "), pkg) {
		t.Fatalf("no %s in %+v", pkg, instance)
	}
	list := exec.Command("go", "list", "-f", "{{.Name}} {{.ImportPath}}", pkg)
	list.Env = append(os.Environ(), append(instance.Environment, "CGO_ENABLED=0")...)
	if out, err := list.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "main "+pkg {
		t.Errorf("%v: %s", err, out)
	}

	perm := t.TempDir()
	home := filepath.Join(perm, "gateway")
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(home, "users")
	config := fmt.Sprintf(`
sensors: []
broker:
  listeners:
    - {protocol: tcp, address: "127.0.0.1:0"}
    - {protocol: ws, address: "127.0.0.1:0"}
  auth: {password_file: %q, require_login: true}
dashboard:
  address: "127.0.0.1:0"
`, users)
	if err := os.WriteFile(filepath.Join(home, "gateway.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	set := exec.Command(needBinary(t), "passwd", users, "me")
	set.Stdin = bytes.NewReader([]byte("correct horse\n"))
	if out, err := set.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	there := func(all []string) []string {
		for i, s := range all {
			all[i] = strings.ReplaceAll(s, "/perm", perm)
		}
		return all
	}
	for _, v := range there(ours.Environment) {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	g := awaitGateway(spawn(t, needBinary(t), there(ours.CommandLineFlags)...))
	conn, err := net.Dial("tcp", g.mqtt)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(home, "store")); err != nil {
		t.Error(err)
	}
}
