package broker

import (
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"time"

	"gateway/broker/store"
)

// The figures below $SYS have Mosquitto's names, so that what reads them
// there reads them here. What was dropped is given by reason too.

// sysPublisher publishes them. It belongs to the schedule's goroutine.
type sysPublisher struct {
	b     *Broker
	last  map[string]string // what was published
	loads []load
	at    time.Time
	max   int64 // clients, the most there were
	heap  int64 // bytes, the most that were seen
}

// load is a figure averaged over the last 1, 5 and 15 minutes, per minute.
type load struct {
	name  string
	value func(*counters) int64
	last  int64
	avg   [3]float64
}

// The averages' names and their times in seconds.
var loadMinutes = [3]struct {
	name    string
	seconds float64
}{{"1min", 60}, {"5min", 300}, {"15min", 900}}

func loads() []load {
	return []load{
		{name: "messages/received", value: func(c *counters) int64 { return c.packetsReceived.Load() }},
		{name: "messages/sent", value: func(c *counters) int64 { return c.packetsSent.Load() }},
		{name: "publish/received", value: func(c *counters) int64 { return c.publishReceived.Load() }},
		{name: "publish/sent", value: func(c *counters) int64 { return c.publishSent.Load() }},
		{name: "publish/dropped", value: (*counters).dropped},
		{name: "bytes/received", value: func(c *counters) int64 { return c.bytesReceived.Load() }},
		{name: "bytes/sent", value: func(c *counters) int64 { return c.bytesSent.Load() }},
		{name: "sockets", value: func(c *counters) int64 { return c.connectionsTotal.Load() }},
		{name: "connections", value: func(c *counters) int64 { return c.accepted.Load() }},
	}
}

// startSys publishes the figures now and at every interval, if they are
// wanted at all.
func (b *Broker) startSys() {
	if b.cfg().SysInterval <= 0 || !b.figures.CompareAndSwap(false, true) {
		return
	}
	s := &sysPublisher{b: b, last: make(map[string]string), loads: loads(), at: time.Now()}
	s.put("version", versionText())
	s.tick()
}

// versionText is the broker's name and version.
func versionText() string {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	return "gateway version " + version
}

func (s *sysPublisher) tick() {
	now := time.Now()
	s.publish(now)
	every := s.b.cfg().SysInterval
	if every <= 0 { // since the last time
		s.b.figures.Store(false)
		s.b.startSys() // if they are wanted again since: whoever wants them has found them still there
		return
	}
	s.b.timers.at(now.Add(every), s.tick)
}

// put publishes a figure that has changed.
func (s *sysPublisher) put(name, value string) {
	if s.last[name] == value {
		return
	}
	s.last[name] = value
	s.b.publish(&Message{Topic: "$SYS/broker/" + name, Payload: []byte(value), Retain: true})
}

func (s *sysPublisher) number(name string, n int64) { s.put(name, strconv.FormatInt(n, 10)) }

func (s *sysPublisher) publish(now time.Time) {
	st, c := s.b.Stats(), &s.b.counters
	s.put("uptime", fmt.Sprintf("%d seconds", int64(now.Sub(s.b.started).Seconds())))
	s.max = max(s.max, st.Clients)
	s.number("clients/total", st.Sessions)
	s.number("clients/connected", st.Clients)
	s.number("clients/active", st.Clients)
	s.number("clients/disconnected", st.Sessions-st.Clients)
	s.number("clients/inactive", st.Sessions-st.Clients)
	s.number("clients/maximum", s.max)
	s.number("clients/expired", c.expiredSessions.Load())
	s.number("messages/received", c.packetsReceived.Load())
	s.number("messages/sent", c.packetsSent.Load())
	s.number("messages/stored", st.Retained+st.Queued)
	s.number("store/messages/count", st.Retained+st.Queued)
	s.number("store/messages/bytes", st.RetainedBytes+st.QueuedBytes)
	s.number("retained messages/count", st.Retained)
	s.number("subscriptions/count", st.Subscriptions)
	s.number("shared_subscriptions/count", st.SharedSubscriptions)
	s.number("bytes/received", c.bytesReceived.Load())
	s.number("bytes/sent", c.bytesSent.Load())
	s.number("publish/messages/received", c.publishReceived.Load())
	s.number("publish/messages/sent", c.publishSent.Load())
	s.number("publish/bytes/received", c.payloadReceived.Load())
	s.number("publish/bytes/sent", c.payloadSent.Load())
	s.number("publish/messages/dropped", c.dropped())
	s.number("publish/messages/dropped/queue_full", st.DroppedFull)
	s.number("publish/messages/dropped/memory", st.DroppedMemory)
	s.number("publish/messages/dropped/expired", st.DroppedExpired)
	s.number("publish/messages/dropped/too_large", st.DroppedTooLarge)
	s.number("publish/messages/dropped/not_retained", st.DroppedRetained)
	s.number("publish/messages/dropped/not_allowed", st.DroppedDenied)
	s.number("publish/messages/dropped/unreadable", st.DroppedUnreadable)
	s.number("publish/messages/not_stored", st.NotStored)
	s.number("publish/messages/refused", st.Refused)
	s.number("publish/messages/refused/too_large", st.RefusedTooLarge)
	s.number("clients/refused", st.RefusedLogins)
	s.disk(st.Store)
	s.memory()
	s.averages(now)
}

// disk publishes how the store is.
func (s *sysPublisher) disk(st *store.Stats) {
	if st == nil {
		return
	}
	state := "ok"
	switch {
	case st.Failure != nil:
		state = "cannot be written since " + st.Since.UTC().Format(time.RFC3339) + ": " + st.Failure.Error()
	case st.Damaged > 0:
		state = fmt.Sprintf("%d parts could not be read at the start; see the log, and gateway store verify", st.Damaged)
	}
	s.put("store/state", state)
	s.number("store/bytes", st.Bytes)
	s.number("store/bytes/needed", st.Live)
	s.number("store/bytes/pending", st.Pending)
	s.number("store/bytes/written", st.Written)
	s.number("store/commits", st.Commits)
	s.number("store/segments", int64(st.Segments))
}

// memory publishes how much the process has in use.
func (s *sysPublisher) memory() {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	now := int64(sample[0].Value.Uint64())
	s.heap = max(s.heap, now)
	s.number("heap/current", now)
	s.number("heap/maximum", s.heap)
}

// averages publishes the averages over the last minutes.
func (s *sysPublisher) averages(now time.Time) {
	passed := now.Sub(s.at).Seconds()
	s.at = now
	for i := range s.loads {
		l := &s.loads[i]
		total := l.value(&s.b.counters)
		perMinute := 0.0
		if passed > 0 {
			perMinute = float64(total-l.last) * 60 / passed
		}
		l.last = total
		for j, m := range loadMinutes {
			keep := math.Exp(-passed / m.seconds)
			l.avg[j] = keep*l.avg[j] + (1-keep)*perMinute
			s.put("load/"+l.name+"/"+m.name, strconv.FormatFloat(l.avg[j], 'f', 2, 64))
		}
	}
}
