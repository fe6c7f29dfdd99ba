// Package mdns makes the gateway be found by itself: it announces its services on the
// local network by multicast DNS (RFC 6762) and DNS-based service discovery (RFC
// 6763), so that Home Assistant, a phone or avahi-browse list it without anybody
// knowing an address.
//
// It announces what it is given and knows neither MQTT nor HTTP. What only this
// machine reaches is not to be given.
//
// # Names
//
// An instance is called "gateway on HOST". Its SRV record leads to a host name that
// is the gateway's own, HOST-gateway.local, and never to HOST.local: where
// avahi-daemon runs, as on Raspberry Pi OS, that name is Avahi's, and an address that
// we gave for it and Avahi does not have would make Avahi rename the machine. Names
// are probed for before they are used, and a number is put behind them if somebody
// else has them.
//
// # Beside Avahi
//
// Port 5353 is shared with SO_REUSEADDR: the kernel gives multicasts to every socket.
// A test has both in one network namespace, and Avahi itself lists and resolves us.
//
// # Why no library
//
// hashicorp/mdns v1.0.7, the one that can be had, was tried. Of what RFC 6762 says a
// responder must do it does not probe (8.1), not announce (8.3), not answer by
// multicast (6), not say goodbye (10.1) and not assert what does not exist (6.1), and
// it has one interface and one service. Measured with python-zeroconf on a pair of
// interfaces: who was browsing already saw the gateway 7 s after its start, when it
// happened to ask again, which it does ever more seldom, up to once an hour; and it
// never saw it leave. It also adds 1.9 MB to an ARMv6 binary. x/net's dnsmessage
// refuses every message that has a dot within a label, as many printers' names have.
// So the messages are written and read here, and the sockets are x/net's.
//
// # What it does not do
//
// It does not wait for more known answers after a truncated query longer than it
// delays its answer, does not suppress an answer that somebody else has just given,
// and does not remember across a restart that it was renamed. Each is a SHOULD, and
// costs a packet.
package mdns
