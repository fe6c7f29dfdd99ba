package system

import (
	"net/http"
	"time"

	"gateway/broker"
	"gateway/cmd/gateway/internal/dashboard/answer"
)

// End is the end of a connection, or an attempt that came to nothing.
type End struct {
	ID          string `json:"id"` // of the client; "" if it did not say
	User        string `json:"user"`
	Address     string `json:"address"`
	Listener    string `json:"listener"`
	Version     string `json:"version"`
	LetIn       bool   `json:"let_in"`
	ConnectedMS int64  `json:"connected_ms"` // for how long it was
	AgeMS       int64  `json:"age_ms"`
	FirstMS     int64  `json:"first_age_ms"` // of the first of count
	Count       int    `json:"count"`
	Cause       string `json:"cause"`        // a word for programs
	Reason      string `json:"reason"`       // the same for people, in English
	Detail      string `json:"detail"`       // what else is known
	KeepAliveS  int64  `json:"keep_alive_s"` // of cause keep_alive
	By          string `json:"by"`           // of cause taken_over: the other's address
}

func endForm(e broker.End, now time.Time) End {
	return End{
		ID: e.ClientID, User: e.User, Address: e.Address, Listener: e.Listener, Version: e.Version, LetIn: e.LetIn,
		ConnectedMS: e.Connected.Milliseconds(), AgeMS: age(e.Time, now), FirstMS: age(e.First, now), Count: e.Count,
		Cause: string(e.Cause), Reason: e.Reason(), Detail: e.Detail, KeepAliveS: seconds(e.KeepAlive), By: e.By,
	}
}

// Ends is how the last connections ended.
type Ends struct {
	Ends []End `json:"ends"` // the newest first
}

func (s *System) disconnections(w http.ResponseWriter, _ *http.Request) {
	answer.JSON(w, s.ends(time.Now()))
}

func (s *System) ends(now time.Time) Ends {
	a := Ends{[]End{}}
	for _, e := range s.Broker.Ends() {
		a.Ends = append(a.Ends, endForm(e, now))
	}
	return a
}

// Broker is the broker as a whole.
type Broker struct {
	UptimeMS      int64      `json:"uptime_ms"`
	Rates         Rates      `json:"rates"`
	Listeners     []Listener `json:"listeners"`
	Subscriptions int64      `json:"subscriptions"`
	Shared        int64      `json:"shared_subscriptions"`
	Retained      int64      `json:"retained"`
	RetainedBytes int64      `json:"retained_bytes"`
	Queued        int64      `json:"queued"`
	QueuedBytes   int64      `json:"queued_bytes"`
	Received      int64      `json:"received"` // messages, since the start, as all that follow
	Sent          int64      `json:"sent"`
	Dropped       Dropped    `json:"dropped"`
	Refused       int64      `json:"refused"` // asked for without the right to
	RefusedLogins int64      `json:"refused_logins"`
}

// Dropped is how many messages subscribers did not get, by reason.
type Dropped struct {
	QueueFull  int64 `json:"queue_full"`
	Memory     int64 `json:"memory"`
	Expired    int64 `json:"expired"`
	TooLarge   int64 `json:"too_large"`
	NotAllowed int64 `json:"not_allowed"`
	Unreadable int64 `json:"unreadable"`
}

// Rates are what comes and goes each second, over the last minute.
type Rates struct {
	In       float64 `json:"in"` // messages
	Out      float64 `json:"out"`
	InBytes  float64 `json:"in_bytes"`
	OutBytes float64 `json:"out_bytes"`
}

// Listener is a door of the broker.
type Listener struct {
	Protocol      string `json:"protocol"`
	Address       string `json:"address"`
	Clients       int    `json:"clients"`
	Accepted      uint64 `json:"accepted"`
	Refused       uint64 `json:"refused"`
	Anonymous     bool   `json:"anonymous"`
	Rates         Rates  `json:"rates"`
	CertificateMS *int64 `json:"certificate_ms"` // until it expires, negative when it has; null without one
}

func ratesForm(r broker.Rates) Rates {
	return Rates{r.Messages, r.SentMessages, r.Bytes, r.SentBytes}
}

func (s *System) broker() Broker {
	st, now := s.Broker.Stats(), time.Now()
	b := Broker{
		UptimeMS: age(s.Started, now), Rates: ratesForm(s.Broker.Rates()), Listeners: []Listener{},
		Subscriptions: st.Subscriptions, Shared: st.SharedSubscriptions, Retained: st.Retained, RetainedBytes: st.RetainedBytes,
		Queued: st.Queued, QueuedBytes: st.QueuedBytes, Received: st.Received, Sent: st.Sent,
		Dropped: Dropped{st.DroppedFull, st.DroppedMemory, st.DroppedExpired, st.DroppedTooLarge, st.DroppedDenied, st.DroppedUnreadable},
		Refused: st.Refused, RefusedLogins: st.RefusedLogins,
	}
	for _, d := range s.Broker.Doors() {
		l := Listener{
			Protocol: d.Protocol, Address: d.Address, Clients: d.Clients, Accepted: d.Accepted, Refused: d.Refused,
			Anonymous: d.Anonymous, Rates: ratesForm(d.Rates),
		}
		if !d.CertificateExpires.IsZero() {
			ms := d.CertificateExpires.Sub(now).Milliseconds()
			l.CertificateMS = &ms
		}
		b.Listeners = append(b.Listeners, l)
	}
	return b
}
