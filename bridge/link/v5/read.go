package v5

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/eclipse/paho.golang/packets"

	"gateway/broker/packet"
)

// stamped reads from the connection and notes when something came: any byte is
// a sign of life, so that a large message on a slow line is.
type stamped struct{ c *conn }

// Read implements io.Reader.
func (s stamped) Read(b []byte) (int, error) {
	n, err := s.c.nc.Read(b)
	if n > 0 {
		s.c.bytesAt.Store(int64(s.c.now()))
	}
	return n, err
}

// read handles packets until the connection ends. Then the upstream may have to
// get rid of what it writes before it reads our DISCONNECT; otherwise there is
// nothing more to read.
func (c *conn) read(ctx context.Context) {
	for {
		err := c.next(ctx)
		if err != nil {
			c.fail(err)
		}
		select {
		case <-c.quit:
			_, _ = io.Copy(io.Discard, c.nc)
			return
		default:
		}
	}
}

// next reads a packet and does what it asks for.
func (c *conn) next(ctx context.Context) error {
	first, body, err := c.reader.Next()
	if err != nil {
		return readError(err)
	}
	c.heardAt.Store(int64(c.now()))
	if first>>4 == packets.PUBLISH {
		m, err := decodePublish(first, body)
		if err != nil {
			return err
		}
		return c.message(ctx, m)
	}
	p, err := decode(first, body)
	if err != nil {
		return err
	}
	return c.handle(ctx, p, first)
}

func readError(err error) error {
	var fault *packet.Error
	switch {
	case errors.As(err, &fault):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the upstream closed the connection: %w", err)
	}
	return fmt.Errorf("read: %w", err)
}

func (c *conn) handle(ctx context.Context, p packets.Packet, first byte) error {
	switch p := p.(type) {
	case *packets.Puback:
		return c.puback(p)
	case *packets.Pubrec:
		return c.pubrec(ctx, p)
	case *packets.Pubcomp:
		return c.pubcomp(p)
	case *packets.Pubrel:
		return c.pubrel(ctx, p)
	case *packets.Suback:
		return c.replied(p.PacketID, p)
	case *packets.Unsuback:
		return c.replied(p.PacketID, p)
	case *packets.Pingresp:
		return nil // stamped noticed it
	case *packets.Disconnect:
		return refusedBy("DISCONNECT", p.ReasonCode, p.Properties)
	}
	return broken(packet.ProtocolError, "", "%s from an upstream", name(first))
}
