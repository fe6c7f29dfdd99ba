package dashboard

import (
	"encoding/json"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gateway/sensors/reading"
)

// catalogue is a file of words: a text, or one for each form of plural.
type catalogue map[string]any

func catalogues(t *testing.T, language string) map[string]catalogue {
	t.Helper()
	all := make(map[string]catalogue)
	files, err := fs.Glob(embedded, "static/i18n/"+language+"/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := embedded.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		c := make(catalogue)
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		all[strings.TrimSuffix(path.Base(f), ".json")] = c
	}
	return all
}

var placeholder = regexp.MustCompile(`\{\w+\}`)

// placeholders are those of a text, or of the form "other", which is there in
// every language.
func placeholders(t *testing.T, key string, words any) []string {
	t.Helper()
	text, ok := words.(string)
	if forms, isForms := words.(map[string]any); isForms {
		text, ok = forms["other"].(string)
	}
	if !ok || text == "" {
		t.Errorf("%s has no words", key)
	}
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// TestEveryLanguageIsComplete: a key is in all languages, with the same
// placeholders.
func TestEveryLanguageIsComplete(t *testing.T) {
	english, korean := catalogues(t, "en"), catalogues(t, "ko")
	for name := range korean {
		if english[name] == nil {
			t.Errorf("ko/%s.json, and no en/%s.json", name, name)
		}
	}
	hangul := regexp.MustCompile(`\p{Hangul}`)
	for name, en := range english {
		ko := korean[name]
		translated := 0
		for key, words := range en {
			id := name + "." + key
			other, ok := ko[key]
			if !ok {
				t.Errorf("%s is not there in Korean", id)
				continue
			}
			if a, b := placeholders(t, "en "+id, words), placeholders(t, "ko "+id, other); !slices.Equal(a, b) {
				t.Errorf("%s: %v in English, %v in Korean", id, a, b)
			}
			if b, _ := json.Marshal(other); hangul.Match(b) {
				translated++
			}
		}
		for key := range ko {
			if _, ok := en[key]; !ok {
				t.Errorf("%s.%s is there in Korean only", name, key)
			}
		}
		if translated < len(en)/2 {
			t.Errorf("ko/%s.json is hardly Korean: %d of %d", name, translated, len(en))
		}
	}
}

// TestEveryKeyHasWords: what the page asks for by name is there.
func TestEveryKeyHasWords(t *testing.T) {
	english := catalogues(t, "en")
	asked := regexp.MustCompile(`\bt\(\s*"([a-z]+)\.([^"]+)"`)
	prefixed := regexp.MustCompile("\\bt\\(\\s*`([a-z]+)\\.([a-z_.]*)\\$\\{")
	comment := regexp.MustCompile(`(?s)/\*\*.*?\*/|(?m)^\s*//.*$`)
	for name, a := range testDashboard(Default()).assets {
		if !strings.HasSuffix(name, ".js") || strings.HasPrefix(name, "vendor/") {
			continue
		}
		code := comment.ReplaceAllString(string(a.plain.bytes), "")
		for _, m := range asked.FindAllStringSubmatch(code, -1) {
			if _, ok := english[m[1]][m[2]]; !ok {
				t.Errorf("%s asks for %s.%s, which has no words", name, m[1], m[2])
			}
		}
		for _, m := range prefixed.FindAllStringSubmatch(code, -1) {
			found := false
			for key := range english[m[1]] {
				found = found || strings.HasPrefix(key, m[2])
			}
			if !found {
				t.Errorf("%s asks for %s.%s…, of which there is none", name, m[1], m[2])
			}
		}
	}
}

// TestEveryQuantityHasWords: what a sensor of ours measures has a name in every
// language, in English the one that it has everywhere.
func TestEveryQuantityHasWords(t *testing.T) {
	units := catalogues(t, "en")["units"]
	for _, q := range reading.Quantities() {
		if info, _ := q.Info(); units[string(q)] != info.Title {
			t.Errorf("units.%s is %v, want %q", q, units[string(q)], info.Title)
		}
	}
}
