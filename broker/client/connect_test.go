package client

import (
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

func TestConnect(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		o := Options{
			Version:    v,
			ClientID:   "id",
			CleanStart: true,
			KeepAlive:  1500 * time.Millisecond,
			Username:   packet.Some("user"),
			Password:   []byte("secret"),
			Will:       &packet.Will{Topic: "will", Payload: []byte("gone"), QoS: 1, Retain: true},
		}
		c, p := dial(t, o, nil)
		want := &packet.Connect{
			Version: v, ClientID: "id", CleanStart: true, KeepAlive: 2,
			Username: o.Username, Password: o.Password, Will: o.Will,
		}
		if !reflect.DeepEqual(p.connect, want) {
			t.Errorf("sent %+v, want %+v", p.connect, want)
		}
		if c.Connack().Code != packet.Success || c.Err() != nil {
			t.Errorf("CONNACK %+v, Err %v", c.Connack(), c.Err())
		}
	})
}

func TestConnectProperties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		given := &packet.Properties{SessionExpiry: packet.Some(uint32(60))}
		_, p := dial(t, Options{Version: packet.V5, Properties: given, MaxPacketSize: 1000}, nil)
		want := &packet.Properties{SessionExpiry: packet.Some(uint32(60)), MaximumPacketSize: packet.Some(uint32(1000))}
		if !reflect.DeepEqual(p.connect.Properties, want) {
			t.Errorf("sent %+v, want %+v", p.connect.Properties, want)
		}
		if given.MaximumPacketSize.OK {
			t.Error("the caller's properties were changed")
		}
	})
}

// A session that is resumed is not held against the server.
func TestSessionPresent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := dial(t, Options{ClientID: "id"}, &packet.Connack{SessionPresent: true})
		if !c.Connack().SessionPresent {
			t.Error("the session is not there")
		}
	})
}

func TestOptionsRefused(t *testing.T) {
	props := func(p packet.Properties) Options { return Options{Version: packet.V5, Properties: &p} }
	tests := map[string]struct {
		o     Options
		words string
	}{
		"version":         {Options{Version: 6}, "protocol version 6"},
		"no version":      {Options{Version: 2}, "protocol version 2"},
		"keep-alive":      {Options{KeepAlive: -1}, "keep-alive of -1ns"},
		"long keep-alive": {Options{KeepAlive: 19 * time.Hour}, "keep-alive of 19h"},
		"packet size":     {Options{MaxPacketSize: -1}, "packet size of -1"},
		"big packet size": {Options{MaxPacketSize: 1 << 30}, "packet size of 1073741824"},
		"buffer":          {Options{Buffer: -1}, "buffer of -1"},
		"aliases":         {props(packet.Properties{TopicAliasMaximum: packet.Some(uint16(1))}), "topic aliases"},
		"authentication":  {props(packet.Properties{AuthMethod: packet.Some("SCRAM")}), "extended authentication"},
		"size twice":      {props(packet.Properties{MaximumPacketSize: packet.Some(uint32(1))}), "Options.MaxPacketSize"},
		"long client ID":  {Options{ClientID: strings.Repeat("x", 70_000)}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			here, there := net.Pipe()
			defer there.Close()
			c, err := Connect(t.Context(), here, test.o)
			if c != nil {
				t.Error("there is a client")
			}
			wantError(t, err, test.words)
			if _, err := here.Write([]byte{0}); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("the connection is not closed: %v", err)
			}
		})
	}
}

// refusedWith connects to a server that answers with these bytes and closes.
func refusedWith(t *testing.T, o Options, answer []byte) error {
	t.Helper()
	conn, p := pipe(t, o.Version, false)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		<-p.in
		_, _ = p.conn.Write(answer)
		p.conn.Close()
	}()
	c, err := Connect(t.Context(), conn, o)
	if c != nil {
		t.Fatal("there is a client")
	}
	<-answered
	return err
}

func TestConnectRefused(t *testing.T) {
	tests := map[string]struct {
		v     packet.Version
		ack   packet.Connack
		words string
	}{
		"3.1 version":      {packet.V31, packet.Connack{Code: packet.UnsupportedProtocolVersion}, "connect: MQTT 3.1 connection refused, unacceptable protocol version (return code 1)"},
		"3.1.1 version":    {packet.V311, packet.Connack{Code: packet.UnsupportedProtocolVersion}, "connect: MQTT 3.1.1 connection refused, unacceptable protocol version (return code 1)"},
		"3.1.1 identifier": {packet.V311, packet.Connack{Code: packet.ClientIdentifierNotValid}, "identifier rejected (return code 2)"},
		"3.1.1 server":     {packet.V311, packet.Connack{Code: packet.ServerUnavailable}, "server unavailable (return code 3)"},
		"3.1.1 password":   {packet.V311, packet.Connack{Code: packet.BadUserNameOrPassword}, "bad user name or password (return code 4)"},
		"3.1.1 authorized": {packet.V311, packet.Connack{Code: packet.NotAuthorized}, "not authorized (return code 5): the client is not authorized to connect"},
		"5.0 banned":       {packet.V5, packet.Connack{Code: packet.Banned}, "MQTT 5.0 connection refused: Banned (0x8A)"},
		"5.0 with words": {packet.V5, packet.Connack{Code: packet.UseAnotherServer, Properties: &packet.Properties{
			ReasonString: packet.Some("full\n"), ServerReference: packet.Some("other:1883"),
		}}, `Use another server (0x9C), "full\n", go to server "other:1883"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answer, err := test.ack.Append(nil, test.v)
				if err != nil {
					t.Fatal(err)
				}
				err = refusedWith(t, Options{Version: test.v, CleanStart: true}, answer)
				wantError(t, err, test.words)
				var refused *ConnectError
				if !errors.As(err, &refused) || refused.Code != test.ack.Code || refused.Version != test.v {
					t.Errorf("%#v is no *ConnectError with %v", err, test.ack.Code)
				}
			})
		})
	}
}

// Answers that are no good CONNACK.
func TestConnectBadAnswers(t *testing.T) {
	tests := map[string]struct {
		v      packet.Version
		answer []byte
		words  string
		code   packet.ReasonCode
	}{
		"nothing":                   {packet.V311, nil, "closed the connection without an answer", 0},
		"half":                      {packet.V311, []byte{0x20, 2, 0}, "unexpected EOF", 0},
		"PINGRESP [MQTT-3.2.0-1]":   {packet.V311, []byte{0xd0, 0}, "answered CONNECT with PINGRESP", packet.ProtocolError},
		"HTTP":                      {packet.V5, []byte("HTTP/1.1 400 Bad Request\r\n\r\n" + strings.Repeat(" ", 100)), "", packet.MalformedPacket},
		"present [MQTT-3.2.2-2]":    {packet.V311, []byte{0x20, 2, 1, 0}, "a session is present after a clean start", packet.ProtocolError},
		"return code 6":             {packet.V311, []byte{0x20, 2, 0, 6}, "return code 6", packet.MalformedPacket},
		"length":                    {packet.V5, []byte{0x20, 0xff, 0xff, 0xff, 0xff, 1}, "", packet.MalformedPacket},
		"5.0 server of 3.1.1 words": {packet.V5, []byte{0x20, 2, 0, 1}, "Unsupported Protocol Version", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := refusedWith(t, Options{Version: test.v, CleanStart: true}, test.answer)
				wantError(t, err, test.words)
				if got := faultOf(err); got != test.code {
					t.Errorf("%v: code %v, want %v", err, got, test.code)
				}
			})
		})
	}
}

func TestConnectContext(t *testing.T) {
	for name, deaf := range map[string]bool{"no CONNACK": false, "CONNECT not read": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, p := pipe(t, packet.V311, deaf)
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				start := time.Now()
				_, err := Connect(ctx, conn, Options{CleanStart: true})
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
				if !deaf {
					expect[*packet.Connect](p)
					p.closed()
				}
			})
		})
	}
}

// ctx is for connecting only.
func TestConnectContextEndsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, p := pipe(t, packet.V311, false)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-p.in
			p.send(new(packet.Connack))
		}()
		c, err := Connect(ctx, conn, Options{CleanStart: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		cancel()
		p.quiet()
		p.send(message("a", "1", 0, 0))
		next(t, c, "1")
	})
}
