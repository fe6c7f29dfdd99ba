package driver

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// unhexedWords returns the n words of a vector, whose CRCs it checks.
func unhexedWords(in string, n int) ([]uint16, error) {
	b, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	if len(b) != 3*n {
		return nil, fmt.Errorf("%d bytes, want %d words", len(b), n)
	}
	return parseSensirionWords(b)
}

func TestSensirionWords(t *testing.T) {
	good := unhex(t, "BEEF92 000081")
	if w, err := parseSensirionWords(good); err != nil || len(w) != 2 || w[0] != 0xBEEF || w[1] != 0 {
		t.Errorf("parseSensirionWords(% X) = %04X, %v", good, w, err)
	}
	for bit := range 48 {
		frame := bytes.Clone(good)
		frame[bit/8] ^= 1 << (bit % 8)
		if w, err := parseSensirionWords(frame); err == nil {
			t.Errorf("bit %d flipped: parseSensirionWords(% X) = %04X", bit, frame, w)
		}
	}
	swapped := unhex(t, "BEEF81 000092")
	if _, err := parseSensirionWords(swapped); err == nil || !strings.Contains(err.Error(), "BE EF 81 00 00 92") {
		t.Errorf("CRCs of each other: %v", err)
	}
	if _, err := parseSensirionWords(good[:5]); err == nil {
		t.Error("a word without its CRC is accepted")
	}
}

func FuzzSensirionWords(f *testing.F) {
	f.Add([]byte("\x66\xF4\xC8\x4C\x9B\x6F"))
	f.Add([]byte("\xFF\xFF\xFF\xFF\xFF\xFF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		words, err := parseSensirionWords(b)
		if err != nil {
			return
		}
		var again []byte
		for _, w := range words {
			again = appendSensirionWord(again, w)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("% X was taken for % X", b, again)
		}
	})
}
