package initrd

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"gateway/deploy/raspberrypi/emulated/kernels"
)

// module is a module of the kernel, uncompressed.
type module struct {
	name string
	data []byte
}

// resolver finds modules and what they need.
type resolver struct {
	files   map[string]string // by name
	builtin map[string]bool
	seen    map[string]bool
	loaded  []module
}

// resolve returns the modules with all they depend on, which come first. What is
// built into the kernel needs no loading.
func resolve(k kernels.Kernel, names []string) ([]module, error) {
	root := filepath.Join(k.Modules, "lib/modules", k.Release)
	r := &resolver{files: make(map[string]string), builtin: make(map[string]bool), seen: make(map[string]bool)}
	err := filepath.WalkDir(filepath.Join(root, "kernel"), func(p string, d fs.DirEntry, err error) error {
		if name, _, ok := strings.Cut(filepath.Base(p), ".ko"); ok && err == nil {
			r.files[normal(name)] = p
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("modules of kernel %s: %w", k.Release, err)
	}
	list, err := os.ReadFile(filepath.Join(root, "modules.builtin"))
	if err != nil {
		return nil, fmt.Errorf("modules of kernel %s: %w", k.Release, err)
	}
	for _, p := range strings.Fields(string(list)) {
		r.builtin[normal(strings.TrimSuffix(path.Base(p), ".ko"))] = true
	}
	for _, name := range names {
		if err := r.add(name); err != nil {
			return nil, fmt.Errorf("kernel %s: %w", k.Release, err)
		}
	}
	return r.loaded, nil
}

// normal is how the kernel compares names.
func normal(name string) string { return strings.ReplaceAll(name, "-", "_") }

func (r *resolver) add(name string) error {
	name = normal(name)
	if name == "" || r.seen[name] || r.builtin[name] {
		return nil
	}
	r.seen[name] = true
	file, ok := r.files[name]
	if !ok {
		return fmt.Errorf("it has no module %s", name)
	}
	data, err := readModule(file)
	if err != nil {
		return err
	}
	needs, err := dependencies(data)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, n := range needs {
		if err := r.add(n); err != nil {
			return fmt.Errorf("%s needs %s: %w", name, n, err)
		}
	}
	r.loaded = append(r.loaded, module{name, data})
	return nil
}

func readModule(file string) ([]byte, error) {
	if !strings.HasSuffix(file, ".xz") {
		return os.ReadFile(file)
	}
	out, err := exec.Command("xz", "-dc", file).Output()
	if err != nil {
		return nil, fmt.Errorf("xz -dc %s: %w", file, err)
	}
	return out, nil
}

// dependencies returns what a module says that it needs. What it would like to
// have, its softdep, is the caller's to name.
func dependencies(data []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("no section .modinfo")
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := bytes.CutPrefix(field, []byte("depends=")); ok {
			return strings.Split(string(list), ","), nil
		}
	}
	return nil, nil
}
