package main

import (
	"gateway/cmd/gateway/internal/config"
)

type schemaCommand struct{}

// Run prints the JSON Schema of the configuration, for editors.
func (schemaCommand) Run(s streams) error {
	_, err := s.out.Write(config.Schema())
	return err
}
