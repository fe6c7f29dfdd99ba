package broker

import (
	"sync"

	"gateway/broker/packet"
)

// bench is what a connection works with while there is something to read:
// the bytes, and what a message needs on its way. A connection that has
// nothing to do has none.
type bench struct {
	buf     [benchSize]byte
	pub     publication
	publish packet.Publish
	targets []target // empty, memory for a message of this process
}

// benchSize is how much is read at once. Larger packets get memory of their
// own.
const benchSize = 32 << 10

var benches = sync.Pool{New: func() any { return new(bench) }}

func (w *bench) release() {
	w.pub.flush() // nothing, unless a handler panicked
	w.pub.forget()
	w.publish = packet.Publish{}
	benches.Put(w)
}

// input is the bytes of a connection that were read and not handled yet. It
// belongs to the reading goroutine.
type input struct {
	bench *bench // nil while nothing comes
	n     int    // bytes in bench.buf, from its beginning; in large, if that is not nil
	part  []byte // those bytes while there is no bench
	large []byte // the packet being read, when it does not fit the bench
	need  int    // its size
}

// work returns the bench, a new one if there is none.
func (in *input) work() *bench {
	if in.bench == nil {
		in.bench = benches.Get().(*bench)
		if in.part != nil {
			in.n = copy(in.bench.buf[:], in.part)
			in.part = nil
		}
	}
	return in.bench
}

// room returns the memory to read into, at least a byte. A large packet's
// memory doubles as its bytes come: a length that is only claimed costs
// nothing.
func (in *input) room() []byte {
	if in.large == nil {
		w := in.work()
		return w.buf[in.n:]
	}
	if in.n == len(in.large) {
		grown := make([]byte, min(2*in.n, in.need))
		copy(grown, in.large)
		in.large = grown
	}
	return in.large[in.n:]
}

// bytes returns what was read and not handled.
func (in *input) bytes() []byte {
	if in.large != nil {
		return in.large[:in.n]
	}
	return in.work().buf[:in.n]
}

// done drops the first n bytes. need is the size of the packet that begins
// behind them, 0 if it is not known.
func (in *input) done(n, need int) {
	switch {
	case in.large != nil && n > 0: // the large packet is through
		in.large, in.n = nil, 0
	case in.large != nil:
	case need > benchSize:
		in.large = make([]byte, benchSize)
		in.n = copy(in.large, in.bench.buf[n:in.n])
		in.need = need
	case n > 0:
		in.n = copy(in.bench.buf[:], in.bench.buf[n:in.n])
	}
}

// idle gives the bench back; an incomplete packet keeps just its bytes.
func (in *input) idle() {
	if in.bench == nil {
		return
	}
	if in.large == nil && in.n > 0 {
		in.part = make([]byte, in.n)
		copy(in.part, in.bench.buf[:in.n])
	}
	in.bench.release()
	in.bench = nil
}
