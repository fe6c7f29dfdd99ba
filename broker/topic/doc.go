// Package topic knows topic names, topic filters, and the two trees that a
// broker keeps over them: [Tree], from filters to those who subscribed, asked
// with a name; and [Store], from names to what is retained there, asked with
// a filter.
//
// Both trees give the answers of [Match], which is the specification written
// down; the fuzz tests hold them to it. Nothing here locks: the broker does.
// Standard library only.
package topic
