package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"periph.io/x/conn/v3/i2c"

	"gateway/sensors/bus/bustest"
	"gateway/sensors/scan"
)

// scanFake scans a bus with a BME280 at 0x76 and an SHT4x at 0x44.
func scanFake(t *testing.T, c scanCommand) (out string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		deps := scan.Deps{
			Root: fstest.MapFS{"dev/i2c-1": {Mode: fs.ModeDevice}},
			OpenI2C: func(string) (i2c.BusCloser, error) {
				return bustest.New(map[uint16]bustest.Chip{0x44: bustest.NewSHT4x(), 0x76: bustest.NewBME280()}), nil
			},
		}
		var text, errors strings.Builder
		c.Room = "new"
		err = c.scan(t.Context(), streams{out: &text, err: &errors}, deps)
		out = text.String() + errors.String()
	})
	return out, err
}

func TestScanPrintsAConfiguration(t *testing.T) {
	t.Chdir(t.TempDir())
	out, err := scanFake(t, scanCommand{})
	if err != nil {
		t.Fatal(err)
	}
	_, yaml, _ := strings.Cut(out, "certain):\n\n")
	if err := os.WriteFile("gateway.yaml", []byte(yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if code := execute(t.Context(), []string{"check", "gateway.yaml"}, streams{out: &text, err: &text}); code != 0 || !strings.Contains(text.String(), "2 sensors") {
		t.Errorf("gateway check of what was printed: %d, %s\n%s", code, &text, out)
	}
	out, err = scanFake(t, scanCommand{}) // now they are known
	if err != nil || !strings.Contains(out, "Nothing new to add") || strings.Count(out, "configured") != 2 {
		t.Errorf("%v, %s", err, out)
	}
}

func TestScanWrites(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "house.yaml")
	mine := "# My house.\nsite: home\nsensors:\n  - driver: sht4x # the good one\n    room: kitchen\n"
	if err := os.WriteFile(file, []byte(mine), 0o640); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		out, err := scanFake(t, scanCommand{Write: true, configFlag: configFlag{Config: file}})
		if err != nil || i == 0 && !strings.Contains(out, "Added 1 to "+file) || i == 1 && !strings.Contains(out, "Nothing new") {
			t.Fatalf("%v, %s", err, out)
		}
	}
	got, _ := os.ReadFile(file)
	if !strings.HasPrefix(string(got), mine) || !strings.Contains(string(got), "  - driver: bme280\n    room: new\n    name: bme280\n    bus: i2c-1\n    address: 0x76\n") {
		t.Errorf("the file is\n%s", got)
	}
	if old, err := os.ReadFile(file + ".old"); err != nil || string(old) != mine {
		t.Errorf("the old one is %q, %v", old, err)
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o640 {
		t.Errorf("its mode has become %v", info.Mode())
	}
	if names, _ := os.ReadDir(dir); len(names) != 2 {
		t.Errorf("%d files are left, want 2", len(names))
	}
}

func TestScanWritesANewFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	out, err := scanFake(t, scanCommand{Write: true, configFlag: configFlag{Config: file}})
	if err != nil || !strings.Contains(out, "Added 2") || strings.Contains(out, ".old") {
		t.Fatalf("%v, %s", err, out)
	}
	if got, _ := os.ReadFile(file); !strings.HasPrefix(string(got), "sensors:\n") {
		t.Errorf("the file is %s", got)
	}
}

// A bus that cannot be looked at is said, with what to do, and is a failure.
func TestScanWithoutPermission(t *testing.T) {
	t.Chdir(t.TempDir())
	deps := scan.Deps{
		Root: fstest.MapFS{"dev/i2c-1": {Mode: fs.ModeDevice}},
		OpenI2C: func(string) (i2c.BusCloser, error) {
			return nil, &fs.PathError{Op: "open", Path: "/dev/i2c-1", Err: syscall.EACCES}
		},
	}
	var text strings.Builder
	c := scanCommand{Room: "new"}
	err := c.scan(t.Context(), streams{out: &text, err: &text}, deps)
	var status *statusError
	if !errors.As(err, &status) || status.status != exitFailure || !strings.Contains(text.String(), "/dev/i2c-1") {
		t.Errorf("%v, %s", err, &text)
	}
}
