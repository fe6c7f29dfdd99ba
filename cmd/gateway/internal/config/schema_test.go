package config

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"gateway/cmd/gateway/internal/golden"
	"gateway/sensors/driver"
)

// compiled is the schema as a validator that is not ours reads it.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("gateway.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("gateway.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checked validates YAML with the schema.
func checked(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// What is right is right for an editor, too: the example, with everything in
// it that is commented out, and each driver's own example.
func TestSchemaAcceptsTheExample(t *testing.T) {
	s := compiled(t)
	for name, text := range map[string]string{"as it is": readExample(t), "all of it": uncommented(t)} {
		if err := checked(t, s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaAcceptsOneValueForAStruct(t *testing.T) {
	text := "sensors: [{driver: bme280, room: kitchen, filters: {humidity: {median: 5, exponential_moving_average: 0.5}}}]"
	if err := checked(t, compiled(t), text); err != nil {
		t.Error(err)
	}
	cfg, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if f := cfg.Sensors.Sensors[0].Filters["humidity"]; f.Median.WindowSize != 5 || f.ExponentialMovingAverage.Alpha != 0.5 {
		t.Errorf("%+v", f)
	}
}

// What is wrong in its form an editor sees as well: of the wrong files those
// that are about keys, types and choices.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	for _, text := range []string{
		"colour: blue",
		"sensors: [{room: kitchen}]",
		"sensors: [{driver: bme208, room: kitchen}]",
		"sensors: [{driver: bme280}]",
		"sensors: [{driver: bme280, room: kitchen, adress: 0x76}]",
		"sensors: [{driver: bme280, room: kitchen, address: 0x99}]",
		"sensors: [{driver: bme280, room: kitchen, port: /dev/ttyUSB0}]",
		"sensors: [{driver: bme280, room: kitchen, interval: 10}]",
		"sensors: [{driver: bme280, room: kitchen, interval: ten}]",
		"sensors: [{driver: bme280, room: kitchen, filters: {voltage: {}}}]",
		"sensors: [{driver: bme280, room: kitchen, filters: {humidity: {mean: 5}}}]",
		"sensors: [{driver: sim, room: kitchen, options: {profil: co2}}]",
		"sensors: [{driver: sim, room: kitchen, options: {profile: co3}}]",
		"sensors: [{driver: sim, room: kitchen, publish: sometimes}]",
		"broker: {max_inflight: many}",
	} {
		if err := checked(t, s, text); err == nil {
			t.Errorf("nothing is said about %s", text)
		}
	}
}

func TestSchemaHasEveryDriver(t *testing.T) {
	text := string(Schema())
	for _, d := range driver.All() {
		if !strings.Contains(text, `"`+d.Name+`"`) || !strings.Contains(text, jsonText(t, d.Title)) {
			t.Errorf("driver %s is not in the schema", d.Name)
		}
	}
}

func jsonText(t *testing.T, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestKeyDocs compares keys.txt with the comments of the example.
func TestKeyDocs(t *testing.T) {
	want := keyDocsOf(t, uncommented(t))
	if golden.Write(t, "keys.txt", want) {
		return
	}
	if keyDocs != want {
		t.Error("keys.txt is not what gateway.example.yaml says; run: go test ./cmd/gateway/internal/config -run KeyDocs -update")
	}
}

// keyDocsOf takes the comment above each key of a configuration.
func keyDocsOf(t *testing.T, text string) string {
	t.Helper()
	f := newFile("example", []byte(text))
	cfg := Default()
	f.decode(f.parse([]byte(text)), cfg)
	docs := make(map[string]string)
	keys := slices.SortedFunc(maps.Keys(f.places), func(a, b string) int { return f.places[a].line - f.places[b].line })
	for _, key := range keys {
		generic := filterNames.ReplaceAllString(indexes.ReplaceAllString(key, "[]"), "filters.*")
		if docs[generic] != "" || strings.HasSuffix(generic, "]") || strings.HasSuffix(generic, ".driver") {
			continue // the first one counts; what stands above an item is about that item
		}
		line := f.places[key].line - 1
		for line > 0 && !strings.Contains(f.lines[line], lastOf(key)+":") {
			line-- // the value begins below its key
		}
		var comment []string
		for i := line - 1; i >= 0 && strings.HasPrefix(strings.TrimSpace(f.lines[i]), "# "); i-- {
			comment = append(comment, strings.TrimPrefix(strings.TrimSpace(f.lines[i]), "# "))
		}
		slices.Reverse(comment)
		if len(comment) > 0 {
			docs[generic] = stageNumber.ReplaceAllString(strings.Join(comment, " "), "")
		}
	}
	var lines []string
	for key, doc := range docs {
		lines = append(lines, key+"\t"+doc+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// indexes are the numbers of a list's items in a key.
var indexes = regexp.MustCompile(`\[[0-9]+\]`)

// filterNames are the quantities that filters are of, and stageNumber the
// numbers of their order.
var (
	filterNames = regexp.MustCompile(`filters\.[a-z0-9_]+`)
	stageNumber = regexp.MustCompile(`^[0-9]\. `)
)

// lastOf is the name of a key without what it is in.
func lastOf(key string) string {
	return key[strings.LastIndexAny(key, ".]")+1:]
}
