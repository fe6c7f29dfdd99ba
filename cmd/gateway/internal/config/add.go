package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// AddSensors returns a configuration with items put behind those of its list
// sensors: each is YAML, "- driver: …" and lines below it, without indentation.
// Everything else in it, comments too, stays as it is. It fails if the result
// would be wrong, with what is wrong about it.
func AddSensors(name string, data []byte, items ...string) ([]byte, error) {
	f := newFile(name, data)
	root := f.parse(data)
	if err := f.err(); err != nil {
		return nil, err
	}
	lines := f.lines
	if n := len(lines); n > 0 && lines[n-1] == "" {
		lines = lines[:n-1] // behind the last newline
	}
	at, indent, lines, err := f.placeForSensors(root, lines)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var added []string
	for _, item := range items {
		for line := range strings.Lines(item) {
			added = append(added, strings.Repeat(" ", indent)+strings.TrimSuffix(line, "\n"))
		}
	}
	result := []byte(strings.Join(slices.Concat(lines[:at], added, lines[at:]), "\n") + "\n")
	if _, err := Parse(name, result); err != nil {
		return nil, fmt.Errorf("with what is to be added: %w", err)
	}
	return result, nil
}

// placeForSensors returns before which of the lines items are put, and how far
// they are indented. The lines may have become others: a list that was empty
// has lost its brackets, one that was missing begins at the end.
func (f *file) placeForSensors(root ast.Node, lines []string) (at, indent int, changed []string, err error) {
	var keys []ast.MapKeyNode
	var list ast.Node
	for _, pair := range nodePairs(root) {
		keys = append(keys, pair.Key)
		if scalarText(pair.Key) == "sensors" {
			list = pair.Value
		}
	}
	if list == nil {
		if len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) != "" {
			lines = append(slices.Clip(lines), "")
		}
		lines = append(slices.Clip(lines), "sensors:")
		return len(lines), 2, lines, nil
	}
	i := slices.IndexFunc(keys, func(k ast.MapKeyNode) bool { return scalarText(k) == "sensors" })
	first := placeAt(keys[i]).line // of the key, from 1: the index of the line after it
	seq, isList := list.(*ast.SequenceNode)
	_, isNull := list.(*ast.NullNode)
	switch {
	case isList && len(seq.Values) > 0 && seq.IsFlowStyle:
		return 0, 0, nil, errors.New("the sensors stand in brackets; write each on lines of its own, beginning with \"- \", and try again")
	case isList && len(seq.Values) > 0:
		indent = seq.Start.Position.Column - 1
	case isList || isNull:
		lines = slices.Clone(lines)
		before, comment, _ := strings.Cut(lines[first-1], "#")
		before = strings.TrimRight(strings.TrimSuffix(strings.TrimRight(before, " "), "[]"), " ")
		if comment != "" {
			before += " #" + comment
		}
		lines[first-1] = before
		return first, 2, lines, nil
	default:
		return 0, 0, nil, errors.New("sensors is not a list")
	}
	at = len(lines)
	if i+1 < len(keys) {
		at = placeAt(keys[i+1]).line - 1
	}
	for at > first && beyondList(lines[at-1]) {
		at--
	}
	return at, indent, lines, nil
}

// beyondList tells whether a line before the next key does not belong to the
// list: it is empty, or a comment of what follows.
func beyondList(line string) bool { return strings.TrimSpace(line) == "" || line[0] == '#' }

// nodePairs are the pairs of the document, none if it has none.
func nodePairs(root ast.Node) []*ast.MappingValueNode {
	if root == nil {
		return nil
	}
	all, _ := pairs(root)
	return all
}
