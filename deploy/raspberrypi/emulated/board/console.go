//go:build linux

package board

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"sync"
)

// console collects what a board writes on its serial port.
type console struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{} // closed and replaced when text grows
}

func newConsole() *console { return &console{grown: make(chan struct{})} }

// Write implements [io.Writer].
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.grown)
	c.grown = make(chan struct{})
	return c.text.Write(p)
}

func (c *console) string() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// await waits until what was written matches, and returns the match.
func (c *console) await(ctx context.Context, pattern *regexp.Regexp, ended <-chan struct{}) ([]string, error) {
	over := false
	for {
		c.mu.Lock()
		m, grown := pattern.FindStringSubmatch(c.text.String()), c.grown
		c.mu.Unlock()
		switch {
		case m != nil:
			return m, nil
		case over:
			return nil, fmt.Errorf("the board went off without writing %q", pattern)
		}
		select {
		case <-grown:
		case <-ended:
			over = true // all it wrote is here
		case <-ctx.Done():
			return nil, fmt.Errorf("the board has not written %q: %w", pattern, context.Cause(ctx))
		}
	}
}
