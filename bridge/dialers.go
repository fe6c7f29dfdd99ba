package bridge

import (
	"context"
	"log/slog"
	"net"
	"net/url"

	"gateway/bridge/link/dial"
)

// dialers make the connections of a bridge: the second one with what the preset
// wants on port 443, where several protocols share the door.
type dialers struct{ usual, on443 *dial.Dialer }

func newDialers(cfg Config, p Preset, log *slog.Logger) dialers {
	d := dialers{usual: dial.New(cfg.Line, log)}
	d.on443 = d.usual
	if p.ALPN != "" && len(cfg.Line.TLS.ALPN) == 0 {
		line := cfg.Line
		line.TLS.ALPN = []string{p.ALPN}
		d.on443 = dial.New(line, log)
	}
	return d
}

func (d dialers) dial(ctx context.Context, address string) (net.Conn, error) {
	if u, err := url.Parse(address); err == nil && u.Scheme == "mqtts" && u.Port() == "443" {
		return d.on443.Dial(ctx, address)
	}
	return d.usual.Dial(ctx, address)
}

func (d dialers) wire() (in, out int64) {
	in, out = d.usual.Wire()
	if d.on443 != d.usual {
		i, o := d.on443.Wire()
		in, out = in+i, out+o
	}
	return in, out
}
