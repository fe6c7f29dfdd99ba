package topic

import "strings"

// Store keeps a value for each of many topic names, and finds those that a
// filter matches. The zero Store is empty and ready. It is not safe for
// concurrent use.
type Store[V any] struct {
	root storeNode[V]
	size int
}

type storeNode[V any] struct {
	children map[string]*storeNode[V]
	value    V
	set      bool
}

// Len returns the number of names that have a value.
func (s *Store[V]) Len() int { return s.size }

// Get returns the value of name.
func (s *Store[V]) Get(name string) (v V, ok bool) {
	n := &s.root
	for rest, more := name, true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		if n = n.children[level]; n == nil {
			return v, false
		}
	}
	return n.value, n.set
}

// Set gives name the value v and reports whether it had none before.
func (s *Store[V]) Set(name string, v V) (added bool) {
	n := &s.root
	for rest, more := name, true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		c := n.children[level]
		if c == nil {
			c = new(storeNode[V])
			if n.children == nil {
				n.children = make(map[string]*storeNode[V])
			}
			n.children[strings.Clone(level)] = c
		}
		n = c
	}
	added = !n.set
	if added {
		s.size++
	}
	n.value, n.set = v, true
	return added
}

// Delete takes the value of name away and reports whether it had one.
func (s *Store[V]) Delete(name string) bool {
	ok := s.root.delete(name)
	if ok {
		s.size--
	}
	return ok
}

func (n *storeNode[V]) delete(name string) (ok bool) {
	level, rest, more := strings.Cut(name, "/")
	c := n.children[level]
	if c == nil {
		return false
	}
	if more {
		ok = c.delete(rest)
	} else {
		ok = c.set
		var zero V
		c.value, c.set = zero, false
	}
	if ok && !c.set && len(c.children) == 0 {
		delete(n.children, level)
	}
	return ok
}

// Match calls visit with the value of every name that filter matches, in no
// particular order. The store must not be changed meanwhile.
func (s *Store[V]) Match(filter string, visit func(V)) {
	s.root.match(filter, true, true, visit)
}

func (n *storeNode[V]) match(filter string, more, first bool, visit func(V)) {
	if !more {
		if n.set {
			visit(n.value)
		}
		return
	}
	level, rest, more := strings.Cut(filter, "/")
	switch level {
	case "#":
		n.all(first, visit)
	case "+":
		for name, c := range n.children {
			if !first || !strings.HasPrefix(name, "$") { // [MQTT-4.7.2-1]
				c.match(rest, more, false, visit)
			}
		}
	default:
		if c := n.children[level]; c != nil {
			c.match(rest, more, false, visit)
		}
	}
}

// all visits the node and everything below it.
func (n *storeNode[V]) all(first bool, visit func(V)) {
	if n.set {
		visit(n.value)
	}
	for name, c := range n.children {
		if !first || !strings.HasPrefix(name, "$") { // [MQTT-4.7.2-1]
			c.all(false, visit)
		}
	}
}

// Each calls visit with every value, also those below '$'. The store must
// not be changed meanwhile.
func (s *Store[V]) Each(visit func(V)) {
	s.root.all(false, visit)
}
