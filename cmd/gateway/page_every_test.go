package main

import (
	"path/filepath"
	"testing"
)

// TestPageEvery looks at every page of the demonstration: check 24 of the
// dashboard's document, and the pictures of the README.
func TestPageEvery(t *testing.T) {
	folder := t.TempDir() // the configuration has a name that says nothing of this machine
	writeFile(t, filepath.Join(folder, "gateway.yaml"), freePorts)
	g := awaitGateway(spawnIn(t, folder, needBinary(t), "run", "--demo"))
	sub := spawn(t, need(t, "mosquitto_sub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-i", "kitchen-display", "-V", "5", "-q", "1", "-t", "demo/kitchen/#")...)
	sub.await("temperature")
	browse(t, "every", g.page, nil)
}
