package mdns

import (
	"net"
	"net/netip"
	"slices"
)

// place is an interface that services can be announced on.
type place struct {
	index    int
	name     string
	prefixes []netip.Prefix // its addresses, with the size of their networks
}

// places returns the interfaces that are up, can multicast and lead to others, of
// which cfg may name some. A tunnel to one other machine is none.
func places(cfg Config) ([]place, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var found []place
	for _, ifi := range all {
		if ifi.Flags&net.FlagUp == 0 || ifi.Flags&net.FlagMulticast == 0 || ifi.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		if len(cfg.Interfaces) > 0 && !slices.Contains(cfg.Interfaces, ifi.Name) {
			continue
		}
		addrs, err := ifi.Addrs()
		if err != nil {
			continue // it has just gone
		}
		p := place{index: ifi.Index, name: ifi.Name}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				p.prefixes = append(p.prefixes, prefix)
			}
		}
		if len(p.prefixes) > 0 {
			found = append(found, p)
		}
	}
	return found, nil
}

func (p place) equal(q place) bool {
	return p.index == q.index && p.name == q.name && slices.Equal(p.prefixes, q.prefixes)
}

// addresses are those that others reach this machine by. One that needs to be said
// with its interface, as only few programs do, is only among them if there is no other.
func (p place) addresses() (all []netip.Addr) {
	var spare []netip.Addr
	for _, prefix := range p.prefixes {
		switch a := prefix.Addr(); {
		case a.Is6() && a.IsLinkLocalUnicast():
			spare = append(spare, a)
		default:
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		return spare
	}
	return all
}

// near tells whether an address is on this link, and not further (RFC 6762, section
// 11).
func (p place) near(a netip.Addr) bool {
	return a.IsLinkLocalUnicast() || slices.ContainsFunc(p.prefixes, func(n netip.Prefix) bool { return n.Contains(a) })
}
