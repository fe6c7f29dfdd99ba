package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"gateway/bridge/link"
	"gateway/bridge/link/dial"
)

// Probe tries out, beside a gateway that may be running, whether an upstream does
// what the routes of a bridge need. Nothing that it publishes stays retained.
type Probe struct {
	Config Config
	Log    *slog.Logger
	// SameID uses the bridge's own client id, and throws out the running gateway.
	// Without it "-test" follows the id.
	SameID bool
	// Topic is published to, in place of one below each route that goes out.
	Topic string
	// WriteOnly does not read back what is published, for where the upstream lets us
	// write and not read; what is acknowledged counts.
	WriteOnly bool
	// Report is told each step when it is done.
	Report func(Step)
}

// Step is one thing that was tried.
type Step struct {
	Name   string // connect, TLS, CONNECT, subscribe, publish
	Detail string
	Err    error // nil: it works
}

// probeTimeout is how long the upstream may take for one answer.
const probeTimeout = 10 * time.Second

// roundTrips is how often the way to the upstream and back is measured.
const roundTrips = 5

// Run tries each address, and tells whether all that the routes need works there.
func (p Probe) Run(ctx context.Context) bool {
	ok := true
	for _, address := range p.Config.addresses() {
		t := trial{Probe: p, profile: p.Config.profile(), heard: make(chan link.Message, 64)}
		t.address(ctx, address)
		ok = ok && !t.failed
	}
	return ok
}

// trial is the probing of one address. It is the session of its connection.
type trial struct {
	Probe
	profile Preset
	link    link.Link
	heard   chan link.Message // what came; what does not fit is lost
	id      uint16
	failed  bool
}

func (t *trial) Released(context.Context, uint16) error  { return nil }
func (t *trial) Forgotten(context.Context, uint16) error { return nil }

func (t *trial) Received(m link.Message) (func(context.Context) error, error) {
	select {
	case t.heard <- m:
	default:
	}
	return nil, nil
}

func (t *trial) report(name, detail string, err error) {
	t.failed = t.failed || err != nil
	t.Report(Step{name, detail, err})
}

func (t *trial) address(ctx context.Context, address string) {
	if !t.connect(ctx, address) {
		return
	}
	defer t.link.Close()
	for _, r := range (routes{all: t.Config.Topics}).inRoutes() {
		t.subscribe(ctx, r.remoteFilter(), t.qos(r))
	}
	if t.Topic != "" {
		t.publish(ctx, t.Topic, Route{QoS: 2})
		return
	}
	for _, r := range t.Config.Topics {
		if !r.out() {
			continue
		}
		if !strings.ContainsAny(r.Filter, "+#") {
			t.report("publish", fmt.Sprintf("%s is one topic of its own and not written to by a test; --topic TOPIC tries another", r.remoteFilter()), nil)
			continue
		}
		rs := routes{replace: t.profile.ReplaceInTopics}
		t.publish(ctx, rs.written(r.RemotePrefix+strings.NewReplacer("+", testLevel, "#", testLevel).Replace(r.Filter)), r)
	}
}

// testLevel stands for the wildcards of a route, so that what may write what the
// route has may write this.
const testLevel = "gateway-test"

// connect connects and says CONNECT.
func (t *trial) connect(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	began := time.Now()
	conn, err := newDialers(t.Config, t.profile, t.Log).dial(ctx, address)
	if err != nil {
		t.report("connect", address, err)
		return false
	}
	t.report("connect", fmt.Sprintf("%s in %v (%s)", address, ms(time.Since(began)), conn.RemoteAddr()), nil)
	if c, ok := conn.(*dial.Conn); ok && c.TLS() != nil && len(c.TLS().PeerCertificates) > 0 {
		cert := c.TLS().PeerCertificates[0]
		t.report("TLS", fmt.Sprintf("certificate of %s, signed by %s, valid until %s", cert.Subject, cert.Issuer, cert.NotAfter.UTC().Format("2006-01-02 15:04 MST")), nil)
	}
	h, err := t.Config.hello()
	h.CleanStart, h.ReceiveMaximum = true, 100
	if !t.SameID {
		h.ClientID += "-test"
	}
	if err == nil {
		t.link, err = upstreamOf(t.profile.Protocol).Connect(ctx, conn, h, t)
	} else {
		conn.Close()
	}
	t.report("CONNECT", fmt.Sprintf("MQTT %s as %s", t.profile.Protocol, h.ClientID), err)
	return err == nil
}

func ms(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

func (t *trial) qos(r Route) byte {
	return byte(min(r.QoS, t.profile.MaxQoS, int(t.link.Limits().MaxQoS)))
}

// subscribe tries a subscription, and tells whether it was granted.
func (t *trial) subscribe(ctx context.Context, filter string, qos byte) {
	granted, err := t.ask(ctx, filter, qos)
	detail := fmt.Sprintf("%s with QoS %d", filter, qos)
	if err == nil && granted < qos {
		detail += fmt.Sprintf("; the upstream grants QoS %d only", granted)
	}
	t.report("subscribe", detail, err)
}

func (t *trial) ask(ctx context.Context, filter string, qos byte) (granted byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	codes, err := t.link.Subscribe(ctx, []link.Subscription{{Filter: filter, QoS: qos, RetainAsPublished: true}})
	switch {
	case err != nil:
		return 0, err
	case len(codes) != 1:
		return 0, fmt.Errorf("SUBACK with %d codes for one filter", len(codes))
	case codes[0] >= 0x80:
		return 0, &link.Refused{Packet: "SUBACK", Code: codes[0]}
	}
	return codes[0], nil
}

// errUnseen is that a message was acknowledged and did not come back.
var errUnseen = errors.New("acknowledged, but it does not come back: the upstream lets this user either not write it or not read it, and MQTT 3.1.1 does not say which. Look at its rights (ACL); with protocol: 5 most say it, and --write-only does not read")

// publish tries what a route needs at topic, and measures the way there and back.
func (t *trial) publish(ctx context.Context, topic string, r Route) {
	qos := t.qos(r)
	retain := r.Retain != Never && r.Retain != "" && t.profile.RetainAvailable && !t.link.Limits().NoRetain
	detail := fmt.Sprintf("%s with QoS %d", topic, qos)
	if retain {
		detail += ", retained and removed again"
	}
	readable := false
	if !t.WriteOnly {
		_, err := t.ask(ctx, topic, qos)
		readable = err == nil
	}
	times, err := t.roundTrips(ctx, link.Message{Topic: topic, QoS: qos, Retain: retain}, readable)
	if retain {
		err = cmp.Or(err, t.send(ctx, link.Message{Topic: topic, QoS: qos, Retain: true}))
	}
	switch {
	case err != nil:
	case readable:
		slices.Sort(times)
		detail += fmt.Sprintf("; there and back in %v, median %v", ms(times[0]), ms(times[len(times)/2]))
	case t.WriteOnly:
		detail += "; acknowledged, and not read back"
	default:
		err = errUnseen
	}
	t.report("publish", detail, err)
}

// roundTrips publishes m several times, retained the first time if m is.
func (t *trial) roundTrips(ctx context.Context, m link.Message, readable bool) (times []time.Duration, err error) {
	for i := 0; i < roundTrips && err == nil; i++ {
		m.Payload = fmt.Appendf(nil, "gateway bridge test %d %d", i, time.Now().UnixNano())
		var took time.Duration
		took, err = t.roundTrip(ctx, m, readable)
		times = append(times, took)
		m.Retain = false
	}
	return times, err
}

// send publishes and waits for the acknowledgement.
func (t *trial) send(ctx context.Context, m link.Message) error {
	if m.QoS > 0 {
		t.id++
		m.ID = t.id
	}
	receipt := t.link.Publish(m)
	timeout := time.NewTimer(probeTimeout)
	defer timeout.Stop()
	select {
	case <-receipt.Done():
		return receipt.Err()
	case <-timeout.C:
		return fmt.Errorf("no acknowledgement of QoS %d within %v", m.QoS, probeTimeout)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// roundTrip publishes m, and waits for it to come back if it can be read.
func (t *trial) roundTrip(ctx context.Context, m link.Message, readable bool) (time.Duration, error) {
	began := time.Now()
	if err := t.send(ctx, m); err != nil || !readable {
		return 0, err
	}
	timeout := time.NewTimer(probeTimeout)
	defer timeout.Stop()
	for {
		select {
		case got := <-t.heard:
			if got.Topic == m.Topic && string(got.Payload) == string(m.Payload) {
				return time.Since(began), nil
			}
		case <-t.link.Lost():
			return 0, t.link.Cause()
		case <-timeout.C:
			return 0, errUnseen
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}
