package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// The rules before and after a reload, as Mosquitto has them.
const (
	rulesBefore = `
# without a name
topic read public/#

user boss
topic readwrite #

user ann
topic house/#
topic deny house/secret/#
topic read public/#

user bob
topic read house/#
topic read public/#

user carl
topic read house/#
topic read public/#

user device
topic read orders/#

pattern readwrite devices/%u/#
`
	rulesAfter = `
topic read news/#

user boss
topic readwrite #

user ann
topic house/#
topic read public/#

user bob
topic read public/#

user carl
topic read public/#

user device
topic orders/#

pattern read devices/%u/#
`
)

// guarded is a gateway that knows its users, rules and certificates from
// files, and is told by SIGHUP that they have changed.
type guarded struct {
	*process
	*authority
	passwords, rules string // files
	tcp, tls, ws     string // host:port
	unix             string // path
	made             int    // clients
}

func openGuarded(t *testing.T) *guarded {
	t.Helper()
	dir := t.TempDir()
	g := &guarded{authority: newAuthority(t), passwords: filepath.Join(dir, "passwd"), rules: filepath.Join(dir, "acl")}
	g.setPasswords(t, map[string]string{"boss": "b", "ann": "old", "bob": "b", "carl": "c", "dirk": "d"})
	writeFile(t, g.rules, rulesBefore)
	cert, key := g.issue("server")
	g.process = spawn(t, needBinary(t), "run", "-c", writeConfig(t, fmt.Sprintf(`
sensors: []
dashboard: {address: ""}
log: {level: debug}
broker:
  listeners:
    - {protocol: tcp, address: "127.0.0.1:0"}
    - {protocol: tls, address: "127.0.0.1:0", tls: {certificate: %s, key: %s, client_ca: %s, require_certificate: true, username_from: cn}}
    - {protocol: unix, address: %s, allow_anonymous: true}
    - {protocol: ws, address: "127.0.0.1:0"}
  auth: {password_file: %s, acl_file: %s}
`, cert, key, g.file, filepath.Join(dir, "mqtt.sock"), g.passwords, g.rules)))
	at := doors(g.process, 4)
	g.tcp, g.tls, g.unix, g.ws = at[0], at[1], at[2], at[3]
	return g
}

// setPasswords writes the password file, half of it with Mosquitto's older
// hash.
func (g *guarded) setPasswords(t *testing.T, users map[string]string) {
	t.Helper()
	passwd := need(t, "mosquitto_passwd", "mosquitto")
	file := filepath.Join(t.TempDir(), "passwd")
	writeFile(t, file, "")
	for i, name := range slices.Sorted(maps.Keys(users)) {
		command(t, passwd, "-H", []string{"sha512-pbkdf2", "sha512"}[i%2], "-b", file, name, users[name])
	}
	writeFile(t, g.passwords, readFile(t, file))
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// reload sends SIGHUP and waits for the n-th line in the log that says so.
func (g *guarded) reload(t *testing.T, line string, n int) string {
	t.Helper()
	if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	return g.await(`(?s)` + strings.Repeat(`.*?msg="`+regexp.QuoteMeta(line)+`([^\n]*)\n`, n))[n]
}

const (
	reloaded = "reloaded passwords, rules and certificates"
	mistaken = "reload: what is wrong stays as it was"
)

// guest is a client of a guarded gateway. It is never to lose its connection.
type guest struct {
	mqtt.Client
	t    *testing.T
	name string
	got  chan string // topic=payload
}

// options are those of a client that comes in by a door and stays.
func (g *guarded) options(url, name, password string) *mqtt.ClientOptions {
	g.made++
	o := mqtt.NewClientOptions().AddBroker(url).SetClientID("guest-" + strconv.Itoa(g.made)).SetAutoReconnect(false).SetConnectTimeout(patience)
	if password != "" {
		o.SetUsername(name).SetPassword(password)
	}
	if strings.HasPrefix(url, "tls:") {
		o.SetTLSConfig(g.client(name))
	}
	return o
}

func (g *guarded) enter(t *testing.T, url, name, password string, change ...func(*mqtt.ClientOptions)) *guest {
	t.Helper()
	c := &guest{t: t, name: name, got: make(chan string, 100)}
	o := g.options(url, name, password)
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { c.got <- m.Topic() + "=" + string(m.Payload()) })
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { t.Errorf("%s has lost its connection: %v", name, err) })
	for _, f := range change {
		f(o)
	}
	c.Client = mqtt.NewClient(o)
	c.wait("CONNACK", c.Connect())
	t.Cleanup(func() { c.Disconnect(farewell) })
	return c
}

// turnedAway wants that a name and password are refused.
func (g *guarded) turnedAway(t *testing.T, name, password string) {
	t.Helper()
	c := mqtt.NewClient(g.options("tcp://"+g.tcp, name, password))
	token := c.Connect()
	if !token.WaitTimeout(patience) || token.Error() == nil || !strings.Contains(token.Error().Error(), "not Authorized") {
		t.Errorf("%s comes in with the password %s: %v", name, password, token.Error())
	}
	c.Disconnect(0) // it has nobody to say farewell to
}

func (c *guest) wait(what string, token mqtt.Token) {
	c.t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		c.t.Fatalf("%s: no good %s: %v", c.name, what, token.Error())
	}
}

func (c *guest) subscribe(filters ...string) {
	c.t.Helper()
	for _, f := range filters {
		c.wait("SUBACK of "+f, c.Subscribe(f, 1, nil))
	}
}

// say publishes a payload to each topic, one after the other.
func (c *guest) say(payload string, topics ...string) {
	c.t.Helper()
	for _, topic := range topics {
		c.wait("PUBACK of "+topic, c.Publish(topic, 1, false, payload))
	}
}

// hears wants these messages next and in this order.
func (c *guest) hears(wanted ...string) {
	c.t.Helper()
	for _, want := range wanted {
		select {
		case got := <-c.got:
			if got != want {
				c.t.Errorf("%s gets %s, want %s", c.name, got, want)
			}
		case <-time.After(patience):
			c.t.Fatalf("%s does not get %s", c.name, want)
		}
	}
}

// shown is the serial number of the certificate that a new handshake shows.
func (g *guarded) shown(t *testing.T) string {
	t.Helper()
	conn, err := tls.Dial("tcp", g.tls, g.client("device"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// TestReload changes passwords, rules and the certificate while clients are
// connected by every kind of door, and one is away. Who stays a user stays
// connected.
func TestReload(t *testing.T) {
	g := openGuarded(t)
	boss := g.enter(t, "tcp://"+g.tcp, "boss", "b")
	ann := g.enter(t, "tcp://"+g.tcp, "ann", "old")
	bob := g.enter(t, "ws://"+g.ws+"/mqtt", "bob", "b")
	device := g.enter(t, "tls://"+g.tls, "device", "")
	nobody := g.enter(t, "unix://"+g.unix, "nobody", "")
	stays := func(o *mqtt.ClientOptions) { o.SetClientID("carl").SetCleanSession(false) }
	carl := g.enter(t, "tcp://"+g.tcp, "carl", "c", stays)

	boss.subscribe("orders/done", "devices/device/state")
	ann.subscribe("house/#", "public/#")
	bob.subscribe("house/#", "public/#")
	device.subscribe("orders/to/+", "devices/device/to/+")
	nobody.subscribe("#")
	carl.subscribe("house/#", "public/#")
	carl.Disconnect(farewell)
	g.await(`msg="client disconnected".* client=carl\n`)
	fired := make(chan error, 1)
	g.enter(t, "tcp://"+g.tcp, "dirk", "d", func(o *mqtt.ClientOptions) {
		o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { fired <- err })
	})
	everywhere := []string{"house/1", "house/secret/1", "news/1", "orders/to/1", "devices/device/to/1", "public/1"}

	boss.say("before", everywhere...)
	ann.hears("house/1=before", "public/1=before")
	bob.hears("house/1=before", "house/secret/1=before", "public/1=before")
	device.hears("orders/to/1=before", "devices/device/to/1=before")
	nobody.hears("public/1=before")
	device.say("before", "orders/done", "devices/device/state")
	boss.hears("devices/device/state=before")
	before := g.shown(t)

	g.setPasswords(t, map[string]string{"boss": "b", "ann": "new", "bob": "b", "carl": "c", "eve": "e"})
	writeFile(t, g.rules, rulesAfter)
	g.issue("server")
	g.reload(t, reloaded, 1)
	select {
	case <-fired: // his user is gone
	case <-time.After(patience):
		t.Error("dirk is still connected")
	}

	boss.say("after", everywhere...)
	ann.hears("house/1=after", "house/secret/1=after", "public/1=after")
	bob.hears("public/1=after")
	device.hears("orders/to/1=after", "devices/device/to/1=after")
	nobody.hears("news/1=after")
	device.say("after", "devices/device/state", "orders/done")
	boss.hears("orders/done=after")
	// What waits for carl from before is not his any more.
	carl = g.enter(t, "tcp://"+g.tcp, "carl", "c", stays)
	carl.hears("public/1=before", "public/1=after")

	login := func() {
		t.Helper()
		g.enter(t, "tcp://"+g.tcp, "ann", "new")
		g.enter(t, "ws://"+g.ws+"/mqtt", "eve", "e")
		g.turnedAway(t, "ann", "old")
		g.turnedAway(t, "dirk", "d")
	}
	login()
	after := g.shown(t)
	if after == before {
		t.Errorf("a new handshake shows the certificate from before, %s", after)
	}

	// What cannot be used is said, with its place, and changes nothing.
	good := readFile(t, g.passwords)
	writeFile(t, g.passwords, good+"mallory without a colon\n")
	if says := g.reload(t, mistaken, 1); !strings.Contains(says, g.passwords+":6") {
		t.Errorf("of a broken password file the log says%s, want %s:6", says, g.passwords)
	}
	login()
	writeFile(t, g.passwords, good)
	certificate := filepath.Join(g.folder, "server.pem")
	goodCert := readFile(t, certificate)
	writeFile(t, certificate, "nonsense")
	if says := g.reload(t, mistaken, 2); !strings.Contains(says, certificate) {
		t.Errorf("of a broken certificate the log says%s, want %s", says, certificate)
	}
	if now := g.shown(t); now != after {
		t.Errorf("a new handshake shows the certificate %s, want %s", now, after)
	}
	writeFile(t, certificate, goodCert)
	g.setPasswords(t, map[string]string{"boss": "b", "ann": "newest", "bob": "b", "carl": "c", "eve": "e"})
	g.reload(t, reloaded, 2)
	g.turnedAway(t, "ann", "new")
	g.enter(t, "tcp://"+g.tcp, "ann", "newest")

	for _, c := range []*guest{boss, ann, bob, device, nobody, carl} {
		if !c.IsConnectionOpen() {
			t.Errorf("%s is not connected any more", c.name)
		}
	}
}

// connectAs is a CONNECT of MQTT 3.1.1, of a client id of less than 100 bytes.
func connectAs(id string) string {
	body := "\x00\x04MQTT\x04\x02\x00\x3c\x00" + string(byte(len(id))) + id
	return "\x10" + string(byte(len(body))) + body
}

// TestProxyProtocol comes from behind a proxy that says who the client is.
func TestProxyProtocol(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.issue("server")
	p := spawn(t, needBinary(t), "run", "-c", writeConfig(t, fmt.Sprintf(`
sensors: []
dashboard: {address: ""}
log: {level: debug}
broker:
  listeners:
    - {protocol: tcp, address: "127.0.0.1:0", proxy_protocol: true, allow_anonymous: true}
    - {protocol: tls, address: "127.0.0.1:0", proxy_protocol: true, allow_anonymous: true, tls: {certificate: %s, key: %s}}
    - {protocol: tcp, address: "127.0.0.1:0", allow_anonymous: true}
    - {protocol: tcp, address: "127.0.0.1:0", proxy_protocol: true, allow_anonymous: true, max_connections_per_address: 1}
`, cert, key)))
	at := doors(p, 4)
	tcp, locked, plain, limited := at[0], at[1], at[2], at[3]

	const signature = "\r\n\r\n\x00\r\nQUIT\n"
	v6 := "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x07"
	headers := []struct{ name, header, remote string }{ // remote "" is the proxy's own
		{"v1 IPv4", "PROXY TCP4 192.0.2.7 198.51.100.1 50001 1883\r\n", "192.0.2.7:50001"},
		{"v1 IPv6", "PROXY TCP6 2001:db8::8 2001:db8::1 50002 1883\r\n", "[2001:db8::8]:50002"},
		{"v1 unknown", "PROXY UNKNOWN\r\n", ""},
		{"v2 IPv4", signature + "\x21\x11\x00\x0c" + "\xc0\x00\x02\x09" + "\xc6\x33\x64\x01" + "\xc3\x53\x07\x5b", "192.0.2.9:50003"},
		{"v2 IPv6", signature + "\x21\x21\x00\x24" + v6 + v6 + "\xc3\x54\x07\x5b", "[2001:db8::7]:50004"},
		// A field that says more: 4, no operation, of 3 bytes.
		{"v2 fields", signature + "\x21\x11\x00\x12" + "\xc0\x00\x02\x0a" + "\xc6\x33\x64\x01" + "\xc3\x55\x07\x5b" + "\x04\x00\x03\x00\x00\x00", "192.0.2.10:50005"},
		{"v2 local", signature + "\x20\x00\x00\x00", ""},
	}
	dial := func(address, header string) net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(conn, header); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	// greeted wants a CONNACK that lets in, and the address in the log.
	greeted := func(name string, conn net.Conn, id, remote string) {
		t.Helper()
		answer := make([]byte, 4)
		if _, err := io.ReadFull(conn, answer); err != nil || !bytes.Equal(answer, []byte{0x20, 2, 0, 0}) {
			t.Fatalf("%s: CONNACK % x: %v", name, answer, err)
		}
		if remote == "" {
			remote = conn.LocalAddr().String()
		}
		p.await(`msg="client connected" .*remote=` + regexp.QuoteMeta(remote) + ` client=` + id + ` `)
	}
	for i, tt := range headers {
		id := fmt.Sprint("proxied-", i)
		greeted(tt.name, dial(tcp, tt.header+connectAs(id)), id, tt.remote)

		id = fmt.Sprint("encrypted-", i)
		config := a.client("")
		config.ServerName = "localhost"
		inner := tls.Client(dial(locked, tt.header), config)
		if _, err := io.WriteString(inner, connectAs(id)); err != nil {
			t.Fatal(err)
		}
		greeted(tt.name+", TLS", inner, id, tt.remote)
	}

	// silent wants the connection to end without an answer.
	silent := func(name string, conn net.Conn) {
		t.Helper()
		answer, err := io.ReadAll(conn)
		if len(answer) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: it answers % x, %v", name, answer, err)
		}
	}
	for name, bytes := range map[string]string{
		"no header": connectAs("refused"),
		"broken v1": "PROXY TCP4 192.0.2.7 nonsense 50001 1883\r\n" + connectAs("refused"),
		"broken v2": signature + "\x21\x11\x00\x04" + "\xc0\x00\x02\x09" + connectAs("refused"),
		"version 3": signature + "\x31\x11\x00\x0c" + "\xc0\x00\x02\x09" + "\xc6\x33\x64\x01" + "\xc3\x53\x07\x5b" + connectAs("refused"),
	} {
		conn := dial(tcp, bytes)
		silent(name, conn)
		p.await(`msg="connection refused" .*remote=` + regexp.QuoteMeta(conn.LocalAddr().String()) + ` reason=.*PROXY`)
	}
	silent("a header where none is expected", dial(plain, headers[0].header+connectAs("refused")))

	// Clients are counted by the address that the proxy tells.
	greeted("first", dial(limited, "PROXY TCP4 192.0.2.20 198.51.100.1 50001 1883\r\n"+connectAs("limit-1")), "limit-1", "192.0.2.20:50001")
	greeted("other", dial(limited, "PROXY TCP4 192.0.2.21 198.51.100.1 50001 1883\r\n"+connectAs("limit-2")), "limit-2", "192.0.2.21:50001")
	silent("a second client of one address", dial(limited, "PROXY TCP4 192.0.2.20 198.51.100.1 50002 1883\r\n"+connectAs("limit-3")))
	p.await(`msg="connection refused: as many of its address are open as may be" .*remote=192\.0\.2\.20`)
	if strings.Contains(p.text(), "client=refused") {
		t.Error("a connection that was refused has been heard")
	}
}
