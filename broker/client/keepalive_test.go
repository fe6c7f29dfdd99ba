package client

import (
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

const minute = time.Minute

// alive answers pings until the connection ends, and returns how long it was
// between packets at most.
func alive(p *peer) <-chan time.Duration {
	r := make(chan time.Duration, 1)
	go func() {
		var longest time.Duration
		last := time.Now()
		for q := range p.in {
			longest = max(longest, time.Since(last))
			last = time.Now()
			if q.Type() == packet.TypePingreq {
				p.send(new(packet.Pingresp))
			}
		}
		r <- longest
	}()
	return r
}

// An idle connection stays, with a packet in every keep-alive [MQTT-3.1.2-20].
func TestPings(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		c, p := dial(t, Options{Version: v, KeepAlive: minute}, nil)
		longest := alive(p)
		time.Sleep(24*time.Hour + time.Second) // between two pings
		if err := c.Err(); err != nil {
			t.Fatal(err)
		}
		c.Close()
		if got := <-longest; got > minute || got < minute/2 {
			t.Errorf("%v between packets, want about 45 s", got)
		}
	})
}

// While packets go both ways there are no pings.
func TestNoPingsWhileBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{KeepAlive: minute}, nil)
		for range 100 {
			time.Sleep(40 * time.Second)
			r := publish(c, t.Context(), message("a", "", 1, 0))
			p.send(&packet.Puback{ID: expect[*packet.Publish](p).ID})
			if r := <-r; r.err != nil {
				t.Fatal(r.err)
			}
		}
		p.quiet()
	})
}

// Who only receives must still write, and who only writes still wants to know
// whether somebody is there.
func TestPingsOneWay(t *testing.T) {
	t.Run("receiving", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, p := dial(t, Options{KeepAlive: minute}, nil)
			longest := alive(p)
			for range 100 {
				time.Sleep(10 * time.Second)
				p.send(message("a", "x", 0, 0))
				next(t, c, "x")
			}
			c.Close()
			if got := <-longest; got > minute {
				t.Errorf("%v between packets", got)
			}
		})
	})
	t.Run("writing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, p := dial(t, Options{KeepAlive: minute}, nil)
			start := time.Now()
			for {
				if _, err := c.Publish(t.Context(), message("a", "", 0, 0)); err != nil {
					break
				}
				time.Sleep(time.Second)
			}
			if after := time.Since(start); after < minute || after > 2*minute {
				t.Errorf("a silent server was noticed after %v", after)
			}
			pings := 0
			for q := range p.in {
				if q.Type() == packet.TypePingreq {
					pings++
				}
			}
			if pings != 1 {
				t.Errorf("%d pings, want 1", pings)
			}
			ended(t, c, "the server is silent: no PINGRESP within the keep-alive of 1m0s")
		})
	})
}

// A server that is gone without a word is noticed, one and three quarters of
// the keep-alive later at the latest.
func TestDeadServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{KeepAlive: minute}, nil)
		start := time.Now()
		waiting := publish(c, t.Context(), message("a", "", 1, 0))
		ended(t, c, "no PINGRESP within the keep-alive of 1m0s")
		if after := time.Since(start); after != minute*7/4 {
			t.Errorf("after %v", after)
		}
		wantError(t, (<-waiting).err, `publish to "a": the server is silent`)
		_, err := c.Next(t.Context())
		wantError(t, err, "the server is silent")
		expect[*packet.Publish](p)
		expect[*packet.Pingreq](p)
		expect[*packet.Pingreq](p) // we keep to the keep-alive meanwhile
		p.closed()
	})
}

// One that takes nothing either.
func TestDeadServerDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _ := pipe(t, packet.V311, true)
		c := newClient(conn, &packet.Connect{Version: packet.V311, KeepAlive: 60}, Options{})
		c.accept(new(packet.Connack))
		c.start()
		defer c.Close()
		start := time.Now()
		_, err := c.Publish(t.Context(), message("a", "", 0, 0))
		wantError(t, err, "the server takes nothing any more")
		if after := time.Since(start); after != minute {
			t.Errorf("after %v", after)
		}
	})
}

// Any byte is a sign of life: a packet may take its time.
func TestSlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{KeepAlive: minute}, nil)
		b, err := message("a", string(big(200)), 0, 0).Append(nil, p.v)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			if _, err := p.conn.Write(b[i : i+1]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Second)
		}
		next(t, c, string(big(200)))
	})
}

// A server that reads slowly, but reads, is not dead, though a ping has to
// wait for long.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, p := pipe(t, packet.V311, true)
		c := newClient(conn, &packet.Connect{Version: packet.V311, KeepAlive: 60}, Options{})
		c.accept(new(packet.Connack))
		c.start()
		defer c.Close()
		r := publish(c, t.Context(), message("a", string(big(10*chunk-20)), 0, 0))
		buf := make([]byte, chunk)
		for range 10 { // 64 KiB in 50 s, in two parts
			for range 2 {
				time.Sleep(25 * time.Second)
				if _, err := p.conn.Read(buf[:chunk/2]); err != nil {
					t.Fatal(err)
				}
			}
		}
		if r := <-r; r.err != nil {
			t.Error(r.err)
		}
	})
}

// The keep-alive is the server's, if it says one [MQTT-3.2.2-21].
func TestServerKeepAlive(t *testing.T) {
	tests := map[string]struct {
		ours   time.Duration
		theirs uint16
		want   time.Duration // 0: never
	}{
		"shorter": {time.Hour, 4, 3 * time.Second},
		"longer":  {time.Second, 4, 3 * time.Second},
		"only":    {0, 4, 3 * time.Second},
		"none":    {time.Second, 0, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ack := &packet.Connack{Properties: &packet.Properties{ServerKeepAlive: packet.Some(test.theirs)}}
				_, p := dial(t, Options{Version: packet.V5, KeepAlive: test.ours}, ack)
				if test.want == 0 {
					time.Sleep(24 * time.Hour)
					p.quiet()
					return
				}
				start := time.Now()
				expect[*packet.Pingreq](p)
				if after := time.Since(start); after != test.want {
					t.Errorf("ping after %v, want %v", after, test.want)
				}
			})
		})
	}
}

// Without a keep-alive nothing is asked.
func TestNoKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := dial(t, Options{}, nil)
		time.Sleep(1000 * time.Hour)
		p.quiet()
	})
}
