package v5

import (
	"context"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

func TestConnectSaysWhatHelloAsksFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := link.Hello{
			ClientID: "gw", CleanStart: true, SessionExpiry: 1500 * time.Millisecond, Username: "u", Password: "p",
			KeepAlive: 30 * time.Second, MaxPacketSize: 1000, ReceiveMaximum: 7,
			Will: &link.Message{Topic: "w", Payload: []byte("gone"), QoS: 1, Retain: true, Expiry: time.Hour,
				Properties: &packet.Properties{ContentType: packet.Some("text/plain"), User: []packet.UserProperty{{Name: "a", Value: "1"}}}},
		}
		_, f := open(t, h, nil, newSession())
		want := &packet.Connect{
			Version: packet.V5, CleanStart: true, KeepAlive: 30, ClientID: "gw", Username: packet.Some("u"), Password: []byte("p"),
			Properties: &packet.Properties{SessionExpiry: packet.Some[uint32](2), ReceiveMaximum: packet.Some[uint16](7), MaximumPacketSize: packet.Some[uint32](1000)},
			Will: &packet.Will{Topic: "w", Payload: []byte("gone"), QoS: 1, Retain: true,
				Properties: &packet.Properties{MessageExpiry: packet.Some[uint32](3600), ContentType: packet.Some("text/plain"), User: []packet.UserProperty{{Name: "a", Value: "1"}}}},
		}
		if !reflect.DeepEqual(f.connect, want) {
			t.Errorf("CONNECT is\n%+v, want\n%+v", f.connect, want)
		}
	})
}

func TestLimitsAreThoseOfConnack(t *testing.T) {
	for name, test := range map[string]struct {
		p    *packet.Properties
		want link.Limits
	}{
		"nothing": {nil, link.Limits{MaxQoS: 2, ReceiveMaximum: 65535, KeepAlive: time.Minute, ClientID: "gw", SessionExpiry: time.Hour}},
		"all": {&packet.Properties{
			MaximumQoS: packet.Some[byte](1), RetainAvailable: packet.Some[byte](0), WildcardSubscriptionAvailable: packet.Some[byte](0),
			ReceiveMaximum: packet.Some[uint16](9), MaximumPacketSize: packet.Some[uint32](128 << 10), ServerKeepAlive: packet.Some[uint16](20),
			AssignedClientID: packet.Some("x"), SessionExpiry: packet.Some[uint32](5), ServerReference: packet.Some("other"),
		}, link.Limits{MaxQoS: 1, NoRetain: true, NoWildcard: true, ReceiveMaximum: 9, MaxPacketSize: 128 << 10, KeepAlive: 20 * time.Second,
			ClientID: "x", SessionExpiry: 5 * time.Second, ServerReference: "other"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l, _ := open(t, link.Hello{ClientID: "gw", KeepAlive: time.Minute, SessionExpiry: time.Hour}, &packet.Connack{SessionPresent: true, Properties: test.p}, newSession())
				if got := l.Limits(); got != test.want {
					t.Errorf("limits are\n%+v, want\n%+v", got, test.want)
				}
				if !l.Present() {
					t.Error("the session is present, and Present says no")
				}
			})
		})
	}
}

// answered connects to an upstream that answers CONNECT with bytes, and closes
// if there are none.
func answered(t *testing.T, answer []byte) error {
	t.Helper()
	conn, f := pipe(t, false)
	go func() {
		<-f.in
		if answer == nil {
			f.conn.Close()
			return
		}
		_, _ = f.conn.Write(answer)
	}()
	l, err := Upstream{}.Connect(t.Context(), conn, link.Hello{ClientID: "gw", CleanStart: true}, newSession())
	if err == nil {
		l.Close()
		t.Fatal("connected")
	}
	if _, err := conn.Write([]byte{0}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the connection is open after a refusal: %v", err)
	}
	return err
}

func TestConnackWithACodeIsARefusal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		err := answered(t, encode(t, &packet.Connack{Code: packet.UseAnotherServer, Properties: &packet.Properties{
			ServerReference: packet.Some("b.example"), ReasonString: packet.Some("moving")}}))
		if r := refused(t, err, "CONNACK", link.UseAnotherServer); r.Server != "b.example" || r.Reason != "moving" {
			t.Errorf("refused %+v", r)
		}
	})
}

// Brokers without MQTT 5 answer as they know.
func TestConnackOfMQTT3IsARefusal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		refused(t, answered(t, []byte{0x20, 2, 0, 1}), "CONNACK", link.UnsupportedVersion)
	})
}

func TestDisconnectInAnswerToConnectIsARefusal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		refused(t, answered(t, encode(t, &packet.Disconnect{Code: packet.ServerBusy})), "DISCONNECT", link.ServerBusy)
	})
}

// The first two are what the client of paho dies of.
func TestConnectSurvivesWhatIsNoAnswer(t *testing.T) {
	for name, answer := range map[string][]byte{
		"authentication method":  encode(t, &packet.Connack{Code: packet.NotAuthorized, Properties: &packet.Properties{AuthMethod: packet.Some("x")}}),
		"length of five bytes":   {0x20, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"properties of 4 GiB":    {0x20, 8, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0},
		"AUTH":                   encode(t, &packet.Auth{Code: packet.ContinueAuthentication, Properties: &packet.Properties{AuthMethod: packet.Some("x")}}),
		"PINGRESP":               {0xd0, 0},
		"type 0":                 {0, 0},
		"empty CONNACK":          {0x20, 0},
		"session present":        {0x20, 3, 1, 0, 0},
		"receive maximum 0":      {0x20, 6, 0, 0, 3, 0x21, 0, 0},
		"accepted as MQTT 3.1.1": {0x20, 2, 0, 0},
		"nothing":                nil,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { t.Log(answered(t, answer)) })
		})
	}
}

func TestConnackWithAnAuthenticationMethodIsAccepted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		open(t, link.Hello{}, &packet.Connack{Properties: &packet.Properties{AuthMethod: packet.Some("x")}}, newSession())
	})
}

func TestConnectEndsWithItsContext(t *testing.T) {
	for name, deaf := range map[string]bool{"no answer": false, "takes nothing": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				conn, _ := pipe(t, deaf)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if _, err := (Upstream{}).Connect(ctx, conn, link.Hello{}, newSession()); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

func TestConnectSendsNothingThatCannotBeEncoded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		conn, _ := pipe(t, false)
		_, err := Upstream{}.Connect(t.Context(), conn, link.Hello{Will: &link.Message{Topic: "w", Payload: make([]byte, 70_000)}}, newSession())
		if err == nil {
			t.Error("connected with a will of 70,000 bytes")
		}
	})
}
