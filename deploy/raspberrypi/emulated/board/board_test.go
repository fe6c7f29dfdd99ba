//go:build linux

package board

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestConsole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ended := newConsole(), make(chan struct{})
		go func() {
			time.Sleep(time.Second)
			fmt.Fprint(c, "guest: gate")
			time.Sleep(time.Second)
			fmt.Fprint(c, "way started\r\nmore\n")
			time.Sleep(time.Second)
			close(ended)
		}()
		m, err := c.await(t.Context(), started, ended)
		if err != nil || m[1] != "gateway started" {
			t.Errorf("%q, %v", m, err)
		}
		if _, err := c.await(t.Context(), regexp.MustCompile("never"), ended); err == nil || !strings.Contains(err.Error(), "went off") {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.await(ctx, regexp.MustCompile("never"), make(chan struct{})); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// TestMonitor speaks to a QMP as QEMU 7.2 answers, events in between.
// A gateway that has ended, for a wrong configuration say, is not waited for.
func TestTheGatewayEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody answers
	b := &Board{MQTT: l.Addr().String(), console: newConsole(), ended: make(chan struct{})}
	fmt.Fprint(b.console, "guest: gateway started\r\ngateway: the configuration is wrong:\r\nguest: gateway ended: exit status 3\r\n")
	if err := b.awaitMQTT(t.Context()); err == nil || err.Error() != "guest: gateway ended: exit status 3" {
		t.Errorf("%v", err)
	}
}

func TestMonitor(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		b := make([]byte, 4096)
		for _, answer := range []string{
			`{"timestamp": {"seconds": 1}, "event": "RTC_CHANGE"}` + "\n" +
				`{"return": "Hub 0\n  Protocol[State] FD Source Address Port Dest. Address Port RecvQ SendQ\n  TCP[HOST_FORWARD]  14       127.0.0.1 36229       10.0.2.15  1883     0     0\n  TCP[HOST_FORWARD]  13       127.0.0.1 41000       10.0.2.15  8080     0     0\n"}`,
			`{"return": [{"name": "device[12]", "type": "child<pl031>"}, {"name": "device[13]", "type": "child<pl061>"}]}`,
			`{"error": {"class": "CommandNotFound", "desc": "no such command"}}`,
		} {
			if _, err := theirs.Read(b); err != nil {
				return
			}
			fmt.Fprintln(theirs, answer)
		}
	}()
	m := newMonitor(ours)
	ports, err := m.ports()
	if want := map[int]string{1883: "127.0.0.1:36229", 8080: "127.0.0.1:41000"}; err != nil || !reflect.DeepEqual(ports, want) {
		t.Errorf("%v, %v", ports, err)
	}
	if chip, err := m.gpio(); err != nil || chip != "/machine/unattached/device[13]" {
		t.Errorf("%q, %v", chip, err)
	}
	if err := m.do("x", nil, nil); err == nil || !strings.Contains(err.Error(), "no such command") {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	p := Programs{Gateway: "a", Guest: "b"}
	for want, o := range map[string]Options{
		"Options.Arch":     {},
		"Options.Programs": {Arch: ARM64},
		"Options.Dir is n": {Arch: ARM64, Programs: p},
		"too long":         {Arch: ARM64, Programs: p, Dir: "/" + strings.Repeat("x", 100)},
	} {
		if err := o.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one about %s", err, want)
		}
	}
}
