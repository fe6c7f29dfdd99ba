package bridge

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/bridge/link"
	"gateway/bridge/link/dial"
	"gateway/bridge/upstreams"
)

// probed is what a probe says of an upstream.
func probed(t *testing.T, cfg Config, change func(*Probe)) (ok bool, text string) {
	t.Helper()
	var b strings.Builder
	p := Probe{Config: cfg, Log: slog.New(slog.DiscardHandler), Report: func(s Step) {
		fmt.Fprintf(&b, "%s %s", s.Name, s.Detail)
		if s.Err != nil {
			fmt.Fprintf(&b, ": BAD %v: %s", s.Err, dial.Explain(s.Err))
		}
		b.WriteByte('\n')
	}}
	if change != nil {
		change(&p)
	}
	ok = p.Run(t.Context())
	t.Log("\n" + b.String())
	return ok, b.String()
}

// guarded is a Mosquitto that lets us write all/# and up/#, and read all/# and
// down/#.
func guarded(t *testing.T) *upstreams.Upstream {
	t.Helper()
	dir := t.TempDir()
	acl := filepath.Join(dir, "acl")
	if err := os.WriteFile(acl, []byte("topic readwrite all/#\ntopic write up/#\ntopic read down/#\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := upstreams.Start(t.Context(), upstreams.Mosquitto, upstreams.Options{Forget: true, Config: "acl_file " + acl + "\n"})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { u.Close() })
	return u
}

func probeConfig(address string, routes ...Route) Config {
	c := Default()
	c.Name, c.Address, c.ClientID, c.Topics = "cloud", "mqtt://"+address, "pi", routes
	return c
}

func TestProbe(t *testing.T) {
	u := guarded(t)
	out := func(prefix string, qos int) Route {
		return Route{Filter: "home/#", Direction: Out, QoS: qos, RemotePrefix: prefix, Retain: "keep"}
	}
	for _, protocol := range []string{"3.1.1", "5"} {
		for _, x := range []struct {
			name   string
			routes []Route
			change func(*Probe)
			ok     bool
			want   []string
		}{
			{"all works", []Route{out("all/", 1), out("all/two/", 2), out("all/no/", 0), {Filter: "#", Direction: In, RemotePrefix: "down/", QoS: 1}}, nil, true,
				[]string{"connect mqtt://", "as pi-test\n", "subscribe down/# with QoS 1\n", "publish all/home/gateway-test with QoS 1, retained and removed again; there and back in", "all/two/home/gateway-test with QoS 2", "with QoS 0"}},
			{"own id", []Route{out("all/", 1)}, func(p *Probe) { p.SameID = true }, true, []string{"as pi\n"}},
			{"own topic", []Route{out("none/", 1)}, func(p *Probe) { p.Topic = "all/x" }, true, []string{"publish all/x with QoS"}},
			{"one topic", []Route{{Filter: "home/x", Direction: Out, RemotePrefix: "none/"}}, nil, true, []string{"none/home/x is one topic of its own"}},
			{"write only", []Route{out("up/", 1)}, func(p *Probe) { p.WriteOnly = true }, true, []string{"not read back"}},
		} {
			t.Run(protocol+" "+x.name, func(t *testing.T) {
				c := probeConfig(u.Address(), x.routes...)
				c.Protocol = protocol
				ok, text := probed(t, c, x.change)
				if ok != x.ok {
					t.Errorf("ok is %v", ok)
				}
				for _, w := range x.want {
					if !strings.Contains(text, w) {
						t.Errorf("it does not say %q", w)
					}
				}
			})
		}
	}
}

// Nothing of a test stays retained, whether it went well or not.
func TestProbeLeavesNothingRetained(t *testing.T) {
	u := guarded(t)
	c := probeConfig(u.Address(), Route{Filter: "#", Direction: Out, QoS: 1, RemotePrefix: "all/", Retain: "always"})
	if ok, _ := probed(t, c, nil); !ok {
		t.Error("it fails")
	}
	conn, err := net.Dial("tcp", u.Address())
	if err != nil {
		t.Fatal(err)
	}
	look := &trial{heard: make(chan link.Message, 64)}
	if look.link, err = upstreamOf("3.1.1").Connect(t.Context(), conn, link.Hello{ClientID: "look", CleanStart: true, KeepAlive: time.Minute}, look); err != nil {
		t.Fatal(err)
	}
	defer look.link.Close()
	// What is retained comes before what is published after the subscription.
	if _, err := look.ask(t.Context(), "all/#", 1); err != nil {
		t.Fatal(err)
	}
	if err := look.send(t.Context(), link.Message{Topic: "all/end", QoS: 1}); err != nil {
		t.Fatal(err)
	}
	if m := <-look.heard; m.Topic != "all/end" {
		t.Errorf("%s is retained: %q", m.Topic, m.Payload)
	}
}

// A wrong password is said in words.
func TestProbeWrongPassword(t *testing.T) {
	users := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(users, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{"3.1.1", "5"} {
		u, err := upstreams.Start(t.Context(), upstreams.Mosquitto, upstreams.Options{Forget: true, Config: "password_file " + users + "\n"})
		if err != nil {
			t.Skip(err)
		}
		c := probeConfig(u.Address(), Route{Filter: "#"})
		c.Username, c.Password, c.Protocol = "ann", "s3cret", protocol
		ok, text := probed(t, c, nil)
		if ok || !strings.Contains(text, "CONNECT MQTT "+protocol+" as pi-test: BAD") || !strings.Contains(text, "username") || strings.Contains(text, "s3cret") {
			t.Errorf("ok is %v", ok)
		}
		u.Close()
	}
}

// What the upstream's rules do not allow is a failure with the reason.
func TestProbeSaysWhatIsNotAllowed(t *testing.T) {
	u := guarded(t)
	c := probeConfig(u.Address(), Route{Filter: "#", Direction: Out, QoS: 1, RemotePrefix: "secret/"})
	c.Protocol = "5"
	ok, text := probed(t, c, nil)
	if ok || !strings.Contains(text, "publish secret/gateway-test with QoS 1: BAD PUBACK: not authorized (0x87)") || !strings.Contains(text, "ACL") {
		t.Errorf("ok is %v", ok)
	}
	c = probeConfig("127.0.0.1:1", Route{Filter: "#"})
	if ok, text := probed(t, c, nil); ok || !strings.Contains(text, "nothing listens on that port") {
		t.Errorf("ok is %v", ok)
	}
}
