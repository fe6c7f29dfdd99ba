package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gateway/cmd/gateway/internal/golden"
)

// TestWrong reads every file of testdata/wrong and compares what is said
// about it with the .txt beside it.
func TestWrong(t *testing.T) {
	files, err := filepath.Glob("testdata/wrong/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Errorf("%d wrong files, want at least 20", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse("gateway.yaml", data)
			if err == nil {
				t.Fatal("nothing is said about it")
			}
			golden.Check(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

func TestProblemsAreInTheOrderOfTheFile(t *testing.T) {
	_, err := Parse("f", []byte("log: {level: loud}\nsensors:\n- driver: x\nbroker: {max_inflight: none}\n"))
	var e *Error
	if !errors.As(err, &e) || len(e.Problems) != 4 {
		t.Fatalf("got %v", err)
	}
	for i := 1; i < len(e.Problems); i++ {
		if e.Problems[i].Line < e.Problems[i-1].Line {
			t.Errorf("line %d after line %d", e.Problems[i].Line, e.Problems[i-1].Line)
		}
	}
}
