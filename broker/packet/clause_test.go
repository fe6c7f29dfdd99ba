package packet

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestClauses holds that every statement of the specification that the code
// cites is named by a test, and that tests name no others. It reads the
// files themselves, so that the test cache cannot hide anything.
func TestClauses(t *testing.T) {
	cited := regexp.MustCompile(`MQTT-\d[\d.-]*-\d+( v3)?`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	code, tests := make(map[string]string), make(map[string]string)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		to := code
		if strings.HasSuffix(file, "_test.go") {
			to = tests
		}
		for _, c := range cited.FindAllString(string(b), -1) {
			to[c] = file
		}
	}
	for c, file := range code {
		if tests[c] == "" {
			t.Errorf("%s cites [%s], and no test names it", file, c)
		}
	}
	for c, file := range tests {
		if code[c] == "" {
			t.Errorf("%s names [%s], which no code cites", file, c)
		}
	}
}
