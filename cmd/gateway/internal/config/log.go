package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Log is what the gateway says of itself, and how.
type Log struct {
	// Level is the least important message that is written: debug, info, warn
	// or error.
	Level string `yaml:"level"`
	// Format is text for people or json for programs.
	Format string `yaml:"format"`
}

// Validate tells everything that is wrong with l. Each error begins with the
// key.
func (l Log) Validate() error {
	return errors.Join(
		oneOf("level", l.Level, "debug", "info", "warn", "error"),
		oneOf("format", l.Format, "text", "json"),
	)
}

func oneOf(key, word string, allowed ...string) error {
	if slices.Contains(allowed, word) {
		return nil
	}
	return &wordError{key, word, allowed}
}

// wordError is the error about a word that is none of those allowed.
type wordError struct {
	key, word string
	allowed   []string
}

func (e *wordError) Error() string {
	return fmt.Sprintf("%s: %q is unknown (%s)", e.key, e.word, strings.Join(e.allowed, ", "))
}

// Choices returns the word and what it might have been.
func (e *wordError) Choices() (word string, allowed []string) { return e.word, e.allowed }
