package bridge

import (
	"context"
	"errors"
	"regexp"
	"time"

	"gateway/bridge/link/dial"
	"gateway/broker"
)

// Why there is no connection by plan, as a [State] says it.
const (
	OutsideWindows = "outside of windows"
	BudgetUsed     = "daily_bytes is used up"
	TooFewWait     = "less waits than lazy_messages" // of a bridge that starts when enough waits
)

// State is what is known of a bridge.
type State struct {
	Name      string
	Address   string // of the connection, or the last one
	Connected bool
	Since     time.Time // of the last change of Connected; zero if there was none
	LastAck   time.Time // zero if there was none
	// Paused is why there is no connection by plan, "" if there is to be one, and
	// PausedUntil when that may change; zero if that is not known.
	Paused      string
	PausedUntil time.Time
	LastError   string // why the line was lost or not made, "" if it never failed
	ErrorHelp   string // what that means and what to do, "" if there is no more to say
	ErrorTime   time.Time
	Forwarded   uint64   // messages acknowledged by the upstream
	Received    uint64   // messages brought in
	Echoes      uint64   // our own that came back, and went no further
	Ignored     uint64   // that came in by no route
	Unrouted    uint64   // that waited for a route which is gone
	SetAside    uint64   // since the start
	Aside       int      // set aside and kept
	Refused     []string // filters that the upstream does not grant
	Suspect     bool     // a message is sent alone, because the line was lost with it
	Rate        float64  // messages forwarded a second, over the last minute
	// Drain is how long it takes until nothing waits, estimated; 0 if nothing does,
	// -1 s if no more goes out than comes.
	Drain time.Duration
	Queue broker.SubscriptionStats
}

// State returns what is known at this moment.
func (br *Bridge) State() State {
	br.mu.Lock()
	s, rates := br.state, br.rates
	br.mu.Unlock()
	if br.sub != nil {
		s.Queue = br.sub.Stats()
	}
	s.Rate, s.Drain = rates.out, rates.drain(s.Queue.Waiting+s.Queue.Unacked)
	s.Aside = br.aside.Len()
	s.Suspect = br.suspects.alone()
	return s
}

func (br *Bridge) count(f func(*State)) {
	br.mu.Lock()
	defer br.mu.Unlock()
	f(&br.state)
}

func (br *Bridge) connected(address string) {
	br.mu.Lock()
	br.state.Connected, br.state.Since, br.state.Address = true, time.Now(), address
	failures := br.failures
	br.failures = 0
	clear(br.told)
	br.mu.Unlock()
	br.log.Info("upstream connected", "address", address, "waiting", br.sub.Stats().Waiting, "attempts", failures+1)
	br.announce(true)
}

func (br *Bridge) disconnected() {
	br.mu.Lock()
	br.state.Connected, br.state.Since = false, time.Now()
	br.mu.Unlock()
	br.announce(false)
}

// maxTold is how many reasons for one outage are remembered. There is one for each
// address of an upstream, and now and then a second one.
const maxTold = 16

// failed notes why there is no line. Each reason is logged once for an outage: with
// several addresses they take turns.
func (br *Bridge) failed(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		err = errors.New("connection closed")
	}
	help := dial.Explain(err)
	br.mu.Lock()
	reason := passing.ReplaceAllString(err.Error(), "")
	news := !br.told[reason]
	if br.told == nil || len(br.told) >= maxTold {
		br.told = make(map[string]bool)
	}
	br.told[reason] = true
	br.state.LastError, br.state.ErrorHelp, br.state.ErrorTime = err.Error(), help, time.Now()
	br.failures++
	n := br.failures
	br.mu.Unlock()
	if news || n%100 == 0 {
		args := []any{"error", err, "waiting", br.sub.Stats().Waiting, "attempts", n}
		if help != "" {
			args = append(args, "help", help)
		}
		br.log.Warn("upstream not connected; what is to be forwarded is kept and sent later", args...)
	}
}

// passing is what differs in the text of an error with each attempt: our end of a
// connection (net, 10.0.0.1:40001->10.0.0.2:1883), and the time at which a certificate
// is not valid (x509).
var passing = regexp.MustCompile(`:\d+->|current time \S+`)

// announce publishes the state of the bridge as Mosquitto does.
func (br *Bridge) announce(up bool) {
	payload := "0"
	if up {
		payload = "1"
	}
	err := br.b.Publish(&broker.Message{
		Topic:   "$SYS/broker/connection/" + br.cfg.Name + "/state",
		Payload: []byte(payload),
		QoS:     1,
		Retain:  true,
	})
	if err != nil {
		br.log.Error("cannot publish the state of the bridge", "error", err)
	}
}
