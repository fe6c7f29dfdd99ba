package storetest

import (
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"

	"gateway/broker/store"
)

// State says in words all that a store keeps, a line each, so that two that keep
// the same say the same.
func State(s store.Store) (string, error) {
	var lines []string
	type delivery struct {
		id store.SessionID
		q  store.Queued
	}
	var waiting []delivery
	var errs []error
	err := s.Load(func(x *store.Session) {
		slices.Sort(x.Received)
		lines = append(lines, fmt.Sprintf("session %d %q %q received %v next %d, %d wait", x.ID, x.Name, x.Data, x.Received, x.Next, x.Waiting))
		for _, filter := range slices.Sorted(maps.Keys(x.Subscriptions)) {
			lines = append(lines, fmt.Sprintf("session %d subscription %q %q", x.ID, filter, x.Subscriptions[filter]))
		}
		n, last := 0, uint64(0)
		x.Queue(func(q store.Queued) bool {
			if n > 0 && q.Seq <= last {
				errs = append(errs, fmt.Errorf("session %d: %d after %d", x.ID, q.Seq, last))
			}
			n, last = n+1, q.Seq
			waiting = append(waiting, delivery{x.ID, q})
			return true
		})
		if n != x.Waiting {
			errs = append(errs, fmt.Errorf("session %d: %d wait, and Waiting is %d", x.ID, n, x.Waiting))
		}
	}, func(m *store.Message) { lines = append(lines, "retained "+describe(m)) })
	errs = append(errs, err)
	for _, w := range waiting {
		line := fmt.Sprintf("delivery %d/%d flags %d", w.id, w.q.Seq, w.q.Flags)
		m, extra, err := s.Read(w.id, w.q.Seq)
		switch {
		case w.q.Released && errors.Is(err, store.ErrNoMessage):
			line += " released"
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", line, err))
		case w.q.Extra != (len(extra) > 0):
			errs = append(errs, fmt.Errorf("%s: Extra is %v, and there is %q", line, w.q.Extra, extra))
		default:
			line += fmt.Sprintf(" extra %q %s", extra, describe(m))
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), errors.Join(errs...)
}

func describe(m *store.Message) string {
	payload := fmt.Sprintf("%q", m.Payload)
	if len(m.Payload) > 64 {
		payload = fmt.Sprintf("%d bytes %08x", len(m.Payload), crc32.ChecksumIEEE(m.Payload))
	}
	return fmt.Sprintf("%q by %q properties %q QoS %d retain %v came %d expires %d: %s",
		m.Topic, m.Publisher, m.Properties, m.QoS, m.Retain, m.Came, m.Expires, payload)
}

// Diff returns the lines that only got and only want has.
func Diff(got, want string) string {
	var out strings.Builder
	only := func(sign, a, b string) {
		have := make(map[string]bool)
		for _, line := range strings.Split(b, "\n") {
			have[line] = true
		}
		for _, line := range strings.Split(a, "\n") {
			if !have[line] {
				fmt.Fprintf(&out, "%s %s\n", sign, line)
			}
		}
	}
	only("+", got, want)
	only("-", want, got)
	return out.String()
}
