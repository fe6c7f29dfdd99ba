// Package config reads the configuration of the gateway: one YAML file, made
// of the parts' own Config structs, and says everything that is wrong with it
// at once, each with its line:
//
//	gateway.yaml:7:14: sensors[0].address: 0x99 is not an address of bme280 (0x76 or 0x77)
//	    7 |     address: 0x99
//	      |              ^
//
// It holds no rule of its own about what a part may be told: the parts
// validate themselves, and their errors begin with a key, which is looked up
// in the file. A key the file does not mention keeps its default; a list in
// the file replaces the default list.
//
// # How a file is read
//
//	bytes → checkText → goccy/go-yaml → node tree → decode by yaml tags → Validate
//
// The file is bounded in its bytes, its nesting and what its aliases make of
// it, so that no file can stop the gateway.
//
// # The library
//
// github.com/goccy/go-yaml parses YAML: it is
// maintained, has no dependencies and gives every node its position. Its
// decoder is not used: it stops at the first mistake and does not know the
// key it is at.
package config
