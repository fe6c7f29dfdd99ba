package mqttio

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/golden"
	"gateway/sensors/driver"
)

// TestFiles compares what every file of testdata has become with the .yaml
// beside it, or what is said to be wrong with the .txt.
func TestFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			beside, got := strings.TrimSuffix(file, ".yml")+".yaml", ""
			r, err := Load(file)
			if err != nil {
				beside, got = strings.TrimSuffix(file, ".yml")+".txt", err.Error()+"\n"
			} else {
				data, err := r.YAML()
				if err != nil {
					t.Fatal(err)
				}
				again, err := config.Parse(beside, data)
				if err != nil {
					t.Fatal(err)
				}
				if !config.Same(again, r.Config) {
					t.Error(config.Diff(r.Config, again))
				}
				got = string(data)
			}
			golden.Check(t, beside, got)
		})
	}
}

// Every module that there is a driver for names one that exists.
func TestChipsHaveDrivers(t *testing.T) {
	for module, k := range chips {
		if k.driver == "" {
			continue
		}
		if _, ok := driver.Lookup(k.driver); !ok {
			t.Errorf("%s: there is no driver %q", module, k.driver)
		}
		if _, both := others[module]; both {
			t.Errorf("%s is also among those without a driver", module)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add("mqtt: {host: a, topic_prefix: $SYS/x}")
	f.Add("mqtt: {host: [a]}\nsensor_inputs: {a: b}")
	f.Fuzz(func(t *testing.T, data string) {
		r, err := Parse("f", []byte(data))
		if err != nil {
			return
		}
		if _, err := r.YAML(); err != nil {
			t.Errorf("%v", err)
		}
	})
}
