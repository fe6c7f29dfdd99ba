package topic

import "strings"

// Tree finds everything subscribed to a topic name. The zero Tree is empty
// and ready. It is not safe for concurrent use.
//
// Asking costs a walk over the levels of the name, two lookups and a branch
// for each '+', however many filters there are.
type Tree[V comparable] struct {
	root node[V]
	size int
}

// node is a level. Its values are those of filters that end here; those that
// end in '#' below it lie in hash.
type node[V comparable] struct {
	children map[string]*node[V]
	plus     *node[V]
	values   []V
	hash     []V
}

// Len returns the number of values in the tree.
func (t *Tree[V]) Len() int { return t.size }

// Add adds v at filter. Adding it a second time keeps it twice.
func (t *Tree[V]) Add(filter string, v V) {
	n := &t.root
	for rest, more := filter, true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		if level == "#" {
			n.hash = append(n.hash, v)
			t.size++
			return
		}
		n = n.child(level)
	}
	n.values = append(n.values, v)
	t.size++
}

func (n *node[V]) child(level string) *node[V] {
	if level == "+" {
		if n.plus == nil {
			n.plus = new(node[V])
		}
		return n.plus
	}
	c := n.children[level]
	if c == nil {
		c = new(node[V])
		if n.children == nil {
			n.children = make(map[string]*node[V])
		}
		// A filter lies in a larger packet's memory; the tree keeps only the level.
		n.children[strings.Clone(level)] = c
	}
	return c
}

// Remove removes v at filter and reports whether it was there.
func (t *Tree[V]) Remove(filter string, v V) bool {
	ok := t.root.remove(filter, v)
	if ok {
		t.size--
	}
	return ok
}

func (n *node[V]) remove(filter string, v V) (ok bool) {
	level, rest, more := strings.Cut(filter, "/")
	if level == "#" {
		n.hash, ok = without(n.hash, v)
		return ok
	}
	c := n.plus
	if level != "+" {
		c = n.children[level]
	}
	if c == nil {
		return false
	}
	if more {
		ok = c.remove(rest, v)
	} else {
		c.values, ok = without(c.values, v)
	}
	if ok && c.empty() {
		if level == "+" {
			n.plus = nil
		} else {
			delete(n.children, level)
		}
	}
	return ok
}

func (n *node[V]) empty() bool {
	return len(n.children) == 0 && n.plus == nil && len(n.values) == 0 && len(n.hash) == 0
}

// without removes one v from s, keeping the order.
func without[V comparable](s []V, v V) ([]V, bool) {
	for i := range s {
		if s[i] == v {
			copy(s[i:], s[i+1:])
			var zero V
			s[len(s)-1] = zero
			s = s[:len(s)-1]
			if len(s) == 0 {
				s = nil
			}
			return s, true
		}
	}
	return s, false
}

// Match appends every value whose filter matches name [MQTT-3.3.2-3] to dst and
// returns it, a value as often as it has matching filters, in no particular order.
// Levels are compared byte for byte [MQTT-4.7.3-4].
func (t *Tree[V]) Match(name string, dst []V) []V {
	if name != "" && name[0] == '$' { // [MQTT-4.7.2-1]
		level, rest, more := strings.Cut(name, "/")
		if c := t.root.children[level]; c != nil {
			return c.match(rest, more, dst)
		}
		return dst
	}
	return t.root.match(name, true, dst)
}

func (n *node[V]) match(name string, more bool, dst []V) []V {
	dst = append(dst, n.hash...)
	if !more {
		return append(dst, n.values...)
	}
	level, rest, more := strings.Cut(name, "/")
	if c := n.children[level]; c != nil {
		dst = c.match(rest, more, dst)
	}
	if n.plus != nil {
		dst = n.plus.match(rest, more, dst)
	}
	return dst
}
