//go:build linux

package emulated_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/deploy/raspberrypi/emulated/board"
	"gateway/deploy/raspberrypi/emulated/nbd"
)

// cardSize is that of a card, bytes. The store leaves 64 MiB of it free.
const cardSize = 256 << 20

// card is the disk of a board, an ext4. It loses what was not flushed when the
// power goes.
type card struct {
	*nbd.Disk
	file   string // the image
	socket string
}

// newCard makes a card that is there until the test ends.
func newCard(t *testing.T) *card {
	t.Helper()
	dir, err := os.MkdirTemp(folder, "card")
	if err != nil {
		t.Fatal(err)
	}
	c := &card{file: filepath.Join(dir, "card.img"), socket: filepath.Join(dir, "nbd.sock")}
	if err := board.Format(t.Context(), c.file, cardSize); err != nil {
		t.Fatal(err)
	}
	if c.Disk, err = nbd.Open(c.file); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", c.socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // boards that are killed in the end have it until then
	served := make(chan error)
	go func() { served <- nbd.Serve(ctx, l, c.Disk) }()
	t.Cleanup(func() {
		err := c.Close() // first, or what waits for its power would wait for ever
		cancel()
		if err := errors.Join(err, <-served, os.Remove(c.file)); err != nil {
			t.Error(err)
		}
	})
	return c
}

// name is what QEMU takes for a disk.
func (c *card) name() string { return "nbd+unix:///?socket=" + c.socket }

// cut cuts the power of a board that writes to this card, in the middle of a write.
func (c *card) cut(t *testing.T, b *board.Board, loss nbd.Loss, random *rand.Rand) nbd.Report {
	t.Helper()
	select {
	case <-c.StopAfter(1 + random.IntN(300)):
	case <-time.After(patience):
		t.Errorf("the board has written next to nothing within %v", patience)
	}
	b.Kill()
	return c.lose(t, loss, random)
}

// lose takes from the card, whose board is gone, what was not flushed.
func (c *card) lose(t *testing.T, loss nbd.Loss, random *rand.Rand) nbd.Report {
	t.Helper()
	report, err := c.Cut(loss, random)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("power cut: %v: %v", loss, report)
	c.check(t)
	return report
}

// check looks at a copy of the card as the next boot finds it: what is left of
// the file system has to be whole when its journal was played back, and no file
// may have been set aside as damaged. The card itself is left for the board to
// mend.
func (c *card) check(t *testing.T) {
	t.Helper()
	image := c.file + ".copy"
	defer os.Remove(image)
	run(t, "cp", "--sparse=always", c.file, image)
	preen := exec.CommandContext(t.Context(), "e2fsck", "-p", image)
	if out, err := preen.CombinedOutput(); preen.ProcessState == nil || preen.ProcessState.ExitCode() > 1 {
		t.Fatalf("e2fsck -p: %v\n%s", err, out)
	}
	run(t, "e2fsck", "-fn", image)
	for _, folder := range []string{"/store", "/history"} {
		if names := run(t, "debugfs", "-R", "ls -p "+folder, image); strings.Contains(names, ".damaged") {
			t.Errorf("%s has what was set aside:\n%s", folder, names)
		}
	}
}

// run runs a program of this machine that has to succeed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
