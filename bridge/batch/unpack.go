package batch

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// ErrTooLarge is that a batch has more than 10,000 messages or 16 MiB when it is
// unpacked.
var ErrTooLarge = errors.New("the batch is too large")

// Unpack returns the messages of a batch, compressed or not, in their order. The
// topics are not checked. It fails without a message if the payload is no batch,
// and with [ErrTooLarge] before it has used much more memory than a batch may have.
// Keys that it does not know are passed over. The payloads may share memory
// with the one that is given.
func Unpack(payload []byte) ([]Message, error) {
	text, err := inflate(payload)
	if err != nil {
		return nil, fmt.Errorf("unpack a batch: %w", err)
	}
	all, err := split(text)
	if err != nil {
		return nil, fmt.Errorf("unpack a batch: %w", err)
	}
	return all, nil
}

// inflate returns the text of a payload.
func inflate(payload []byte) ([]byte, error) {
	if !bytes.HasPrefix(payload, []byte{0x1f, 0x8b}) { // RFC 1952, section 2.3.1
		if len(payload) > mostBytes {
			return nil, ErrTooLarge
		}
		return payload, nil
	}
	in, err := gzip.NewReader(bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(in, mostBytes+1))
	if err == nil && len(text) > mostBytes {
		err = ErrTooLarge
	}
	return text, err
}

// element is a message in a batch.
type element struct {
	Topic   *string         `json:"topic"`
	Payload json.RawMessage `json:"payload"`
	Retain  bool            `json:"retain"`
}

func split(text []byte) ([]Message, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("it is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return nil, errors.New("it is not an array in JSON")
	}
	var all []Message
	for dec.More() {
		if len(all) == mostMessages {
			return nil, ErrTooLarge
		}
		var e element
		if err := dec.Decode(&e); err != nil {
			return nil, fmt.Errorf("element %d: %w", len(all), err)
		}
		if e.Topic == nil || *e.Topic == "" || e.Payload == nil {
			return nil, fmt.Errorf("element %d: topic or payload is missing", len(all))
		}
		all = append(all, Message{*e.Topic, e.Payload, e.Retain})
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("after %d messages: %w", len(all), err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the array")
	}
	return all, nil
}
