package v3

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// attempt connects; the upstream's part is answer, after CONNECT came.
func attempt(t *testing.T, ctx context.Context, h link.Hello, answer func(f *far)) error {
	t.Helper()
	conn, f := dialled(t)
	done := make(chan error)
	go func() {
		l, err := Upstream{}.Connect(ctx, conn, h, &script{})
		if err == nil {
			l.Close()
		}
		done <- err
	}()
	f.read()
	answer(f)
	err := <-done
	f.conn.Close()
	return err
}

func TestRefusalsSayWhy(t *testing.T) {
	for code, want := range map[byte]byte{
		1: link.UnsupportedVersion, 2: link.ClientIDNotValid, 3: link.ServerUnavailable,
		4: link.BadUserNameOrPassword, 5: link.NotAuthorized, 6: link.Unspecified, 0x97: link.Unspecified,
	} {
		synctest.Test(t, func(t *testing.T) {
			err := attempt(t, t.Context(), hello(), func(f *far) { f.raw([]byte{0x20, 2, 0, code}) })
			var no *link.Refused
			if !errors.As(err, &no) || no.Packet != "CONNACK" || no.Code != want {
				t.Errorf("return code %d: %v", code, err)
			}
			if strings.Contains(err.Error(), "what is not allowed") {
				t.Errorf("return code %d is told as a breach of MQTT: %v", code, err)
			}
		})
	}
}

func TestAnUpstreamWithoutCONNACKIsNamed(t *testing.T) {
	tests := map[string]struct {
		answer func(f *far)
		want   string
	}{
		"closes": {func(f *far) { f.conn.Close() }, "without CONNACK"}, // RabbitMQ, for the bridge bit
		"hangs":  {func(f *far) {}, "does not answer CONNECT"},         // mosca
		"speaks": {func(f *far) { f.raw([]byte{0xd0, 0}) }, "before CONNACK"},
		"babble": {func(f *far) { f.raw([]byte("HTTP/1.1 400 Bad Request\r\n")[:10]); f.conn.Close() }, "CONNACK"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if err := attempt(t, ctx, hello(), test.answer); err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, want %q", err, test.want)
				}
			})
		})
	}
}

func TestCONNECTSaysWhatHelloHas(t *testing.T) {
	h := link.Hello{
		ClientID: "pi", Username: "u", Password: "p", KeepAlive: 90 * time.Second, Bridge: true,
		Will: &link.Message{Topic: "w", Payload: []byte{0, 1}, QoS: 2, Retain: true},
	}
	for _, v31 := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h.V31 = v31
			conn, f := dialled(t)
			done := make(chan link.Link)
			go func() {
				l, err := Upstream{}.Connect(t.Context(), conn, h, &script{})
				if err != nil {
					t.Error(err)
				}
				done <- l
			}()
			c, ok := f.read().(*packet.Connect)
			version := packet.V311
			if v31 {
				version = packet.V31
			}
			if !ok || c.Version != version || !c.Bridge || !c.CleanStart || c.KeepAlive != 90 || c.ClientID != "pi" ||
				c.Username.V != "u" || string(c.Password) != "p" ||
				c.Will == nil || c.Will.Topic != "w" || string(c.Will.Payload) != "\x00\x01" || c.Will.QoS != 2 || !c.Will.Retain {
				t.Errorf("CONNECT %+v, will %+v", c, c.Will)
			}
			f.send(&packet.Connack{SessionPresent: true})
			l := <-done
			if l.Present() == v31 { // 3.1 does not say
				t.Errorf("present %v", l.Present())
			}
			f.conn.Close()
			<-l.Lost()
		})
	}
}

func TestAPasswordNeedsAUserName(t *testing.T) {
	conn, f := dialled(t)
	if _, err := (Upstream{}).Connect(t.Context(), conn, link.Hello{Password: "p"}, &script{}); err == nil || !strings.Contains(err.Error(), "user name") {
		t.Error(err)
	}
	if _, _, err := f.reader.Next(); err == nil {
		t.Error("the connection is open")
	}
}

func TestACleanStartOfAKeptSessionTakesTwoConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, f1 := dialled(t)
		second, f2 := dialled(t)
		h := hello()
		h.CleanStart = true
		h.Will = &link.Message{Topic: "w"}
		h.Dial = func(context.Context) (net.Conn, error) { return second, nil }
		done := make(chan link.Link)
		go func() {
			l, err := Upstream{}.Connect(t.Context(), first, h, &script{})
			if err != nil {
				t.Error(err)
			}
			done <- l
		}()
		if c := f1.read().(*packet.Connect); !c.CleanStart || c.Will != nil {
			t.Errorf("first CONNECT %+v", c)
		}
		f1.send(&packet.Connack{})
		f1.want(&packet.Disconnect{})
		if c := f2.read().(*packet.Connect); c.CleanStart || c.Will == nil {
			t.Errorf("second CONNECT %+v", c)
		}
		f2.send(&packet.Connack{})
		l := <-done
		f2.conn.Close()
		<-l.Lost()
	})
	conn, _ := dialled(t)
	if _, err := (Upstream{}).Connect(t.Context(), conn, link.Hello{CleanStart: true, SessionExpiry: 1}, &script{}); err == nil || !strings.Contains(err.Error(), "Hello.Dial") {
		t.Error(err)
	}
}

func TestAPacketThatIsTooLargeEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hello()
		h.MaxPacketSize = 100
		l, f := connected(t, h, &script{}, false)
		f.raw([]byte{0x30, 0xff, 0xff, 0x7f})
		<-l.Lost()
		if err := l.Cause(); !strings.Contains(err.Error(), "at most 100") {
			t.Error(err)
		}
	})
}
