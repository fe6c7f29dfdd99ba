package main

import (
	"strings"
	"testing"
	"time"
)

// TestPageShell: what is around every page, and Home.
func TestPageShell(t *testing.T) {
	g := startGateway(t, "sensors: []\n")
	publish := func(topic, payload string) {
		command(t, need(t, "mosquitto_pub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-r", "-t", topic, "-m", payload)...)
	}
	browse(t, "shell", g.page, func(what string) string {
		name, rest, _ := strings.Cut(what, " ")
		switch name {
		case "publish":
			topic, payload, _ := strings.Cut(rest, " ")
			publish(topic, strings.ReplaceAll(payload, "$NOW", time.Now().UTC().Format("2006-01-02T15:04:05.000Z")))
		default:
			t.Errorf("the script asks for %q", what)
		}
		return ""
	})
}
