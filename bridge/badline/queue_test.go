package badline

import (
	"testing"
	"testing/synctest"
)

func TestQueueWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, stop := newQueue(), make(chan struct{})
		pushed := make(chan int, 100)
		go func() {
			defer close(pushed)
			for n := 0; q.push(chunk{data: make([]byte, n)}, 1000, stop); n++ {
				pushed <- n
			}
		}()
		synctest.Wait()
		full := len(pushed)
		if q.size < 1000 || q.size > 1100 {
			t.Errorf("%d bytes under way, want the room of 1000 and one chunk", q.size)
		}
		if c, ok := q.pop(stop); !ok || len(c.data) != 0 {
			t.Errorf("popped %d bytes, %v", len(c.data), ok)
		}
		q.pop(stop)
		synctest.Wait()
		if len(pushed) <= full {
			t.Error("nothing was pushed after something was popped")
		}
		close(stop)
		synctest.Wait()
		for range pushed { // it ends
		}
		if _, ok := q.pop(stop); ok {
			t.Error("popped after the stop")
		}
	})
}

func TestQueuePopWaitsForMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, stop := newQueue(), make(chan struct{})
		popped := make(chan chunk)
		go func() {
			for {
				c, ok := q.pop(stop)
				if !ok {
					close(popped)
					return
				}
				popped <- c
			}
		}()
		for _, text := range []string{"a", "b"} {
			synctest.Wait()
			q.push(chunk{data: []byte(text)}, 1, stop)
			if c := <-popped; string(c.data) != text {
				t.Errorf("popped %q, want %q", c.data, text)
			}
		}
		close(stop)
		if _, open := <-popped; open {
			t.Error("popped after the stop")
		}
	})
}
