package v3

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// listen answers PINGREQ, if it is to, until the connection ends.
func (f *far) listen(answers bool) {
	for {
		first, _, err := f.reader.Next()
		if err != nil {
			return
		}
		if answers && packet.Type(first>>4) == packet.TypePingreq {
			f.conn.Write([]byte{0xd0, 0})
		}
	}
}

func TestAnUpstreamThatAnswersPingsStays(t *testing.T) {
	scripted(t, &script{}, func(t *testing.T, l link.Link, f *far) {
		go f.listen(true)
		time.Sleep(time.Hour)
		if ago := time.Since(l.LastHeard()); ago > keepAlive {
			t.Errorf("last heard %v ago", ago)
		}
		select {
		case <-l.Lost():
			t.Errorf("lost: %v", l.Cause())
		default:
		}
	})
}

func TestAHalfOpenLineIsNoticed(t *testing.T) {
	for name, publishes := range map[string]bool{"idle": false, "publishing": true} {
		t.Run(name, func(t *testing.T) {
			scripted(t, &script{}, func(t *testing.T, l link.Link, f *far) {
				go f.listen(false)
				began := time.Now()
				for publishes {
					l.Publish(link.Message{Topic: "a"})
					select {
					case <-l.Lost():
						publishes = false
					case <-time.After(time.Second):
					}
				}
				<-l.Lost()
				if d := time.Since(began); d < keepAlive || d > keepAlive*3/2+patience {
					t.Errorf("noticed after %v", d)
				}
				if err := l.Cause(); !strings.Contains(err.Error(), "sign of life") {
					t.Error(err)
				}
			})
		})
	}
}

func TestAnUpstreamThatReadsNothingIsNoticed(t *testing.T) {
	scripted(t, &script{}, func(t *testing.T, l link.Link, f *far) {
		l.Publish(link.Message{Topic: "a", Payload: make([]byte, 8<<20)})
		began := time.Now()
		<-l.Lost()
		if d := time.Since(began); d > 2*keepAlive {
			t.Errorf("noticed after %v", d)
		}
	})
}

func TestALargeMessageOnASlowLineDoesNotEndIt(t *testing.T) {
	scripted(t, &script{}, func(t *testing.T, l link.Link, f *far) {
		r := l.Publish(link.Message{Topic: "a", Payload: make([]byte, 1<<20), QoS: 1, ID: 1})
		buf := make([]byte, 16<<10)
		for range 1<<20/len(buf) + 1 { // 16 KiB in 10 s
			time.Sleep(10 * time.Second)
			if _, err := f.conn.Read(buf); err != nil {
				t.Fatalf("%v, %v", err, l.Cause())
			}
		}
		f.send(&packet.Puback{ID: 1})
		wantTaken(t, r)
	})
}

func TestASlowSessionIsNotTheUpstreamsFault(t *testing.T) {
	s := &script{}
	scripted(t, s, func(t *testing.T, l link.Link, f *far) {
		slow := make(chan struct{})
		s.received = func(link.Message) (func(context.Context) error, error) { <-slow; return nil, nil }
		pings := 0
		go func() {
			for {
				first, _, err := f.reader.Next()
				if err != nil {
					return
				}
				if packet.Type(first>>4) == packet.TypePingreq {
					pings++
				}
			}
		}()
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for range 3 * arrivals {
				f.send(&packet.Publish{Topic: "a"})
			}
		}()
		time.Sleep(10 * keepAlive)
		synctest.Wait()
		select {
		case <-sent:
			t.Error("everything was read, and the session takes nothing")
		case <-l.Lost():
			t.Errorf("lost: %v", l.Cause())
		default:
		}
		if pings < 10 {
			t.Errorf("%d pings in %v", pings, 10*keepAlive)
		}
		close(slow)
		<-sent
	})
}
