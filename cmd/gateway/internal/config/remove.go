package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// SetSensor is [Set] for a key of a sensor, by its place in the list: "name",
// "options.mode".
func SetSensor(name string, data []byte, index int, key, value string) ([]byte, error) {
	return Set(name, data, fmt.Sprintf("sensors[%d].%s", index, key), value)
}

// RemoveSensor returns a configuration without a sensor of its list, by the
// place in that. With it go the comments within it, and those directly above it
// that are indented as it is. Everything else stays as it is. A list that has
// no sensor left is an empty one, which is not the same as none.
func RemoveSensor(name string, data []byte, index int) ([]byte, error) {
	f := newFile(name, data)
	root := f.parse(data)
	if err := f.err(); err != nil {
		return nil, err
	}
	pair, seq := sensorList(root)
	switch {
	case seq == nil || index < 0 || index >= len(seq.Values):
		return nil, fmt.Errorf("%s: sensors: there is no item %d in the list", name, index)
	case seq.IsFlowStyle:
		return nil, fmt.Errorf("%s: %w", name, errors.New("the sensors stand in brackets; write each on lines of its own, beginning with \"- \", and try again"))
	}
	want := withoutItem(flatten(root), index)
	e := editor{lines: slices.Clone(withoutLast(f.lines))}
	indent := seq.Start.Position.Column - 1
	first := placeAt(seq.Values[index]).line - 1
	if !isItem(e.lines[first], indent) {
		return nil, fmt.Errorf("%s: sensors[%d]: %w", name, index, errByHand)
	}
	last := endOfItem(e.lines, first, indent)
	for first > 0 && isCommentAt(e.lines[first-1], indent) {
		first--
	}
	e.lines = slices.Delete(e.lines, first, last)
	if len(seq.Values) == 1 {
		at := placeAt(pair.Key).line - 1
		before, comment, found := strings.Cut(e.lines[at], "#")
		e.lines[at] = strings.TrimRight(before, " ") + " []"
		if found {
			e.lines[at] += " #" + comment
		}
		want["sensors"] = "[]"
	}
	return e.checked(name, want)
}

// sensorList returns the pair of the key sensors and its list; nil if there is
// none.
func sensorList(root ast.Node) (*ast.MappingValueNode, *ast.SequenceNode) {
	for _, pair := range nodePairs(root) {
		if scalarText(pair.Key) == "sensors" {
			seq, _ := pair.Value.(*ast.SequenceNode)
			return pair, seq
		}
	}
	return nil, nil
}

// HasSensors tells whether a configuration has a list of sensors of its own; if
// not, those apply that are built in.
func HasSensors(data []byte) bool {
	_, seq := sensorList(newFile("", data).parse(data))
	return seq != nil
}

// isItem tells whether an item of a list begins in a line, at an indentation.
func isItem(line string, indent int) bool {
	return len(line) > indent && strings.TrimSpace(line[:indent]) == "" && strings.HasPrefix(line[indent:]+" ", "- ")
}

func isCommentAt(line string, indent int) bool {
	return len(line) > indent && strings.TrimSpace(line[:indent]) == "" && line[indent] == '#'
}

// endOfItem returns the index behind the last line of the item that begins at
// an index, without empty lines.
func endOfItem(lines []string, first, indent int) int {
	end := first + 1
	for i := end; i < len(lines); i++ {
		text := strings.TrimLeft(lines[i], " ")
		if text == "" {
			continue
		}
		if len(lines[i])-len(text) <= indent {
			break
		}
		end = i + 1
	}
	return end
}

// withoutItem is what a document says without one of its sensors.
func withoutItem(all map[string]string, index int) map[string]string {
	left := make(map[string]string)
	for path, text := range maps.All(all) {
		rest, ok := strings.CutPrefix(path, "sensors[")
		number, behind, ok2 := strings.Cut(rest, "]")
		n, err := strconv.Atoi(number)
		switch {
		case !ok || !ok2 || err != nil || n < index:
			left[path] = text
		case n > index:
			left[fmt.Sprintf("sensors[%d]%s", n-1, behind)] = text
		}
	}
	return left
}
