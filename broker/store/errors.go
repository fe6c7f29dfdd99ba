package store

import "fmt"

// InUseError is that another process has the store.
type InUseError struct {
	Dir    string
	Holder int // its process, 0 if that is not known
}

func (e *InUseError) Error() string {
	who := "another gateway"
	if e.Holder != 0 {
		who = fmt.Sprintf("another gateway, process %d,", e.Holder)
	}
	return fmt.Sprintf("%s: %s is using it; stop that one, or give this one a folder of its own", e.Dir, who)
}

// NewerError is that a file was written by a later version of this program.
type NewerError struct {
	File    string
	Version int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s: is of format %d, and this gateway knows formats up to %d: use the gateway that wrote it, or a newer one", e.File, e.Version, formatVersion)
}
