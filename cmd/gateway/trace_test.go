package main

import (
	"errors"
	"strings"
	"testing"

	"gateway/sensors/bus/bustest"
)

func TestTrace(t *testing.T) {
	var out strings.Builder
	b := tracedI2C{bustest.New(map[uint16]bustest.Chip{0x76: bustest.NewBME280()}), &tracer{out: &out}}
	if err := b.Tx(0x76, []byte{0xD0}, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := b.Tx(0x77, nil, make([]byte, 2)); err == nil {
		t.Fatal("nothing answers there")
	}
	b.t.line("spi0.0", []byte{1, 0x80}, []byte{1, 2}, nil)
	b.t.line("spi0.0", []byte{1}, []byte{1}, errors.New("no"))
	want := "fake I²C bus 0x76  W D0  R 60\nfake I²C bus 0x77  failed: no chip at address 0x77: no such device or address\n" +
		"spi0.0  W 01 80  R 01 02\nspi0.0  W 01  failed: no\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}
