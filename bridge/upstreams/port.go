package upstreams

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are chosen from those that no system gives to outgoing connections:
// Linux begins at 32768. A port of theirs could be taken while its broker is
// down; and a client that dials one until somebody listens may be connected to
// itself.
const (
	firstPort = 20000
	lastPort  = 31999
)

// freePorts returns n ports of 127.0.0.1 on which nobody listens now.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range 100 * n {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		ln, err := net.Listen("tcp", loopback(port))
		if err != nil {
			continue
		}
		defer ln.Close() // held until all are found, so that they differ
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("no %d ports between %d and %d are free on 127.0.0.1", n, firstPort, lastPort)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
