package dial

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// target is an address that was taken apart.
type target struct {
	host, port string
	tls        bool
	websocket  bool
	uri        string // what a WebSocket request asks for, /mqtt
}

// ways are what the schemes of addresses stand for.
var ways = map[string]target{
	"mqtt": {port: "1883"}, "tcp": {port: "1883"},
	"mqtts": {port: "8883", tls: true}, "ssl": {port: "8883", tls: true}, "tls": {port: "8883", tls: true},
	"ws":  {port: "80", websocket: true},
	"wss": {port: "443", tls: true, websocket: true},
}

// defaultPath is that of a WebSocket address without one.
const defaultPath = "/mqtt"

// CheckAddress tells what is wrong with the address of an upstream. The error
// never repeats an address that may hold a password.
func CheckAddress(address string) error {
	_, err := parseAddress(address)
	return err
}

func parseAddress(address string) (target, error) {
	if strings.Contains(address, "@") {
		return target{}, errors.New("has a user name in it; write username and password (or password_file) beside it")
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || u.Opaque != "" {
		return target{}, fmt.Errorf("%q is not an address; write mqtt://host:1883, or mqtts://host:8883 for TLS", address)
	}
	t, ok := ways[u.Scheme]
	switch {
	case !ok:
		return target{}, fmt.Errorf("%s is not a way to an MQTT broker; mqtt, mqtts, ws or wss", u.Scheme)
	case u.Hostname() == "":
		return target{}, fmt.Errorf("%q names no host; write %s://host", address, u.Scheme)
	case u.Port() != "" && !isPort(u.Port()):
		return target{}, fmt.Errorf("%q is not a port; 1 to 65535", u.Port())
	case u.Fragment != "":
		return target{}, fmt.Errorf("%q has a # in it, which is no part of an address", address)
	case !t.websocket && (u.Path != "" || u.RawQuery != ""):
		return target{}, fmt.Errorf("%s ends with the port; a path is for ws and wss", u.Scheme)
	}
	t.host, t.port = u.Hostname(), cmp.Or(u.Port(), t.port)
	if t.websocket {
		t.uri = cmp.Or(u.EscapedPath(), defaultPath)
		if u.RawQuery != "" {
			t.uri += "?" + u.RawQuery
		}
	}
	return t, nil
}

// hostPort is the address for package net; an IPv6 address is in brackets.
func (t target) hostPort() string { return net.JoinHostPort(t.host, t.port) }

// httpHost is the Host of a request: without the port if it is the usual one.
func (t target) httpHost() string {
	if t.port == "443" && t.tls || t.port == "80" && !t.tls {
		return strings.TrimSuffix(t.hostPort(), ":"+t.port)
	}
	return t.hostPort()
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
