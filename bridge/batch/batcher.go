package batch

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Message is a message as it is published. Its payload is not changed.
type Message struct {
	Topic   string
	Payload []byte
	Retain  bool
}

// Out is what is to be published now.
type Out[T any] struct {
	Message
	// Of are the tags of the messages that it consists of, in the order in which
	// they were added. When the upstream has taken it, it has taken these.
	Of []T
	// Batch tells a batch from a message that goes by itself.
	Batch bool
}

// Batcher makes batches of messages, each of which has a tag by which its owner
// knows it. It starts nothing and waits for nothing; it is for one goroutine.
type Batcher[T any] struct {
	cfg  Config
	zip  *gzip.Writer // nil without compression
	body []byte       // of the batch that is being made, without its last bracket
	of   []T
	due  time.Time
}

// New makes a Batcher of a valid configuration with a topic.
func New[T any](cfg Config) *Batcher[T] {
	b := &Batcher[T]{cfg: cfg}
	if cfg.Compression == Gzip {
		b.zip, _ = gzip.NewWriterLevel(nil, gzip.BestCompression) // a level that there is
	}
	return b
}

// Add takes a message that goes to m.Topic upstream, and returns what is to be
// published now, in this order: nothing while the batch has room, a batch, and
// after it the message itself if it cannot be part of one. The Batcher keeps
// nothing of m; a message that goes by itself has its payload.
func (b *Batcher[T]) Add(now time.Time, m Message, tag T) []Out[T] {
	var out []Out[T]
	item, ok := encode(m)
	if ok && len(item)+len("[]") > b.cfg.MaxBytes {
		ok = false
	}
	if !ok || len(b.body)+len(",")+len(item)+len("]") > b.cfg.MaxBytes {
		out = b.appendFlush(out)
	}
	if !ok {
		return append(out, Out[T]{Message: m, Of: []T{tag}})
	}
	if len(b.of) == 0 {
		b.body = append(b.body, '[')
		b.due = now.Add(b.cfg.MaxDelay)
	} else {
		b.body = append(b.body, ',')
	}
	b.body = append(b.body, item...)
	b.of = append(b.of, tag)
	if len(b.of) >= b.cfg.MaxMessages {
		out = b.appendFlush(out)
	}
	return out
}

// Due returns when Flush is to be called, the zero time if nothing waits.
func (b *Batcher[T]) Due() time.Time { return b.due }

// Len returns how many messages wait.
func (b *Batcher[T]) Len() int { return len(b.of) }

// Flush returns the batch so far; false if nothing waits.
func (b *Batcher[T]) Flush() (Out[T], bool) {
	if len(b.of) == 0 {
		return Out[T]{}, false
	}
	payload := append(b.body, ']')
	if b.zip != nil {
		payload = b.compress(payload)
	}
	out := Out[T]{Message: Message{Topic: b.cfg.Topic, Payload: payload}, Of: b.of, Batch: true}
	b.Reset()
	return out, true
}

// Reset forgets what waits: it will be added again.
func (b *Batcher[T]) Reset() {
	b.body, b.of, b.due = nil, nil, time.Time{} // they belong to an Out
}

func (b *Batcher[T]) appendFlush(out []Out[T]) []Out[T] {
	if o, ok := b.Flush(); ok {
		out = append(out, o)
	}
	return out
}

func (b *Batcher[T]) compress(payload []byte) []byte {
	var to bytes.Buffer
	b.zip.Reset(&to)
	_, _ = b.zip.Write(payload) // a buffer takes everything
	_ = b.zip.Close()
	return to.Bytes()
}

// encode returns m as an element of a batch; false if its payload is not what
// belongs into one.
func encode(m Message) ([]byte, bool) {
	text := bytes.Trim(m.Payload, " \t\r\n") // what JSON calls white space
	if !isJSON(text) {
		return nil, false
	}
	var item bytes.Buffer
	item.Grow(len(m.Topic) + len(text) + 48)
	item.WriteString(`{"topic":`)
	enc := json.NewEncoder(&item)
	enc.SetEscapeHTML(false)
	if enc.Encode(m.Topic) != nil {
		return nil, false // a string can be encoded
	}
	item.Truncate(item.Len() - len("\n"))
	item.WriteString(`,"payload":`)
	item.Write(text)
	if m.Retain {
		item.WriteString(`,"retain":true`)
	}
	item.WriteByte('}')
	return item.Bytes(), true
}

// isJSON tells whether a text is an object, an array or a number in JSON. Other
// texts are JSON by accident, as is true, or not worth it.
func isJSON(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	switch c := text[0]; {
	case c == '{', c == '[', c == '-', '0' <= c && c <= '9':
		return utf8.Valid(text) && json.Valid(text)
	}
	return false
}
