package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// tools are Mosquitto's command line clients, in front of one house.
type tools struct {
	*house
	pub, sub, rr string
	stdbuf       string
}

// The versions of MQTT as the option -V names them.
var mosquittoVersions = []string{"31", "311", "5"}

// TestMosquittoTools does with Mosquitto's clients what people do with them.
func TestMosquittoTools(t *testing.T) {
	m := &tools{pub: need(t, "mosquitto_pub", "mosquitto-clients"), sub: need(t, "mosquitto_sub", "mosquitto-clients"),
		rr: need(t, "mosquitto_rr", "mosquitto-clients"), stdbuf: need(t, "stdbuf", "coreutils"), house: openHouse(t)}
	for name, test := range map[string]func(*tools, *testing.T, string){
		"qos": (*tools).qos, "many": (*tools).many, "retained": (*tools).retained, "will": (*tools).will,
		"session": (*tools).session, "shared": (*tools).sharing, "login": (*tools).login, "denied": (*tools).denied,
	} {
		for _, version := range mosquittoVersions {
			t.Run(name+"/"+version, func(t *testing.T) {
				t.Parallel()
				test(m, t, version)
			})
		}
	}
	for name, test := range map[string]func(*tools, *testing.T){
		"properties": (*tools).properties, "largest packet": (*tools).largestPacket, "will delay": (*tools).willDelay,
		"request": (*tools).request, "tls": (*tools).encrypted, "unix": (*tools).socketFile, "$SYS": (*tools).figures,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(m, t)
		})
	}
}

// at is how a client is told to connect to a door, and with which version.
func (m *tools) at(t *testing.T, door, version string, more ...string) []string {
	t.Helper()
	return slices.Concat(hostPort(t, door), []string{"-V", version}, more)
}

// publish publishes one message.
func (m *tools) publish(t *testing.T, version, topic, payload, qos string, more ...string) {
	t.Helper()
	command(t, m.pub, m.at(t, m.tcp, version, append([]string{"-t", topic, "-m", payload, "-q", qos}, more...)...)...)
}

// watch starts mosquitto_sub and returns when it has subscribed. It prints
// "got topic QoS retain payload" for each message, unless told otherwise.
func (m *tools) watch(t *testing.T, version string, more ...string) *process {
	t.Helper()
	// It writes messages at once, but what -d tells only when there is much.
	args := slices.Concat([]string{"-oL", m.sub}, m.at(t, m.tcp, version, "-d", "-F", "got %t %q %r %p"), more)
	p := spawn(t, m.stdbuf, args...)
	p.await(`(?m)^Subscribed \(mid: \d+\)`)
	return p
}

// heard waits until a client has printed as many messages as there are lines,
// and wants them to be these.
func heard(t *testing.T, p *process, lines ...string) {
	t.Helper()
	p.await(`(?m)` + strings.Repeat(`^got .*(?s:.*?)`, len(lines)))
	if got := printed(p); !slices.Equal(got, lines) {
		t.Errorf("mosquitto_sub printed %q, want %q", got, lines)
	}
}

// printed is the messages that a client has printed.
func printed(p *process) []string {
	var got []string
	for line := range strings.Lines(p.text()) {
		if message, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "got "); ok {
			got = append(got, message)
		}
	}
	return got
}

// fed runs a program that reads its input.
func fed(t *testing.T, input, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
}

// refused runs a program that is to fail and wants that its words have this
// in them. code is its exit status, -1 for any but 0.
func refused(t *testing.T, code int, words, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || ctx.Err() != nil || code >= 0 && exit.ExitCode() != code || !strings.Contains(string(out), words) {
		t.Errorf("%s %s: %v, want status %d and %q\n%s", filepath.Base(name), strings.Join(args, " "), err, code, words, out)
	}
}

// qos delivers with the lower QoS of message and subscription.
func (m *tools) qos(t *testing.T, version string) {
	for _, granted := range []string{"0", "1", "2"} {
		topic := "e2e/m/qos/" + version + "/" + granted
		p := m.watch(t, version, "-q", granted, "-t", topic)
		var want []string
		for _, sent := range []string{"0", "1", "2"} {
			m.publish(t, version, topic, "at "+sent, sent)
			want = append(want, fmt.Sprint(topic, " ", min(sent, granted), " 0 at ", sent))
			heard(t, p, want...)
		}
	}
}

// many messages of one client come in the order they were sent in.
func (m *tools) many(t *testing.T, version string) {
	var lines strings.Builder
	for i := range 500 {
		fmt.Fprintf(&lines, "%d %s\n", i, strings.Repeat("x", i))
	}
	for _, qos := range []string{"0", "1", "2"} {
		topic := "e2e/m/many/" + version + "/" + qos
		p := m.watch(t, version, "-q", qos, "-t", topic, "-F", "%p")
		fed(t, lines.String(), m.pub, m.at(t, m.tcp, version, "-l", "-q", qos, "-t", topic)...)
		p.await(`(?m)^499 x*$`)
		var got strings.Builder
		for line := range strings.Lines(p.text()) {
			if line[0] >= '0' && line[0] <= '9' {
				got.WriteString(line)
			}
		}
		if got.String() != lines.String() {
			t.Errorf("QoS %s: messages are not what was sent, or out of order", qos)
		}
	}
}

func (m *tools) retained(t *testing.T, version string) {
	topic := "e2e/m/retained/" + version
	for _, qos := range []string{"0", "1", "2"} {
		m.publish(t, version, topic+"/"+qos, "kept", qos, "-r")
	}
	for _, qos := range []string{"0", "1", "2"} {
		at := m.at(t, m.tcp, version, "-q", "2", "-t", topic+"/"+qos, "-C", "1", "-F", "%q %r %p")
		if got, want := command(t, m.sub, at...), qos+" 1 kept\n"; got != want {
			t.Errorf("retained at QoS %s: got %q, want %q", qos, got, want)
		}
	}
	// A message that is published now is not a retained one, who already
	// listens is told.
	p := m.watch(t, version, "-R", "-t", topic+"/+")
	m.publish(t, version, topic+"/1", "new", "1", "-r")
	heard(t, p, topic+"/1 0 0 new")
	m.publish(t, version, topic+"/0", "", "0", "-r")
	heard(t, p, topic+"/1 0 0 new", topic+"/0 0 0 ")
	// --remove-retained publishes an empty message for each that it gets.
	m.watch(t, version, "-t", topic+"/#", "--remove-retained")
	p.await(`got ` + topic + `/1 0 0 \n`)
	p.await(`got ` + topic + `/2 0 0 \n`)
	late := m.watch(t, version, "-t", topic+"/#")
	m.publish(t, version, topic+"/end", "end", "0")
	heard(t, late, topic+"/end 0 0 end")
}

// will is told of a client that is killed, not of one that takes its leave.
func (m *tools) will(t *testing.T, version string) {
	topic := "e2e/m/will/" + version
	watcher := m.watch(t, version, "-q", "2", "-t", topic+"/+")
	var want []string
	for _, qos := range []string{"0", "1", "2"} {
		at := []string{"-t", "e2e/m/nothing", "--will-topic", topic + "/" + qos, "--will-qos", qos, "--will-payload", "gone", "--will-retain"}
		command(t, m.sub, m.at(t, m.tcp, version, append(at, "-E")...)...) // takes its leave
		m.watch(t, version, at...).kill()
		want = append(want, topic+"/"+qos+" "+qos+" 0 gone")
		heard(t, watcher, want...)
		if version == "5" { // where mosquitto_sub asks for its will when it is stopped
			stopped := m.watch(t, version, at...)
			if err := stopped.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			want = append(want, topic+"/"+qos+" "+qos+" 0 gone")
			heard(t, watcher, want...)
		}
		late := command(t, m.sub, m.at(t, m.tcp, version, "-q", "2", "-t", topic+"/"+qos, "-C", "1", "-F", "%q %r %p")...)
		if want := qos + " 1 gone\n"; late != want {
			t.Errorf("the will that is kept: got %q, want %q", late, want)
		}
	}
}

// session is what -c asks for.
func (m *tools) session(t *testing.T, version string) {
	topic, id := "e2e/m/session/"+version, "m-keeper-"+version
	at := []string{"-c", "-i", id, "-q", "2", "-t", topic + "/+"}
	enter := func(more ...string) string {
		t.Helper()
		return command(t, m.sub, m.at(t, m.tcp, version, slices.Concat(at, more)...)...)
	}
	enter("-E")
	for i := range 9 {
		m.publish(t, version, fmt.Sprint(topic, "/", i), fmt.Sprint(i), fmt.Sprint(i%3))
	}
	// A message of QoS 2 is printed when it is released: the order is that of
	// each QoS. QoS 0 is not kept.
	got := strings.Fields(enter("-C", "6", "-F", "%q:%p"))
	for _, qos := range []string{"1", "2"} {
		var mine []string
		for _, g := range got {
			if strings.HasPrefix(g, qos) {
				mine = append(mine, g)
			}
		}
		if want := map[string]string{"1": "1:1 1:4 1:7", "2": "2:2 2:5 2:8"}[qos]; strings.Join(mine, " ") != want {
			t.Errorf("kept at QoS %s: %v, want %s", qos, mine, want)
		}
	}
	// -U takes a subscription out of the session.
	other := []string{"-c", "-i", id, "-q", "1", "-t", topic + "/other"}
	command(t, m.sub, m.at(t, m.tcp, version, append(other, "-U", topic+"/+", "-E")...)...)
	m.publish(t, version, topic+"/1", "unsubscribed", "1")
	m.publish(t, version, topic+"/other", "kept", "1")
	if got := command(t, m.sub, m.at(t, m.tcp, version, append(other, "-C", "1")...)...); got != "kept\n" {
		t.Errorf("after -U: %q", got)
	}
	// Without -c the session is over.
	m.publish(t, version, topic+"/other", "lost", "1")
	p := m.watch(t, version, "-i", id, "-t", topic+"/other")
	m.publish(t, version, topic+"/other", "new", "0")
	heard(t, p, topic+"/other 0 0 new")
}

// sharing gives each message to one of two members, whatever their version.
func (m *tools) sharing(t *testing.T, version string) {
	topic := "e2e/m/shared/" + version
	a := m.watch(t, version, "-q", "1", "-t", "$share/m/"+topic+"/#", "-t", topic+"-end")
	b := m.watch(t, "5", "-q", "1", "-t", "$share/m/"+topic+"/#", "-t", topic+"-end")
	all := m.watch(t, version, "-q", "1", "-t", topic+"/#")
	var want []string
	for i := range 10 {
		m.publish(t, version, fmt.Sprint(topic, "/", i), "x", "1")
		want = append(want, fmt.Sprint(topic, "/", i, " 1 0 x"))
	}
	heard(t, all, want...)
	// Each member gets a message that is for all: what was for one came before.
	m.publish(t, version, topic+"-end", "end", "1")
	var got []string
	for _, member := range []*process{a, b} {
		member.await(`(?m)^got ` + topic + `-end .*$`)
		mine := printed(member)
		if len(mine) == 1 || len(mine) > 10 {
			t.Errorf("one member has got %d messages", len(mine)-1)
		}
		got = append(got, mine[:len(mine)-1]...)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("both have got %q, want %q", got, want)
	}
}

func (m *tools) login(t *testing.T, version string) {
	topic := "private/ann/m/" + version
	for _, secret := range []string{"Secret", ""} {
		code := 5
		if version == "5" {
			code = 0x87
		}
		refused(t, code, "ot authori", m.pub, m.at(t, m.locked, version, "-u", "ann", "-P", secret, "-t", topic, "-m", "x")...)
		refused(t, code, "ot authori", m.pub, m.at(t, m.locked, version, "-t", topic, "-m", "x")...)
	}
	url := "mqtt://ann:secret@" + m.locked + "/" + topic
	command(t, m.pub, "-V", version, "-L", url, "-r", "-q", "1", "-m", "mine")
	if got := command(t, m.sub, "-V", version, "-L", url, "-C", "1"); got != "mine\n" {
		t.Errorf("ann reads %q", got)
	}
	command(t, m.pub, m.at(t, m.locked, version, "-u", "sam", "-P", "secret", "-q", "1", "-t", "private/sam/1", "-m", "x")...)
}

// denied is what nobody may who comes without a name.
func (m *tools) denied(t *testing.T, version string) {
	p := m.watch(t, version, "-t", "e2e/m/denied/"+version, "-t", "private/ann/#")
	if version != "31" { // it has no word for it
		p.await(`(?m)^Subscribed \(mid: \d+\): 0, (128|135)$`)
	}
	m.publish(t, version, "private/ann/denied", "x", "1")
	m.publish(t, version, "e2e/m/denied/"+version, "end", "1")
	heard(t, p, "e2e/m/denied/"+version+" 0 0 end")
	if version == "5" {
		out := command(t, m.pub, m.at(t, m.tcp, version, "-t", "private/ann/denied", "-m", "x", "-q", "1")...)
		if !strings.Contains(out, "Not authorized") {
			t.Errorf("mosquitto_pub says %q of a message that is not allowed", out)
		}
	}
}

// properties are delivered as they were sent.
func (m *tools) properties(t *testing.T) {
	topic := "e2e/m/properties"
	for _, qos := range []string{"0", "1", "2"} {
		p := m.watch(t, "5", "-q", "2", "-t", topic, "-D", "subscribe", "subscription-identifier", "42", "-F", "got %q|%C|%D|%E|%F|%P|%R|%S|%p")
		args := []string{"-t", topic, "-q", qos, "-m", "größer"}
		for _, property := range [][]string{{"content-type", "text/plain"}, {"correlation-data", "data"}, {"message-expiry-interval", "1000"},
			{"payload-format-indicator", "1"}, {"response-topic", "e2e/m/réponse"}, {"user-property", "b", "1"}, {"user-property", "a", "2"},
			{"user-property", "b", "3"}, {"topic-alias", "1"}} {
			args = append(append(args, "-D", "publish"), property...)
		}
		command(t, m.pub, m.at(t, m.tcp, "5", args...)...)
		p.await(`(?m)^got ` + qos + `\|text/plain\|data\|(1000|99\d)\|1\|b:1 a:2 b:3 ?\|e2e/m/réponse\|42\|größer$`)
	}
}

// largestPacket keeps from a client what it cannot take.
func (m *tools) largestPacket(t *testing.T) {
	topic := "e2e/m/largest"
	p := m.watch(t, "5", "-q", "1", "-t", topic, "-D", "connect", "maximum-packet-size", "200", "-D", "connect", "receive-maximum", "1")
	m.publish(t, "5", topic, strings.Repeat("x", 200), "1")
	m.publish(t, "5", topic, "small", "1")
	heard(t, p, topic+" 1 0 small")
}

// willDelay waits for the client to come back, and no longer than for its
// session.
func (m *tools) willDelay(t *testing.T) {
	topic := "e2e/m/delay"
	watcher := m.watch(t, "5", "-t", topic+"/+")
	at := func(n string) []string {
		return []string{"-i", "m-delay-" + n, "-x", "600", "-t", "e2e/m/nothing", "--will-topic", topic + "/" + n, "--will-payload", "gone",
			"-D", "will", "will-delay-interval", "600", "-D", "will", "content-type", "text/plain"}
	}
	m.watch(t, "5", at("back")...).kill()
	command(t, m.sub, m.at(t, m.tcp, "5", append(at("back"), "-c", "-E")...)...) // it is back, and leaves
	m.watch(t, "5", at("over")...).kill()
	command(t, m.sub, m.at(t, m.tcp, "5", append(at("over"), "-E")...)...) // without -c: its session is over
	heard(t, watcher, topic+"/over 0 0 gone")
}

// request is answered by who reads where the answer is wanted.
func (m *tools) request(t *testing.T) {
	for _, version := range []string{"311", "5"} {
		ask, answer := "e2e/m/ask/"+version, "e2e/m/answer/"+version
		server := m.watch(t, version, "-t", ask, "-F", "got %R %p")
		rr := spawn(t, m.rr, m.at(t, m.tcp, version, "-t", ask, "-e", answer, "-m", "how warm", "-W", "20")...)
		to := server.await(`(?m)^got (\S*) how warm$`)[1]
		if version == "311" {
			to = answer // 3.1.1 does not tell where to
		}
		m.publish(t, version, to, "21 °C", "1")
		rr.await(`(?m)^21 °C$`)
		<-rr.done
		if rr.err != nil {
			t.Errorf("mosquitto_rr: %v", rr.err)
		}
	}
}

func (m *tools) encrypted(t *testing.T) {
	cert, key := m.issue("sue")
	stranger := newAuthority(t)
	foreignCert, foreignKey := stranger.issue("sue")
	for _, version := range mosquittoVersions {
		for _, tlsVersion := range []string{"tlsv1.2", "tlsv1.3"} {
			at := m.at(t, m.tls, version, "--cafile", m.file, "--tls-version", tlsVersion, "-q", "1", "-t", "e2e/m/tls/"+version+tlsVersion)
			command(t, m.pub, append(at, "-r", "-m", "kept")...)
			if got := command(t, m.sub, append(at, "-C", "1")...); got != "kept\n" {
				t.Errorf("%s, version %s: %q", tlsVersion, version, got)
			}
			// The certificate's name is the user's.
			at = m.at(t, m.mutual, version, "--cafile", m.file, "--tls-version", tlsVersion, "-q", "1", "-t", "private/sue/"+version+tlsVersion)
			mine := append(at, "--cert", cert, "--key", key)
			command(t, m.pub, append(mine, "-r", "-m", "mine")...)
			if got := command(t, m.sub, append(mine, "-C", "1")...); got != "mine\n" {
				t.Errorf("%s with a certificate, version %s: %q", tlsVersion, version, got)
			}
			refused(t, -1, "", m.pub, append(at, "-m", "x")...)
			refused(t, -1, "", m.pub, append(at, "-m", "x", "--cert", foreignCert, "--key", foreignKey)...)
		}
	}
	refused(t, -1, "", m.pub, m.at(t, m.tls, "311", "--cafile", stranger.file, "-t", "e2e/m/tls", "-m", "x")...)
}

func (m *tools) socketFile(t *testing.T) {
	for _, version := range mosquittoVersions {
		at := []string{"--unix", m.unix, "-V", version, "-q", "2", "-t", "e2e/m/unix/" + version}
		command(t, m.pub, append(at, "-r", "-m", "kept")...)
		if got := command(t, m.sub, append(at, "-C", "1", "-F", "%q %r %p")...); got != "2 1 kept\n" {
			t.Errorf("version %s: %q", version, got)
		}
	}
}

// figures are those that Mosquitto 2.0 has below $SYS.
func (m *tools) figures(t *testing.T) {
	want := []string{"version", "uptime",
		"clients/total", "clients/connected", "clients/active", "clients/disconnected", "clients/inactive", "clients/maximum", "clients/expired",
		"messages/received", "messages/sent", "messages/stored", "store/messages/count", "store/messages/bytes", "retained messages/count",
		"subscriptions/count", "shared_subscriptions/count", "bytes/received", "bytes/sent", "heap/current", "heap/maximum",
		"publish/messages/received", "publish/messages/sent", "publish/messages/dropped", "publish/bytes/received", "publish/bytes/sent",
	}
	for _, load := range []string{"messages/received", "messages/sent", "publish/received", "publish/sent", "publish/dropped",
		"bytes/received", "bytes/sent", "sockets", "connections"} {
		for _, minutes := range []string{"1min", "5min", "15min"} {
			want = append(want, "load/"+load+"/"+minutes)
		}
	}
	p := spawn(t, m.sub, m.at(t, m.tcp, "5", "-t", "$SYS/#", "-F", "got %t %r %p")...)
	for _, name := range want {
		p.await(`(?m)^got \$SYS/broker/` + name + ` 1 \S.*$`)
	}
	p.await(`(?m)^got \$SYS/broker/uptime 0 \d+ seconds$`) // one that is new, not kept
	p.await(`(?m)^got \$SYS/broker/clients/connected \d [1-9]\d*$`)
	// They are not among what # is.
	all := m.watch(t, "311", "-t", "#")
	m.publish(t, "311", "e2e/m/figures", "end", "0")
	all.await(`got e2e/m/figures`)
	if out := all.text(); strings.Contains(out, "got $SYS") {
		t.Errorf("# has $SYS in it: %q", out)
	}
}
