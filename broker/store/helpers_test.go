package store

import (
	"slices"
	"strings"
)

func sorted(xs []uint16) []uint16 {
	slices.Sort(xs)
	return xs
}

func joined(lines []string) string {
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
