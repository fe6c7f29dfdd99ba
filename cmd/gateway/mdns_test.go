package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// network is a network of one machine that nobody else hears, in namespaces of its
// own, with a D-Bus for Avahi.
type network struct {
	t   *testing.T
	pid string
	bus string
}

// ownNetwork makes one with the interface lan0, 10.78.0.1/24.
func ownNetwork(t *testing.T) *network {
	t.Helper()
	unshare, ip := need(t, "unshare", "util-linux"), need(t, "ip", "iproute2")
	need(t, "nsenter", "util-linux")
	if os.Getuid() != 0 {
		skipOrFail(t, "only root may make a network of its own; run the test as root")
	}
	// The other end of the pair has no address, and is nobody.
	holder := spawn(t, unshare, "--net", "--mount", "/bin/sh", "-ec", strings.ReplaceAll(`
		IP link set lo up
		IP link add lan0 type veth peer name lan1
		IP link set lan1 addrgenmode none up
		IP address add 10.78.0.1/24 dev lan0
		IP link set lan0 up
		mkdir -p /run/avahi-daemon
		mount -t tmpfs none /run/avahi-daemon
		echo the network is there
		exec sleep 600`, "IP", ip))
	holder.await("the network is there")
	return &network{t, fmt.Sprint(holder.cmd.Process.Pid), filepath.Join(t.TempDir(), "bus")}
}

// in returns a command for the network, whose D-Bus is the system's there.
func (n *network) in(program string, args ...string) (string, []string) {
	return need(n.t, "nsenter", "util-linux"), append([]string{"--target", n.pid, "--net", "--mount", "--", "/usr/bin/env", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + n.bus, program}, args...)
}

func (n *network) spawn(program string, args ...string) *process {
	n.t.Helper()
	name, all := n.in(program, args...)
	return spawn(n.t, name, all...)
}

func (n *network) command(program string, args ...string) string {
	n.t.Helper()
	name, all := n.in(program, args...)
	return command(n.t, name, all...)
}

// avahi runs Avahi as Raspberry Pi OS does, for a machine that is called testpi.
func (n *network) avahi() *process {
	n.t.Helper()
	dbus, avahi := need(n.t, "dbus-daemon", "dbus"), need(n.t, "avahi-daemon", "avahi-daemon")
	dir := n.t.TempDir()
	busConf, avahiConf := filepath.Join(dir, "bus.conf"), filepath.Join(dir, "avahi.conf")
	for file, text := range map[string]string{
		busConf: `<busconfig><type>system</type><listen>unix:path=` + n.bus + `</listen><auth>EXTERNAL</auth><policy context="default">
			<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/><allow user="*"/></policy></busconfig>`,
		avahiConf: "[server]\nhost-name=testpi\nuse-ipv4=yes\nuse-ipv6=yes\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			n.t.Fatal(err)
		}
	}
	n.spawn(dbus, "--config-file="+busConf, "--nofork", "--nopidfile", "--print-address").await("unix:path=")
	p := n.spawn(avahi, "-f", avahiConf, "--no-drop-root", "--no-chroot", "--no-rlimits")
	p.await(`Server startup complete\. Host name is testpi\.local`)
	return p
}

// gateway runs one whose page and one of its listeners others reach.
func (n *network) gateway() *process {
	n.t.Helper()
	g := n.spawn(needBinary(n.t), "run", "-v", "-c", writeConfig(n.t, `
site: home
sensors: []
broker:
  listeners:
    - {protocol: tcp, address: ":1883", allow_anonymous: true}
    - {protocol: ws, address: ":9001", allow_anonymous: true}
    - {protocol: tcp, address: "127.0.0.1:1884"}
dashboard:
  address: ":8080"
  allow_anonymous: true
`))
	return g
}

// TestAvahiFindsTheGateway has both on one machine, as on Raspberry Pi OS: they share
// the port, Avahi lists and resolves what the gateway announces, hears that it is
// gone, and keeps its own name all the while.
func TestAvahiFindsTheGateway(t *testing.T) {
	browse, resolve := need(t, "avahi-browse", "avahi-utils"), need(t, "avahi-resolve", "avahi-utils")
	n := ownNetwork(t)
	avahi := n.avahi()
	list := n.spawn(browse, "--all", "--resolve", "--parsable")
	g := n.gateway()
	host := g.await(`msg="announced by mDNS" .*host=(\S+-gateway\.local)`)[1]
	list.await(`(?m)^=;lan0;IPv4;gateway\\032on\\032\S+;_mqtt\._tcp;local;` + host + `;10\.78\.0\.1;1883;.*"ws=9001".*"site=home"`)
	list.await(`(?m)^=;lan0;IPv4;gateway\\032on\\032\S+;Web Site;local;` + host + `;10\.78\.0\.1;8080;.*"path=/"`)
	if got := n.command(resolve, "-4", "-n", host); !strings.Contains(got, "10.78.0.1") {
		t.Errorf("%s is %s", host, got)
	}
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	list.await(`(?m)^-;lan0;IPv4;gateway\\032on\\032\S+;_mqtt\._tcp;local`)
	list.await(`(?m)^-;lan0;IPv4;gateway\\032on\\032\S+;Web Site;local`)
	if text := list.text(); strings.Contains(text, ";1884;") {
		t.Errorf("a listener of this machine only is announced:\n%s", text)
	}
	if text := avahi.text(); strings.Contains(text, "conflict") || strings.Contains(text, "testpi-2") {
		t.Errorf("Avahi had to defend its name:\n%s", text)
	}
}

// zeroconfBrowser prints what python-zeroconf, which Home Assistant uses, sees come
// and go.
const zeroconfBrowser = `
import sys, time
from zeroconf import Zeroconf, ServiceBrowser
class Listener:
    def add_service(self, z, kind, name):
        i = z.get_service_info(kind, name, 30000)
        print("came", name, i.server, i.port, i.parsed_addresses()[0], i.properties, flush=True)
    def remove_service(self, z, kind, name): print("went", name, flush=True)
    def update_service(self, z, kind, name): pass
z = Zeroconf(interfaces=["10.78.0.1"])
ServiceBrowser(z, ["_mqtt._tcp.local.", "_http._tcp.local."], Listener())
print("browsing", flush=True)
time.sleep(300)
`

// TestZeroconfFindsTheGateway: who browses already hears of it when it starts, and
// when it stops.
func TestZeroconfFindsTheGateway(t *testing.T) {
	const python = "/usr/bin/python3" // Debian's, which has Debian's packages
	if _, err := os.Stat("/usr/lib/python3/dist-packages/zeroconf"); err != nil {
		skipOrFail(t, "zeroconf is not installed: apt-get install python3-zeroconf, or run make test")
	}
	n := ownNetwork(t)
	browser := n.spawn(python, "-c", zeroconfBrowser)
	browser.await("browsing")
	g := n.gateway()
	browser.await(`came gateway on \S+\._mqtt\._tcp\.local\. \S+-gateway\.local\. 1883 10\.78\.0\.1 .*b'ws': b'9001'`)
	browser.await(`came gateway on \S+\._http\._tcp\.local\. \S+-gateway\.local\. 8080 10\.78\.0\.1 .*b'path': b'/'`)
	const asking = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:8080/api/v1/connect').read().decode())"
	if text := n.command(python, "-c", asking); !regexp.MustCompile(`"mdns":"\S+-gateway\.local"`).MatchString(text) {
		t.Errorf("the page Connect is told %s", text)
	}
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	browser.await(`went gateway on \S+\._mqtt\._tcp\.local\.`)
	browser.await(`went gateway on \S+\._http\._tcp\.local\.`)
}
