package mdns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"golang.org/x/net/ipv4" // which interface a packet came by and goes out of
	"golang.org/x/net/ipv6"
)

const port = 5353

var (
	group4 = netip.MustParseAddrPort("224.0.0.251:5353")
	group6 = netip.MustParseAddrPort("[ff02::fb]:5353")
)

// packet is one that came in.
type packet struct {
	link int  // the index of the interface
	six  bool // by IPv6
	from netip.AddrPort
	data []byte
}

// transport is what packets come and go by. Its methods are called by one goroutine.
type transport interface {
	// join begins to hear what is said on an interface, and tells by which families.
	join(index int) (four, six bool)
	leave(index int)
	// send sends to a group if to is zero.
	send(index int, six bool, to netip.AddrPort, b []byte) error
	// packets gives what comes in; those that come too fast are dropped, and asked
	// again by whoever needs an answer.
	packets() <-chan packet
	// close ends everything and waits for it.
	close()
}

// sockets are a transport.
type sockets struct {
	four *ipv4.PacketConn // nil: this machine has no such family
	six  *ipv6.PacketConn
	in   chan packet

	readers sync.WaitGroup
}

// maxPacket is the largest message there may be (RFC 6762, section 17).
const maxPacket = 9000

// open shares port 5353 with whoever has it already.
func open() (transport, error) {
	s := &sockets{in: make(chan packet, 64)}
	// The address of a group has Go share the port (SO_REUSEADDR), and listen on all
	// addresses: unicasts come in, too.
	conn4, err4 := net.ListenPacket("udp4", group4.String())
	if err4 == nil {
		s.four = ipv4.NewPacketConn(conn4)
		err4 = errors.Join(s.four.SetControlMessage(ipv4.FlagInterface, true), s.four.SetMulticastTTL(255), s.four.SetTTL(255), s.four.SetMulticastLoopback(true))
	}
	conn6, err6 := net.ListenPacket("udp6", group6.String())
	if err6 == nil {
		s.six = ipv6.NewPacketConn(conn6)
		err6 = errors.Join(s.six.SetControlMessage(ipv6.FlagInterface, true), s.six.SetMulticastHopLimit(255), s.six.SetHopLimit(255), s.six.SetMulticastLoopback(true))
	}
	if s.four == nil && s.six == nil || s.four != nil && err4 != nil {
		s.close()
		return nil, fmt.Errorf("UDP port %d: %w", port, errors.Join(err4, err6))
	}
	if s.four != nil {
		s.readers.Go(s.read4)
	}
	if s.six != nil {
		s.readers.Go(s.read6)
	}
	return s, nil
}

func (s *sockets) read4() {
	b := make([]byte, maxPacket)
	for {
		n, cm, from, err := s.four.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && cm != nil {
			s.deliver(packet{link: cm.IfIndex}, from, b[:n])
		}
	}
}

func (s *sockets) read6() {
	b := make([]byte, maxPacket)
	for {
		n, cm, from, err := s.six.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && cm != nil {
			s.deliver(packet{link: cm.IfIndex, six: true}, from, b[:n])
		}
	}
}

func (s *sockets) deliver(p packet, from net.Addr, b []byte) {
	udp, ok := from.(*net.UDPAddr)
	if !ok {
		return
	}
	p.from = udp.AddrPort()
	p.from = netip.AddrPortFrom(p.from.Addr().Unmap().WithZone(""), p.from.Port())
	p.data = append([]byte(nil), b...)
	select {
	case s.in <- p:
	default:
	}
}

func (s *sockets) packets() <-chan packet { return s.in }

func (s *sockets) join(index int) (four, six bool) {
	ifi := &net.Interface{Index: index}
	if s.four != nil {
		four = s.four.JoinGroup(ifi, &net.UDPAddr{IP: group4.Addr().AsSlice()}) == nil
	}
	if s.six != nil {
		six = s.six.JoinGroup(ifi, &net.UDPAddr{IP: group6.Addr().AsSlice()}) == nil
	}
	return four, six
}

func (s *sockets) leave(index int) {
	ifi := &net.Interface{Index: index}
	if s.four != nil {
		_ = s.four.LeaveGroup(ifi, &net.UDPAddr{IP: group4.Addr().AsSlice()}) // it may be gone
	}
	if s.six != nil {
		_ = s.six.LeaveGroup(ifi, &net.UDPAddr{IP: group6.Addr().AsSlice()})
	}
}

func (s *sockets) send(index int, six bool, to netip.AddrPort, b []byte) error {
	if six {
		if !to.IsValid() {
			to = group6
		}
		dst := net.UDPAddrFromAddrPort(to)
		dst.Zone = strconv.Itoa(index)
		_, err := s.six.WriteTo(b, &ipv6.ControlMessage{IfIndex: index}, dst)
		return err
	}
	if !to.IsValid() {
		to = group4
	}
	_, err := s.four.WriteTo(b, &ipv4.ControlMessage{IfIndex: index}, net.UDPAddrFromAddrPort(to))
	return err
}

func (s *sockets) close() {
	if s.four != nil {
		_ = s.four.Close()
	}
	if s.six != nil {
		_ = s.six.Close()
	}
	s.readers.Wait()
}
