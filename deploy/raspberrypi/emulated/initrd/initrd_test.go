package initrd

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gateway/deploy/raspberrypi/emulated/kernels"
)

// moduleFile is an ELF file of 64 bits with nothing but a .modinfo.
func moduleFile(depends string) []byte {
	info := []byte("license=GPL\x00depends=" + depends + "\x00name=x\x00")
	names := []byte("\x00.modinfo\x00.shstrtab\x00")
	le := binary.LittleEndian
	b := append([]byte{0x7F, 'E', 'L', 'F', 2, 1, 1}, make([]byte, 9)...)
	b = le.AppendUint16(b, 1)   // relocatable
	b = le.AppendUint16(b, 183) // AArch64
	b = le.AppendUint32(b, 1)
	b = append(b, make([]byte, 16)...) // entry, program headers
	b = le.AppendUint64(b, uint64(64+len(info)+len(names)))
	b = le.AppendUint32(b, 0)
	for _, v := range []uint16{64, 0, 0, 64, 3, 2} {
		b = le.AppendUint16(b, v)
	}
	b = append(append(b, info...), names...)
	section := func(name, kind uint32, at, size int) {
		b = le.AppendUint32(b, name)
		b = le.AppendUint32(b, kind)
		for _, v := range []int{0, 0, at, size, 0, 1, 0} {
			b = le.AppendUint64(b, uint64(v))
		}
		b = b[:len(b)-8] // the two words before alignment are of 32 bits
		b = le.AppendUint64(b, 0)
	}
	section(0, 0, 0, 0)
	section(1, 1, 64, len(info))
	section(10, 3, 64+len(info), len(names))
	return b
}

// kernel is a folder as a package of Debian's has it.
func kernel(t *testing.T, modules map[string]string, builtin string) kernels.Kernel {
	k := kernels.Kernel{Modules: t.TempDir(), Release: "6.1.0-test"}
	root := filepath.Join(k.Modules, "lib/modules", k.Release)
	files := map[string][]byte{"modules.builtin": []byte(builtin)}
	for name, depends := range modules {
		files["kernel/drivers/"+name+".ko"] = moduleFile(depends)
	}
	for name, data := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// unpack reads an archive as the kernel does.
func unpack(t *testing.T, b []byte) (names []string, files map[string][]byte) {
	t.Helper()
	files = make(map[string][]byte)
	at := 0
	field := func(n int) int {
		v, err := strconv.ParseUint(string(b[at+6+8*n:at+14+8*n]), 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		return int(v)
	}
	for {
		if string(b[at:at+6]) != "070701" {
			t.Fatalf("at %d there is %q", at, b[at:at+6])
		}
		size, nameSize := field(6), field(11)
		name := string(b[at+110 : at+110+nameSize-1])
		if name == "TRAILER!!!" {
			return names, files
		}
		data := (at + 110 + nameSize + 3) &^ 3
		names, files[name] = append(names, name), b[data:data+size]
		at = (data + size + 3) &^ 3
	}
}

func TestBuild(t *testing.T) {
	k := kernel(t, map[string]string{"a": "b-b,c", "b_b": "c", "c": "", "unused": ""}, "kernel/drivers/built-in.ko\n")
	b, err := Build(k, []string{"built_in", "a", "c"}, map[string][]byte{"init": []byte("first"), "etc/gateway/x.yaml": []byte("odd")})
	if err != nil {
		t.Fatal(err)
	}
	names, files := unpack(t, b)
	if got, want := string(files[ModuleList]), "/lib/modules/000-c.ko\n/lib/modules/001-b_b.ko\n/lib/modules/002-a.ko\n"; got != want {
		t.Errorf("modules are\n%swant\n%s", got, want)
	}
	for name := range strings.FieldsSeq(string(files[ModuleList])) {
		if len(files[name[1:]]) == 0 {
			t.Errorf("%s is not there", name)
		}
	}
	if string(files["init"]) != "first" || string(files["etc/gateway/x.yaml"]) != "odd" {
		t.Errorf("files: %q", names)
	}
	if f, e := slices.Index(names, "etc/gateway"), slices.Index(names, "etc/gateway/x.yaml"); f < 0 || f > e {
		t.Errorf("a file is before its folder: %q", names)
	}
	if !bytes.HasSuffix(bytes.TrimRight(b, "\x00"), []byte("TRAILER!!!")) {
		t.Error("no end")
	}
}

func TestBuildSaysWhichModuleIsMissing(t *testing.T) {
	k := kernel(t, map[string]string{"a": "gone"}, "")
	if _, err := Build(k, []string{"a"}, nil); err == nil || !strings.Contains(err.Error(), "a needs gone: it has no module gone") {
		t.Error(err)
	}
}
