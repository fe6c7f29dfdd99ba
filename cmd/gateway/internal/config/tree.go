package config

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/ast"
)

// Tree is a YAML file of another program's, for what makes ours of it. It is
// bounded as ours are.
type Tree struct {
	Root *Node // of a file without anything: nil
	file *file
}

// Node is a value of a Tree: one of keys, a list or a text.
type Node struct {
	Line, Column int
	Keys         []Pair  // of a mapping, in the order of the file
	Items        []*Node // of a list
	Text         string  // of anything else, as it was written
	What         string  // what it is, as a person would say
	IsMap        bool
	IsList       bool
	IsNull       bool
}

// Pair is a key and its value.
type Pair struct {
	Name         string
	Line, Column int
	Value        *Node
}

// ReadTree reads a YAML file. What is wrong with it is an [*Error].
func ReadTree(name string) (*Tree, error) {
	data, err := readFile(name)
	if err != nil {
		return nil, err
	}
	return ParseTree(name, data)
}

// ParseTree reads YAML; name stands for the file in errors.
func ParseTree(name string, data []byte) (*Tree, error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("%s: has more than %d bytes, which is no configuration", name, maxSize)
	}
	t := &Tree{file: newFile(name, data)}
	root := t.file.parse(data)
	if root != nil {
		b := treeBuilder{decoder{file: t.file, anchors: make(map[string]ast.Node), open: make(map[string]bool)}}
		var err error
		if t.Root, err = b.node(root, 0); err != nil {
			t.file.add(placeAt(root), "%v", err)
		}
	}
	return t, t.Err()
}

// Wrong notes something that is wrong at a place; text begins with the key.
func (t *Tree) Wrong(line, column int, format string, args ...any) {
	t.file.add(place{line, column}, format, args...)
}

// Err returns everything that is wrong, nil if nothing is.
func (t *Tree) Err() error { return t.file.err() }

// treeBuilder makes nodes of the library's.
type treeBuilder struct{ decoder }

var errLarge = errors.New("is nested too deeply, or too large once its aliases are followed")

func (b *treeBuilder) node(n ast.Node, depth int) (*Node, error) {
	if b.nodes++; b.nodes > maxNodes || depth > maxIndent {
		return nil, errLarge
	}
	at := placeAt(n)
	out := &Node{Line: at.line, Column: at.column}
	switch plain := b.plain(n).(type) {
	case nil, *ast.NullNode:
		out.IsNull, out.What = true, "nothing"
	case *ast.SequenceNode:
		out.IsList, out.What = true, "a list"
		for _, item := range plain.Values {
			inner, err := b.node(item, depth+1)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, inner)
		}
	default:
		out.What = kindOf(plain)
		all, ok := pairs(plain)
		if !ok {
			out.Text = scalarText(plain)
			break
		}
		out.IsMap = true
		for _, p := range all {
			inner, err := b.node(p.Value, depth+1)
			if err != nil {
				return nil, err
			}
			key := placeAt(p.Key)
			out.Keys = append(out.Keys, Pair{scalarText(p.Key), key.line, key.column, inner})
		}
	}
	return out, nil
}

// Check tells everything that is wrong with a configuration that is of no file
// yet; each text begins with the key.
func Check(cfg *Config) []Problem {
	f := newFile("", nil)
	f.validate(cfg)
	return f.problems
}
