package broker

import (
	"sync"
	"sync/atomic"
)

// outbox holds what waits to be written to one connection, in order. It lives
// in pooled memory from the first byte to the write: a connection that has
// nothing to say has none.
type outbox struct {
	chunks   [][]byte      // what to write
	blocks   []*outBlock   // the memory of chunks beyond first
	tail     []byte        // what is free behind the last chunk's bytes
	inTail   bool          // the last chunk ends where tail begins
	size     int           // bytes in chunks
	control  int           // bytes of them that are no PUBLISH
	packets  int64         // packets in it
	messages int64         // those of them that are PUBLISH
	payload  int64         // bytes of their payloads
	memory   *atomic.Int64 // where the size of blocks is counted
	first    [2 << 10]byte
}

type outBlock [outBlockSize]byte

const outBlockSize = 16 << 10

var (
	outboxes  = sync.Pool{New: func() any { return new(outbox) }}
	outBlocks = sync.Pool{New: func() any { return new(outBlock) }}
)

// newOutbox returns an empty outbox that counts its memory in memory.
func newOutbox(memory *atomic.Int64) *outbox {
	o := outboxes.Get().(*outbox)
	o.memory = memory
	o.tail = o.first[:]
	return o
}

// release gives the memory back. Nothing of o may be used any more.
func (o *outbox) release() {
	for i, b := range o.blocks {
		outBlocks.Put(b)
		o.blocks[i] = nil
	}
	o.memory.Add(-int64(len(o.blocks)) * outBlockSize)
	clear(o.chunks[:cap(o.chunks)])
	if cap(o.chunks) > 64 {
		o.chunks, o.blocks = nil, nil
	}
	o.chunks, o.blocks, o.tail = o.chunks[:0], o.blocks[:0], nil
	o.inTail, o.size, o.control = false, 0, 0
	o.packets, o.messages, o.payload, o.memory = 0, 0, 0, nil
	outboxes.Put(o)
}

// room returns n bytes at the end for the caller to fill.
func (o *outbox) room(n int) []byte {
	if n > len(o.tail) {
		o.grow(n)
	}
	b := o.tail[:n:n]
	o.size += n
	if o.inTail {
		last := len(o.chunks) - 1
		o.chunks[last] = o.chunks[last][:len(o.chunks[last])+n]
	} else {
		o.chunks = append(o.chunks, o.tail[:n])
		o.inTail = true
	}
	o.tail = o.tail[n:]
	return b
}

// grow makes room for n bytes in one piece.
func (o *outbox) grow(n int) {
	if n > outBlockSize {
		o.tail, o.inTail = make([]byte, n), false
		return
	}
	b := outBlocks.Get().(*outBlock)
	o.memory.Add(outBlockSize)
	small := len(o.blocks) == 0 && len(o.chunks) == 1 && o.inTail && o.size+n <= outBlockSize
	o.blocks = append(o.blocks, b)
	if small { // what is in first moves, so that one write takes all
		m := copy(b[:], o.chunks[0])
		o.chunks[0] = b[:m]
		o.tail = b[m:]
		return
	}
	o.tail, o.inTail = b[:], false
}

// share appends b without a copy; it must not change until it is written.
func (o *outbox) share(b []byte) {
	o.chunks = append(o.chunks, b)
	o.inTail = false
	o.size += len(b)
}

// add appends a copy of b.
func (o *outbox) add(b []byte) { copy(o.room(len(b)), b) }

// written takes n bytes that were written off the front, and reports whether
// that was all.
func (o *outbox) written(n int) bool {
	o.size -= n
	i := 0
	for ; i < len(o.chunks) && n >= len(o.chunks[i]); i++ {
		n -= len(o.chunks[i])
	}
	if i == len(o.chunks) {
		return true
	}
	o.chunks = append(o.chunks[:0], o.chunks[i:]...)
	o.chunks[0] = o.chunks[0][n:]
	return false
}
