package v5

import (
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

func TestAQuietConnectionIsPinged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f := open(t, link.Hello{KeepAlive: time.Minute}, nil, newSession())
		if n := f.pings(time.Hour); n < 60 || n > 96 {
			t.Errorf("%d PINGREQ in an hour, with a keep-alive of a minute", n)
		}
		select {
		case <-l.Lost():
			t.Error(l.Cause())
		default:
		}
		if silence := time.Since(l.LastHeard()); silence > time.Minute {
			t.Errorf("last heard %v ago", silence)
		}
	})
}

func TestTheKeepAliveIsTheUpstreams(t *testing.T) {
	for name, test := range map[string]struct{ ours, theirs, least, most int }{"shorter": {600, 60, 60, 96}, "longer": {10, 600, 6, 10}, "none": {10, 0, 0, 0}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ack := &packet.Connack{Properties: &packet.Properties{ServerKeepAlive: packet.Some(uint16(test.theirs))}}
				_, f := open(t, link.Hello{KeepAlive: time.Duration(test.ours) * time.Second}, ack, newSession())
				if n := f.pings(time.Hour); n < test.least || n > test.most {
					t.Errorf("%d PINGREQ in an hour, want %d to %d", n, test.least, test.most)
				}
			})
		})
	}
}

// Whenever the line dies, whatever is written to it.
func TestADeadLineIsNoticedInOneAndAHalfKeepAlives(t *testing.T) {
	for name, busy := range map[string]bool{"quiet": false, "while we publish": true} {
		t.Run(name, func(t *testing.T) {
			for after := time.Second; after < 5*time.Minute; after = after*7/4 + 300*time.Millisecond {
				bubble(t, func(t *testing.T) {
					l, f := open(t, link.Hello{KeepAlive: time.Minute}, nil, newSession())
					f.pings(after)
					f.send(&packet.Puback{ID: 1})
					synctest.Wait()
					died := time.Now()
					if busy {
						go func() {
							for {
								select {
								case <-l.Lost():
									return
								case <-time.After(time.Second):
									l.Publish(out(0, 0, "x"))
								}
							}
						}()
					}
					ended(t, l, "silent")
					if d := time.Since(died); d > 90*time.Second {
						t.Errorf("dead for %v", d)
					}
				})
			}
		})
	}
}

func TestAnUpstreamThatTakesNothingIsNoticed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		conn, f := pipe(t, true)
		go func() {
			_, _ = read(packet.NewReader(f.conn, 0))
			f.send(new(packet.Connack))
		}()
		l, err := Upstream{}.Connect(t.Context(), conn, link.Hello{KeepAlive: time.Minute}, newSession())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		go func() { // it is alive
			for {
				select {
				case <-l.Lost():
					return
				case <-time.After(time.Second):
					_, _ = f.conn.Write([]byte{0xd0, 0})
				}
			}
		}()
		r := l.Publish(out(0, 0, "x"))
		ended(t, l, "takes nothing")
		lossOf(t, settled(t, r))
		if d := time.Since(began); d > 90*time.Second {
			t.Errorf("noticed after %v", d)
		}
	})
}

// A message takes ten keep-alives to come.
func TestASlowMessageIsNoSilence(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f := open(t, link.Hello{KeepAlive: time.Minute}, nil, newSession())
		for _, b := range encode(t, in(0, 0, string(make([]byte, 60)))) {
			if _, err := f.conn.Write([]byte{b}); err != nil {
				t.Fatal(err, l.Cause())
			}
			time.Sleep(10 * time.Second)
		}
	})
}

// While the session has a message nothing is read, and the upstream cannot be
// heard.
func TestABusySessionIsNoSilence(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSession()
		s.refuse = func(link.Message) error {
			time.Sleep(10 * time.Minute)
			return nil
		}
		l, f := open(t, link.Hello{KeepAlive: time.Minute}, nil, s)
		f.send(in(1, 1, "x"))
		for {
			p := <-f.in
			if p == nil {
				t.Fatal(l.Cause())
			}
			if p.Type() == packet.TypePuback {
				break
			}
		}
	})
}
