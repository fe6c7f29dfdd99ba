package bustest

import (
	"io"
	"os"
	"testing"
)

func TestPTYPassesEveryByte(t *testing.T) {
	p, err := NewPTY()
	if err != nil {
		t.Skip(err)
	}
	slave, err := os.OpenFile(p.Name(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	var all, got [256]byte
	for i := range all {
		all[i] = byte(i)
	}
	for _, ends := range [][2]io.ReadWriter{{p, slave}, {slave, p}} {
		if _, err := ends[0].Write(all[:]); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(ends[1], got[:]); err != nil || got != all {
			t.Errorf("% X, %v", got, err)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if n, err := slave.Read(got[:]); err == nil {
		t.Errorf("an unplugged port reads %d bytes", n)
	}
}
