package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds that no configuration needs to come near.
const (
	maxIndent = 100     // of a line, which bounds the nesting of blocks
	maxFlow   = 50      // brackets in one line, which bounds the nesting of flows
	maxNodes  = 200_000 // after aliases are followed
)

// parse returns the one document of the file, nil if it is empty or not YAML.
func (f *file) parse(data []byte) (root ast.Node) {
	if !f.checkText(data) {
		f.broken = true
		return nil
	}
	defer func() { // the parser is not ours
		if p := recover(); p != nil {
			f.broken = true
			f.add(place{}, "cannot be read as YAML: %v", p)
		}
	}()
	doc, err := parser.ParseBytes(bytes.TrimPrefix(data, []byte(byteOrderMark)), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		f.broken = true
		f.syntax(err)
		return nil
	}
	for _, d := range doc.Docs {
		switch {
		case d.Body == nil:
		case root != nil:
			f.broken = true
			f.add(placeAt(d.Body), "a second document begins here; a configuration is one")
			return nil
		default:
			root = d.Body
		}
	}
	if c, ok := root.(*ast.CommentGroupNode); ok && c != nil {
		return nil // nothing but comments
	}
	return root
}

// checkText finds what a parser explains badly.
func (f *file) checkText(data []byte) bool {
	if !utf8.Valid(data) {
		f.add(place{}, "is not text in UTF-8; save it as UTF-8")
		return false
	}
	for i, line := range f.lines {
		white := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		tab := strings.IndexByte(white, '\t')
		switch {
		case tab >= 0 && strings.TrimSpace(line) != "":
			f.add(place{i + 1, tab + 1}, "a tab; YAML is indented with spaces")
			return false
		case strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }):
			f.add(place{i + 1, 1}, "a control character, which YAML does not allow")
			return false
		case len(white) > maxIndent, strings.Count(line, "[")+strings.Count(line, "{") > maxFlow, strings.Count(line, "- ") > maxFlow:
			f.add(place{i + 1, 1}, "nested too deeply")
			return false
		}
	}
	return true
}

// syntax notes an error of the parser.
func (f *file) syntax(err error) {
	var syntax interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if !errors.As(err, &syntax) || syntax.GetToken() == nil || syntax.GetToken().Position == nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		f.add(place{}, "%s", first)
		return
	}
	p := syntax.GetToken().Position
	f.add(place{p.Line, p.Column}, "not YAML: %s", syntax.GetMessage())
}

// placeAt returns where a node begins.
func placeAt(n ast.Node) place {
	switch n := n.(type) {
	case nil:
		return place{}
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return placeAt(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return placeAt(n.Key)
	case *ast.AnchorNode:
		if n.Value != nil {
			return placeAt(n.Value)
		}
	}
	t := n.GetToken()
	if t == nil || t.Position == nil {
		return place{}
	}
	return place{t.Position.Line, t.Position.Column}
}

// pairs returns the keys and values of a mapping; ok is false for other nodes.
func pairs(n ast.Node) (all []*ast.MappingValueNode, ok bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode: // how the parser gives a mapping of one key
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// kindOf says what a node is, as a person would.
func kindOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return fmt.Sprintf("the text %.60q", scalarText(n))
	case *ast.NullNode:
		return "nothing"
	default:
		return fmt.Sprintf("%.60s", scalarText(n))
	}
}

// scalarText returns what was written for a scalar, "" for other nodes.
func scalarText(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		if n.Value == nil {
			return ""
		}
		return n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value
	}
	return ""
}
