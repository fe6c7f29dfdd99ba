package main

import (
	"context"
	"gateway/cmd/gateway/internal/config"
)

type schemaCommand struct{}

func (schemaCommand) flags(*flagSet) {}

// Run prints the JSON Schema of the configuration, for editors.
func (schemaCommand) Run(_ context.Context, s streams) error {
	_, err := s.out.Write(config.Schema())
	return err
}
