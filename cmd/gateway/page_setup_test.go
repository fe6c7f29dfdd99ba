package main

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"periph.io/x/conn/v3/i2c"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/doctor"
	"gateway/cmd/gateway/internal/setup"
	"gateway/sensors/bus/bustest"
)

// board is a Raspberry Pi with a bus in memory, for a gateway in this process:
// the binary can be told of none.
type board struct {
	root *files // the file system from /
	bus  *bustest.Bus
}

// files is a tree that changes while it is read.
type files struct {
	mu   sync.Mutex
	tree fstest.MapFS
}

// Open implements [fs.FS].
func (f *files) Open(name string) (fs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tree.Open(name)
}

// set puts a file there, or takes it away if it is nil.
func (f *files) set(name string, file *fstest.MapFile) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if delete(f.tree, name); file != nil {
		f.tree[name] = file
	}
}

// newBoard has a BME280 at 0x76 and a TMP102, which cannot be told from others,
// at 0x48.
func newBoard() *board {
	return &board{
		root: &files{tree: fstest.MapFS{"proc/device-tree/model": {Data: []byte("Raspberry Pi 4 Model B Rev 1.4\x00")}, "dev/i2c-1": {Mode: fs.ModeDevice}}},
		bus:  bustest.New(map[uint16]bustest.Chip{0x76: bustest.NewBME280(), 0x48: bustest.NewTMP102()}),
	}
}

// stays is a bus that goes on when somebody has closed it.
type stays struct{ *bustest.Bus }

func (stays) Close() error { return nil }

// option makes the gateway use the board.
func (b *board) option(g *gateway) {
	g.hardware.Root = b.root
	g.hardware.OpenI2C = func(name string) (i2c.BusCloser, error) {
		if _, err := fs.Stat(b.root, "dev/"+name); err != nil {
			return nil, err
		}
		return stays{b.bus}, nil
	}
	g.machine = doctor.Machine{
		Root: b.root, User: "pi", Hostname: "pi",
		Access: func(string) error { return nil }, Group: func(string) string { return "" },
	}
}

// here runs a gateway in this process until the test ends, and returns its page.
func here(t *testing.T, file string, options ...option) (page string) {
	t.Helper()
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	options = append(options, func(g *gateway) { g.file = setup.OpenFile(file) })
	g, err := build(cfg, false, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), options...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.run(ctx, g.parts()) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + g.dashboard.Addr().String()
}

// ownState is a configuration's part that keeps its state in a folder of the test.
func ownState(t *testing.T) string { return "persistence: {path: " + t.TempDir() + "}\n" }

// TestPageSetup: Sensors, from a fake I²C bus to a live value. Check 22.
func TestPageSetup(t *testing.T) {
	b := newBoard()
	file := writeConfig(t, "# my house\nsite: home # the first level\nsensors: [] # none yet\n"+ownState(t)+freePorts)
	page := here(t, file, b.option)
	browse(t, "setup", page, func(what string) string {
		switch what {
		case "i2c off":
			b.root.set("dev/i2c-1", nil)
		case "i2c on":
			b.root.set("dev/i2c-1", &fstest.MapFile{Mode: fs.ModeDevice})
		case "pc":
			b.root.set("proc/device-tree/model", nil)
		case "by hand":
			text, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(file, append(text, "# by hand\n"...), 0o600)
			}
			if err != nil {
				t.Error(err)
			}
		case "file":
			text, err := os.ReadFile(file)
			if err != nil {
				t.Error(err)
			}
			return strings.ReplaceAll(string(text), "\n", "⏎")
		default:
			t.Errorf("the script asks for %q", what)
		}
		return ""
	})
}
