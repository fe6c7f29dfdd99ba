package health

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Check is one thing that is to work.
type Check struct {
	Name string // "broker"
	// Alive says that the gateway does not work if this does not, and that starting it
	// again may mend it.
	Alive bool
	// Minor says that the gateway does what it is for if this does not work.
	Minor bool
	// Look returns what is wrong, "" if nothing is, and before ctx ends. Anybody may
	// read it: it has no names, no addresses and no folders. It is not called while it
	// runs.
	Look func(ctx context.Context) (wrong string)
}

// Status is how the gateway or a part of it is.
type Status string

// What a [Status] may be.
const (
	OK       Status = "ok"
	Degraded Status = "degraded" // something is wrong, and it does what it is for
	Failing  Status = "failing"
)

// Result is what a Check has found.
type Result struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"`
}

// Verdict is what /healthz and /livez say.
type Verdict struct {
	Status Status   `json:"status"` // the worst of Checks
	Checks []Result `json:"checks"`
}

// Health looks whether things work. Make one with [NewHealth].
type Health struct {
	mu     sync.Mutex // held while it looks
	checks []Check
	found  []Result
	at     time.Time // when
}

// NewHealth makes one of the checks in the order they are told in.
func NewHealth(checks ...Check) *Health { return &Health{checks: checks} }

const (
	// lookTimeout is how long a check may take: on a busy board a message has been
	// seen to take a second.
	lookTimeout = 5 * time.Second
	// lookAgain is how long what was found is told again, lest those who ask often,
	// which anybody may, make work.
	lookAgain = time.Second
)

// look returns what all checks find.
func (h *Health) look(ctx context.Context) []Result {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.at.IsZero() && time.Since(h.at) < lookAgain {
		return h.found
	}
	// Whoever asks may go away, and others are told what was found.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	found := make([]Result, len(h.checks))
	for i, c := range h.checks {
		found[i] = Result{Name: c.Name, Status: OK, Reason: c.Look(ctx)}
		switch {
		case found[i].Reason == "":
		case c.Minor:
			found[i].Status = Degraded
		default:
			found[i].Status = Failing
		}
	}
	h.found, h.at = found, time.Now()
	return found
}

// Ready answers whether the gateway does what it is for: 200, or 503 and why not. It
// is for load balancers and for those who watch.
func (h *Health) Ready() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tell(w, h.look(r.Context())) })
}

// Alive answers whether the gateway works at all: 200, or 503 if starting it again may
// mend it. It is for whoever starts it again: a disk that is full is no reason to.
func (h *Health) Alive() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var alive []Result
		for i, found := range h.look(r.Context()) {
			if h.checks[i].Alive {
				alive = append(alive, found)
			}
		}
		tell(w, alive)
	})
}

func tell(w http.ResponseWriter, found []Result) {
	v := Verdict{OK, found}
	for _, r := range found {
		if r.Status == Failing || r.Status == Degraded && v.Status == OK {
			v.Status = r.Status
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if v.Status == Failing {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(v) // the reader may be gone
}
