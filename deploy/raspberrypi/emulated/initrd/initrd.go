package initrd

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gateway/deploy/raspberrypi/emulated/kernels"
)

// ModuleList is the file that lists modules, one path on each line, in the
// order they have to be loaded in.
const ModuleList = "etc/modules"

// Build returns the archive: the modules of the kernel with all they depend on,
// and files by their path without a leading slash. The kernel runs the one that
// is called init.
func Build(k kernels.Kernel, modules []string, files map[string][]byte) ([]byte, error) {
	var a archive
	for _, dir := range []string{"proc", "sys", "dev", "tmp", "etc", "run", "var/lib"} {
		a.folder(dir)
	}
	a.entry("dev/console", typeDevice|0o600, nil, 5, 1)
	a.entry("dev/null", typeDevice|0o666, nil, 1, 3)
	loaded, err := resolve(k, modules)
	if err != nil {
		return nil, err
	}
	var list strings.Builder
	for i, m := range loaded {
		name := fmt.Sprintf("lib/modules/%03d-%s.ko", i, m.name)
		a.file(name, m.data)
		fmt.Fprintf(&list, "/%s\n", name)
	}
	a.file(ModuleList, []byte(list.String()))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		a.file(name, files[name])
	}
	return a.bytes(), nil
}
