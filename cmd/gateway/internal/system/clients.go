package system

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/broker"
	"gateway/cmd/gateway/internal/dashboard/answer"
)

const (
	// defaultLimit and maxLimit are how many clients an answer has.
	defaultLimit = 50
	maxLimit     = 500
	// maxFilters and maxFilterBytes are how many subscriptions of one client are
	// told. A client may have as many and as long ones as it likes.
	maxFilters     = 1000
	maxFilterBytes = 256 << 10
)

// Flow is what came from clients and went to them.
type Flow struct {
	Messages int64 `json:"messages"`
	Bytes    int64 `json:"bytes"`
}

// Client is one client of the broker, as the page has it. Ages are ms.
type Client struct {
	ID            string   `json:"id"`
	User          string   `json:"user"`
	Connected     bool     `json:"connected"`
	SinceMS       int64    `json:"since_ms"` // for how long it is connected, or away; -1 if nobody knows
	Address       string   `json:"address"`
	Listener      string   `json:"listener"`
	Transport     string   `json:"transport"`
	Version       string   `json:"version"`
	Bridge        bool     `json:"bridge"`
	KeepAliveS    int64    `json:"keep_alive_s"` // 0: none
	ExpiryS       int64    `json:"expiry_s"`     // of the session, after the connection; 0: with it, -1: never
	EndsMS        *int64   `json:"ends_ms"`      // until the session of a client that is away ends; null: not planned
	Will          string   `json:"will"`         // its topic
	In            Flow     `json:"in"`           // from the client, on this connection
	Out           Flow     `json:"out"`          // to it
	Subscriptions int      `json:"subscriptions"`
	Waiting       int      `json:"waiting"`
	WaitingBytes  int64    `json:"waiting_bytes"`
	InFlight      int      `json:"in_flight"`
	Dropped       int64    `json:"dropped"`
	Last          *End     `json:"last,omitempty"`    // how the last connection of a client that is away ended
	Filters       []Filter `json:"filters,omitempty"` // of one client, when it was asked for
}

// Filter is one subscription.
type Filter struct {
	Filter            string `json:"filter"`
	QoS               int    `json:"qos"`
	NoLocal           bool   `json:"no_local,omitempty"`
	RetainAsPublished bool   `json:"retain_as_published,omitempty"`
	ID                uint32 `json:"id,omitempty"`
}

// Clients is a part of the clients, and the broker as a whole.
type Clients struct {
	Total     int      `json:"total"`     // clients that the broker knows of
	Connected int      `json:"connected"` // of them
	Matched   int      `json:"matched"`   // that were asked for
	Offset    int      `json:"offset"`
	Clients   []Client `json:"clients"`
	Broker    Broker   `json:"broker"`
}

func formOf(c broker.Client, now time.Time) Client {
	f := Client{
		ID: c.ID, User: clip(c.User), Connected: c.Connected, SinceMS: age(c.Since, now), Address: c.Address, Listener: c.Listener,
		Transport: c.Transport, Version: c.Version, Bridge: c.Bridge, KeepAliveS: seconds(c.KeepAlive), ExpiryS: seconds(c.Expiry), Will: clip(c.Will),
		In: Flow{c.Flow.Messages, c.Flow.Bytes}, Out: Flow{c.Flow.SentMessages, c.Flow.SentBytes},
		Subscriptions: c.Subscriptions, Waiting: c.Waiting, WaitingBytes: c.WaitingBytes, InFlight: c.InFlight, Dropped: c.Dropped,
	}
	if c.Expiry < 0 {
		f.ExpiryS = -1
	}
	if !c.Ends.IsZero() {
		ms := max(0, c.Ends.Sub(now).Milliseconds())
		f.EndsMS = &ms
	}
	if c.Last != nil && c.Last.Cause != "" {
		e := endForm(*c.Last, now)
		f.Last = &e
	}
	return f
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// age is how long ago t was, ms; -1 if nobody knows.
func age(t, now time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return max(0, now.Sub(t).Milliseconds())
}

// keys are what clients can be ordered by.
var keys = map[string]func(a, b *broker.Client) int{
	"id":            func(a, b *broker.Client) int { return compareText(a.ID, b.ID) },
	"user":          func(a, b *broker.Client) int { return compareText(a.User, b.User) },
	"address":       func(a, b *broker.Client) int { return compareText(a.Address, b.Address) },
	"version":       func(a, b *broker.Client) int { return compareText(a.Version, b.Version) },
	"since":         func(a, b *broker.Client) int { return b.Since.Compare(a.Since) }, // the shortest first
	"in":            func(a, b *broker.Client) int { return cmp.Compare(a.Flow.Messages, b.Flow.Messages) },
	"out":           func(a, b *broker.Client) int { return cmp.Compare(a.Flow.SentMessages, b.Flow.SentMessages) },
	"subscriptions": func(a, b *broker.Client) int { return cmp.Compare(a.Subscriptions, b.Subscriptions) },
	"waiting":       func(a, b *broker.Client) int { return cmp.Compare(a.Waiting, b.Waiting) },
	"dropped":       func(a, b *broker.Client) int { return cmp.Compare(a.Dropped, b.Dropped) },
}

func compareText(a, b string) int {
	return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
}

// clients answers with the clients that are asked for.
func (s *System) clients(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Has("id") {
		s.one(w, q.Get("id"))
		return
	}
	by, ok := keys[cmp.Or(q.Get("sort"), "id")]
	if !ok {
		answer.Error(w, http.StatusBadRequest, "sort=%s is not known; id, user, address, version, since, in, out, subscriptions, waiting or dropped.", q.Get("sort"))
		return
	}
	limit, ok1 := number(w, q.Get("limit"), "limit", defaultLimit, 1, maxLimit)
	offset, ok2 := number(w, q.Get("offset"), "offset", 0, 0, 1<<30)
	if !ok1 || !ok2 {
		return
	}
	state := cmp.Or(q.Get("state"), "all")
	if state != "all" && state != "connected" && state != "away" {
		answer.Error(w, http.StatusBadRequest, "state=%s is not known; all, connected or away.", state)
		return
	}
	all := s.Broker.Clients()
	a := Clients{Total: len(all), Offset: offset, Clients: []Client{}, Broker: s.broker()}
	for i := range all {
		if all[i].Connected {
			a.Connected++
		}
	}
	text := strings.ToLower(strings.TrimSpace(q.Get("filter")))
	all = slices.DeleteFunc(all, func(c broker.Client) bool {
		return state != "all" && c.Connected != (state == "connected") || text != "" && !matches(&c, text)
	})
	a.Matched = len(all)
	slices.SortStableFunc(all, func(x, y broker.Client) int { return by(&x, &y) })
	if q.Get("order") == "desc" {
		slices.Reverse(all)
	}
	now := time.Now()
	for _, c := range all[min(offset, len(all)):min(offset+limit, len(all))] {
		a.Clients = append(a.Clients, formOf(c, now))
	}
	answer.JSON(w, a)
}

// matches tells whether a text, in lower case, is in what a person would look for.
func matches(c *broker.Client, text string) bool {
	for _, s := range []string{c.ID, c.User, c.Address, c.Listener, c.Will} {
		if strings.Contains(strings.ToLower(s), text) {
			return true
		}
	}
	return false
}

// number reads a number of a query; it reports false, and has answered, if it is
// none or out of range.
func number(w http.ResponseWriter, text, name string, def, low, high int) (int, bool) {
	if text == "" {
		return def, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		answer.Error(w, http.StatusBadRequest, "%s=%.40s is not a number from %d to %d.", name, text, low, high)
		return 0, false
	}
	return n, true
}

// client answers with one client and its subscriptions.
func (s *System) client(w http.ResponseWriter, r *http.Request) { s.one(w, r.PathValue("id")) }

func (s *System) one(w http.ResponseWriter, id string) {
	c, ok := s.Broker.Client(id)
	if !ok {
		noClient(w, id)
		return
	}
	f := formOf(c, time.Now())
	f.Filters = s.filters(id, maxFilters)
	answer.JSON(w, f)
}

// filters are the subscriptions of a client, at most so many.
func (s *System) filters(id string, most int) []Filter {
	all, size := []Filter{}, 0
	for _, x := range s.Broker.Subscriptions(id, most) {
		if size += len(x.Filter); size > maxFilterBytes {
			break
		}
		all = append(all, Filter{x.Filter, int(x.QoS), x.NoLocal, x.RetainAsPublished, x.ID})
	}
	return all
}

func noClient(w http.ResponseWriter, id string) {
	answer.Fail(w, http.StatusNotFound, answer.Say("client.none", "There is no client {id}: it has left and its session has ended.", strconv.Quote(clip(id))))
}

func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}

// Disconnected is what became of a client.
type Disconnected struct {
	Disconnected bool `json:"disconnected"` // it was connected
	Forgotten    bool `json:"forgotten"`    // its session has ended, or does so at once
}

// disconnect ends a connection, and if it is asked for the session.
func (s *System) disconnect(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	id := r.PathValue("id")
	if id == "" {
		id = q.Get("id")
	}
	why := cmp.Or(clip(q.Get("reason")), "on the page of the gateway")
	c, ok := s.Broker.Client(id)
	if !ok {
		noClient(w, id)
		return
	}
	var d Disconnected
	if q.Get("forget") == "true" {
		d.Forgotten = s.Broker.Forget(id, why)
		d.Disconnected = c.Connected
	} else {
		d.Disconnected = s.Broker.Disconnect(id, why)
	}
	if !d.Disconnected && !d.Forgotten {
		answer.Fail(w, http.StatusConflict, answer.Say("client.away", "The client {id} is not connected. Its session is kept; to end that, too, ask with forget=true.", strconv.Quote(clip(id))))
		return
	}
	s.Log.Info("client disconnected by somebody on the page", "client", id, "forgotten", d.Forgotten, "from", r.RemoteAddr)
	answer.JSON(w, d)
}
