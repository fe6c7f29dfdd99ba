//go:build !unix

package doctor

import "os"

// accessible tells whether a device can be opened.
func accessible(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// groupOf returns the group of a file; here there are none.
func groupOf(string) string { return "" }
