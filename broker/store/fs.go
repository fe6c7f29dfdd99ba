package store

import "io"

// FS is the folder that a store lives in. Tests have one that fails.
type FS interface {
	// Names returns the names of all files, in no order.
	Names() ([]string, error)
	// Open opens a file for reading and writing. create makes one that must not
	// exist yet.
	Open(name string, create bool) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// Sync makes names stable: files made, renamed and removed.
	Sync() error
	// Free returns the bytes that may still be written to the file system.
	Free() (int64, error)
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes what was written stable.
	Sync() error
	// Allocate makes room for size bytes, so that writing there needs no more.
	Allocate(size int64) error
	Size() (int64, error)
}
