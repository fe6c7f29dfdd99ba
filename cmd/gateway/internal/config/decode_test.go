package config

import "testing"

func TestBytesOf(t *testing.T) {
	for text, want := range map[string]int64{
		"1GB": 1_000_000_000, "64 MiB": 64 << 20, "5k": 5000, "2Ti": 2 << 40, "12kb": 12_000,
		"": 0, "b": 0, "MB": 0, "12": 0, "12x": 0, "1.5GB": 0, "99999TB": 0, "many": 0,
	} {
		if got, ok := bytesOf(text); got != want || ok != (want > 0) {
			t.Errorf("%q: %d, %t, want %d", text, got, ok, want)
		}
	}
}
