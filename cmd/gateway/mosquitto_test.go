package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// rivals are the real Mosquitto and the gateway with the same configuration.
type rivals struct {
	t    *testing.T
	runs [2]rival
}

// rival is one of them; its configuration and its clients say PORT1, PORT2 and
// so on where a port stands, and DIR for a folder of files.
type rival struct {
	name  string
	ports []string // old, new, old, new…
	*process
}

// against starts both with a configuration, files in its folder among them.
func against(t *testing.T, conf string, files map[string]string) *rivals {
	t.Helper()
	return compete(t, conf, files, "mosquitto", "gateway")
}

// compete starts two with a configuration: mosquitto, gateway, or imported, the
// gateway with what gateway import makes of it.
func compete(t *testing.T, conf string, files map[string]string, first, second string) *rivals {
	t.Helper()
	mosquitto := need(t, "mosquitto", "mosquitto")
	both := &rivals{t: t}
	for i, name := range []string{first, second} {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o755); err != nil { // Mosquitto is another user
			t.Fatal(err)
		}
		r := rival{name: name, ports: []string{"DIR", dir}}
		for n := 1; n <= strings.Count(conf, "PORT"); n++ {
			r.ports = append(r.ports, fmt.Sprint("PORT", n), freePort(t))
		}
		for file, content := range files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		file := filepath.Join(dir, "mosquitto.conf")
		if err := os.WriteFile(file, []byte("user root\n"+r.fill(conf)), 0o644); err != nil {
			t.Fatal(err)
		}
		switch name {
		case "mosquitto":
			r.process = spawn(t, mosquitto, "-c", file, "-v")
			r.await(`mosquitto version \S+ running`)
		case "imported":
			r.process = spawn(t, needBinary(t), "run", "-c", imported(t, file), "-v")
			r.await(`(?m)^MQTT .*$`)
		default:
			r.process = spawn(t, needBinary(t), "run", "--mosquitto-conf", file, "-v")
			r.await(`(?m)^MQTT .*$`)
		}
		both.runs[i] = r
	}
	return both
}

func (r *rival) fill(s string) string { return strings.NewReplacer(r.ports...).Replace(s) }

// startUpstreams starts a Mosquitto for each of the two, on its PORT2.
func (b *rivals) startUpstreams(t *testing.T) {
	t.Helper()
	for i := range b.runs {
		spawn(t, need(t, "mosquitto", "mosquitto"), "-p", b.runs[i].fill("PORT2"), "-v").await(`mosquitto version \S+ running`)
	}
}

// same runs a client against both and holds what they say and how they end
// against each other. A client that ends after a second may have heard nothing yet
// where the machine is busy: if they differ it gets more time.
func (b *rivals) same(command string) {
	b.t.Helper()
	said := b.both(command)
	if said[0] != said[1] && strings.Contains(command, " -W 1 ") {
		said = b.both(strings.Replace(command, " -W 1 ", " -W 15 ", 1))
	}
	if said[0] != said[1] {
		b.t.Errorf("%s\nMosquitto: %s\ngateway:   %s", command, said[0], said[1])
	}
}

// both runs a client against both and returns what they say and how they end.
func (b *rivals) both(command string) (said [2]string) {
	var clients sync.WaitGroup
	for i, r := range b.runs {
		clients.Go(func() { said[i] = r.run(b.t, command) })
	}
	clients.Wait()
	return said
}

// run runs a client to its end and returns what it said.
func (r *rival) run(t *testing.T, command string) string {
	args := strings.Fields(r.fill(command))
	cmd := exec.Command(need(t, args[0], "mosquitto-clients"), args[1:]...)
	cmd.WaitDelay = patience
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err.Error()
	}
	lines := strings.SplitAfter(string(out), "\n")
	slices.Sort(lines) // what is retained has no order
	return fmt.Sprintf("%sexit status %d", strings.Join(lines, ""), cmd.ProcessState.ExitCode())
}

// TestMosquittoConf asks the real Mosquitto what a configuration means. Not
// asked is where 2.0.11 does not do what its manual says: it leaves the mount
// point on what it sends to clients, refuses a payload that is too large with a
// reason code that PUBACK does not have, and grants subscriptions that can never
// bring anything.
func TestMosquittoConf(t *testing.T) {
	files := map[string]string{
		"passwd": passwordFile(t, "ann", "bob"),
		"acl":    "topic read public/#\nuser bob\ntopic read public/#\nuser ann\ntopic readwrite ann/#\ntopic deny ann/secret\npattern write log/%u/%c\n",
	}
	for _, tt := range []struct {
		name, conf string
		commands   []string
	}{
		{"users and rules", "listener PORT1 127.0.0.1\npassword_file DIR/passwd\nacl_file DIR/acl\n", []string{
			"mosquitto_pub -p PORT1 -t public/a -m x -q 1",
			"mosquitto_pub -p PORT1 -V 5 -t public/a -m x -q 1",
			"mosquitto_pub -p PORT1 -u ann -P wrong -t ann/a -m x -q 1",
			"mosquitto_pub -p PORT1 -u nobody -P secret -t ann/a -m x -q 1",
			"mosquitto_pub -p PORT1 -u ann -P secret -t ann/a -m one -q 1 -r",
			"mosquitto_pub -p PORT1 -u bob -P secret -t ann/a -m two -q 1 -r",
			"mosquitto_pub -p PORT1 -u ann -P secret -t ann/secret -m x -q 2 -r",
			"mosquitto_sub -p PORT1 -u ann -P secret -t ann/# -W 1 -v",
			"mosquitto_sub -p PORT1 -u bob -P secret -t # -W 1 -v",
			"mosquitto_pub -p PORT1 -u bob -P secret -V 5 -t elsewhere -m x -q 1 -d -i b",
			"mosquitto_pub -p PORT1 -u bob -P secret -V 5 -t log/bob/b -m x -q 1 -d -i b",
		}},
		{"nobody has a password", "listener PORT1 127.0.0.1\n", []string{
			"mosquitto_pub -p PORT1 -t a -m x",
			"mosquitto_pub -p PORT1 -t a -m x -u ann -P secret",
			"mosquitto_pub -p PORT1 -t a -m x -V 5 -u ann -P secret",
		}},
		{"guests and users", "allow_anonymous true\nlistener PORT1\npassword_file DIR/passwd\nacl_file DIR/acl\n", []string{
			"mosquitto_pub -p PORT1 -t ann/a -m x -q 1 -u ann -P secret -r",
			"mosquitto_pub -p PORT1 -t ann/a -m x -q 1 -u ann -P wrong -r",
			"mosquitto_pub -p PORT1 -t ann/a -m y -q 1 -r",
			"mosquitto_sub -p PORT1 -t # -W 1 -v",
			"mosquitto_sub -p PORT1 -t ann/# -W 1 -v -u ann -P secret",
		}},
		{"listeners of their own", "per_listener_settings true\nlistener PORT1 127.0.0.1\npassword_file DIR/passwd\n" +
			"listener PORT2\nallow_anonymous true\nacl_file DIR/acl\nlistener PORT3 127.0.0.1\nlistener 0 DIR/socket\nallow_anonymous true\n", []string{
			"mosquitto_pub -p PORT1 -t public/a -m x",
			"mosquitto_pub -p PORT1 -t public/a -m kept -u ann -P secret -r -q 1",
			"mosquitto_pub -p PORT2 -t public/a -m lost -r -q 1",
			"mosquitto_sub -p PORT2 -t # -W 1 -v",
			"mosquitto_pub -p PORT3 -t public/a -m x",
			"mosquitto_pub --unix DIR/socket -t public/b -m unix -r -q 1",
			"mosquitto_sub --unix DIR/socket -t public/# -W 1 -v",
		}},
		{"mount point", "allow_anonymous true\nlistener PORT1 127.0.0.1\nlistener PORT2 127.0.0.1\nmount_point house/\nuse_username_as_clientid true\nlistener PORT3 127.0.0.1\nmount_point run\n", []string{
			"mosquitto_pub -p PORT2 -t a/b -m below -r -q 1 -u ann",
			"mosquitto_pub -p PORT2 -t a/b -m below -r -q 1 -V 5",
			"mosquitto_pub -p PORT3 -t a -m into -r -q 1",
			"mosquitto_sub -p PORT1 -t # -W 1 -v",
		}},
		{"limits", "allow_anonymous true\nretain_available false\nmessage_size_limit 10\nmax_packet_size 200\nmax_keepalive 30\nmax_inflight_messages 7\n" +
			"allow_zero_length_clientid false\nlistener PORT1 127.0.0.1\nmax_qos 1\nmax_topic_alias 3\n", []string{
			"mosquitto_pub -p PORT1 -i c -V 5 -t a -m 0123456789 -q 1 -d",
			"mosquitto_pub -p PORT1 -i c -V 311 -t a -m 0123456789x -q 1 -d",
			"mosquitto_pub -p PORT1 -i c -V 311 -t a -m x -r -q 1",
			"mosquitto_pub -p PORT1 -i c -V 311 -t a -m x -q 2",
			"mosquitto_sub -p PORT1 -i c -V 5 -t a -q 2 -W 1 -d",
		}},
		{"this machine only", "max_queued_messages 5\n# PORT is 1883 without a listener\nport PORT2\nbind_address 127.0.0.1\nallow_anonymous true\n", []string{
			"mosquitto_pub -p PORT2 -t a -m x -q 1",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := against(t, tt.conf, files)
			for _, command := range tt.commands {
				b.same(command)
			}
		})
	}
}

// TestMosquittoBridge asks the real Mosquitto what a bridge with topics of every
// direction brings to either side, with an upstream each that comes later.
func TestMosquittoBridge(t *testing.T) {
	t.Parallel() // it waits more than it works
	b := against(t, "allow_anonymous true\nlistener PORT1 127.0.0.1\nconnection up\naddress 127.0.0.1:PORT2\nrestart_timeout 1\nremote_clientid site\n"+
		"topic temp out 1 rooms/ site/\ntopic cmd in 1 do/ site/\ntopic \"\" out 2 here there\ntopic shared/# both 2\n", nil)
	b.startUpstreams(t)
	for _, command := range []string{
		"mosquitto_pub -p PORT2 -t site/cmd -m on -r -q 1",
		"mosquitto_pub -p PORT2 -t shared/up -m 1 -r -q 2",
		"mosquitto_pub -p PORT1 -t rooms/temp -m 21 -r -q 1",
		"mosquitto_pub -p PORT1 -t here -m x -r -q 2",
		"mosquitto_pub -p PORT1 -t shared/down -m 2 -r -q 2",
		"mosquitto_sub -p PORT1 -t do/# -t shared/up -C 2 -W 30 -v",
		"mosquitto_sub -p PORT2 -t site/temp -t there -t shared/down -C 3 -W 30 -v",
	} {
		b.same(command)
	}
	gateway := &b.runs[1]
	for command, want := range map[string]string{
		"mosquitto_sub -p PORT1 -t do/# -t shared/up -C 2 -W 30 -v":                 "do/cmd on\nshared/up 1\nexit status 0",
		"mosquitto_sub -p PORT2 -t site/temp -t there -t shared/down -C 3 -W 30 -v": "shared/down 2\nsite/temp 21\nthere x\nexit status 0",
	} {
		if got := gateway.run(t, command); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
}

// passwordFile returns a file of users whose password is secret, as Mosquitto's
// own program writes it.
func passwordFile(t *testing.T, users ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, user := range users {
		command(t, need(t, "mosquitto_passwd", "mosquitto"), "-b", file, user, "secret")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestMosquittoPort is mosquitto -p: anybody on this machine.
func TestMosquittoPort(t *testing.T) {
	pub, sub := need(t, "mosquitto_pub", "mosquitto-clients"), need(t, "mosquitto_sub", "mosquitto-clients")
	port := freePort(t)
	p := spawn(t, needBinary(t), "run", "-p", port, "-v")
	p.await(`(?m)^MQTT +127\.0\.0\.1:` + port)
	command(t, pub, "-p", port, "-t", "a", "-m", "hello", "-q", "1", "-r")
	if out := command(t, sub, "-p", port, "-t", "#", "-C", "1", "-v"); out != "a hello\n" {
		t.Errorf("got %q", out)
	}
	p.await(`level=DEBUG`)
	if err := p.stop(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// TestMosquittoPIDFile finds the number of the process in a file, and the file
// gone when it has ended.
func TestMosquittoPIDFile(t *testing.T) {
	dir := t.TempDir()
	file, conf := filepath.Join(dir, "pid"), filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(conf, []byte("pid_file "+file+"\nlistener "+freePort(t)+" 127.0.0.1\nallow_anonymous true\npersistence true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := spawn(t, needBinary(t), "run", "--mosquitto-conf", conf)
	p.await(`level=INFO msg="no need to carry over: [^"]*" directive=persistence at=\S+mosquitto.conf:4`)
	p.await(`(?m)^MQTT `)
	deadline := time.Now().Add(patience)
	for {
		got, err := os.ReadFile(file)
		if string(got) == fmt.Sprintln(p.cmd.Process.Pid) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the file has %q, %v", got, err)
		}
		time.Sleep(time.Millisecond)
	}
	if err := p.stop(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the file is left behind")
	}
}
