package machine

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// FreePort returns a port of 127.0.0.1 where nobody listens, a random one. It is none
// of those that the system chooses, where Linux begins at 32768: those are for whoever
// asks next, also while a program that has one is started again, and who dials one
// where nobody listens may be connected to themselves.
func FreePort() (string, error) {
	for range 1000 {
		port := strconv.Itoa(10_000 + rand.IntN(22_000))
		if ln, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			return port, ln.Close()
		}
	}
	return "", errors.New("no port of this machine is free")
}
