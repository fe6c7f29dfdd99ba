package upstreams

import (
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// scripts are brokers in JavaScript: NAME.mjs PORT [forget], with GATEWAY_NPM
// naming a node_modules folder, listens on 127.0.0.1 and prints "listening".
//
//go:embed scripts
var scripts embed.FS

// node is a broker that is an npm package. mosca is dead, and needs old versions
// of packages that it does not name.
func node(kind Kind, o Options) (p plan, version string, err error) {
	path, err := program("node", "nodejs")
	if err != nil {
		return p, "", err
	}
	packages := map[Kind][]string{Aedes: {"aedes"}, Mosca: {"mosca", "eventemitter2", "jsonschema"}}[kind]
	npm, err := npmPackages(packages...)
	if err != nil {
		return p, "", err
	}
	if version, err = npmVersion(npm, packages[0]); err != nil {
		return p, "", err
	}
	script, err := scripts.ReadFile("scripts/" + string(kind) + ".mjs")
	if err != nil {
		return p, "", err
	}
	file := filepath.Join(o.Dir, string(kind)+".mjs")
	if err := os.WriteFile(file, script, 0o600); err != nil {
		return p, "", err
	}
	p = plan{path: path, args: []string{file, strconv.Itoa(o.Port)}, env: append(os.Environ(), "GATEWAY_NPM="+npm), dir: o.Dir}
	if o.Forget {
		p.args = append(p.args, "forget")
	}
	return p, version, nil
}

func npmVersion(npm, name string) (string, error) {
	file := filepath.Join(npm, name, "package.json")
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var about struct{ Version string }
	if err := json.Unmarshal(b, &about); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return about.Version, nil
}
