package alerts

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gateway/broker"
	"gateway/sensors/reading"
)

const (
	// maxWaiting and maxWaitingBytes bound the messages that are not yet looked at;
	// the oldest goes, and is counted.
	maxWaiting      = 4096
	maxWaitingBytes = 8 << 20
	// liveInterval is the shortest time between two values of an alert that pages
	// are told of.
	liveInterval = 2 * time.Second
	// saveInterval is the shortest time between two writes of the file, for the
	// sake of SD cards. What a person does is written at once.
	saveInterval = 10 * time.Second
	// idle is how often the ticker looks though nothing is due.
	idle = time.Hour
)

// Run follows the tree until ctx ends, and returns when all its goroutines have
// ended and what it knows is written. It is to be called once.
func (a *Alerts) Run(ctx context.Context) error {
	a.begin()
	var ticking sync.WaitGroup
	defer ticking.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ticking.Go(func() { a.ticks(ctx) })
	for ctx.Err() == nil {
		if err := a.follow(ctx); err != nil {
			return err
		}
	}
	cancel()
	ticking.Wait()
	a.save(true)
	return nil
}

// begin publishes how things are, where that is not what is retained.
func (a *Alerts) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.damaged != "" {
		a.deps.Log.Error("what was known of alerts is lost", "error", a.damaged)
	}
	for _, base := range a.orphans {
		a.unpublish(base)
	}
	a.orphans = nil
	for _, al := range a.sorted() {
		a.publish(al)
	}
}

// follow takes in messages until ctx ends or there are other filters.
func (a *Alerts) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.mu.Lock()
	a.refresh = cancel
	sub, filters := a.sub, a.filters()
	early := sub != nil && slices.Equal(a.following, filters)
	a.mu.Unlock()
	if !early {
		if sub != nil { // the rules have changed since Subscribe
			sub.Close()
		}
		var err error
		if sub, err = a.subscribe(filters); err != nil {
			return err
		}
	}
	defer sub.Close()
	for {
		d, err := sub.Next(ctx)
		if err != nil {
			break // ctx has ended, and nothing else ends it
		}
		a.take(d, a.now())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sub = nil
	a.lost += sub.Stats().Dropped
	return nil
}

// Subscribe has messages wait for Run from now on, as many as there is room for. It
// is called before Run, at most once, and before anybody can publish: what comes in
// the meantime would not be seen. Without it Run begins with what is retained.
func (a *Alerts) Subscribe() error {
	a.mu.Lock()
	filters := a.filters()
	a.mu.Unlock()
	_, err := a.subscribe(filters)
	return err
}

func (a *Alerts) subscribe(filters []string) (*broker.Subscription, error) {
	sub, err := a.deps.Tree.Subscribe(broker.SubscribeOptions{MaxMessages: maxWaiting, MaxBytes: maxWaitingBytes, Skip: a.skips()}, filters...)
	if err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sub, a.following = sub, filters
	return sub, nil
}

// skips returns what need not wait for us: what we have published.
func (a *Alerts) skips() func(*broker.Message) bool {
	return func(m *broker.Message) bool {
		return m.Origin == origin || a.isOurs(m.Topic) && !strings.HasSuffix(m.Topic, ackSuffix)
	}
}

// isOurs tells whether a topic is one of alerts, and not of values.
func (a *Alerts) isOurs(name string) bool {
	for _, site := range []string{a.deps.Site, demoSite} {
		if rest, ok := strings.CutPrefix(name, site); ok && strings.HasPrefix(rest, "/"+level+"/") {
			return true
		}
	}
	return false
}

// take looks at a message.
func (a *Alerts) take(d broker.Delivery, now moment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clock(now)
	if a.isOurs(d.Topic) {
		a.takeAck(d, now)
		return
	}
	if d.Retain && len(d.Payload) == 0 {
		a.forget(d.Topic, now)
		return
	}
	a.takeStatus(d, now)
	rules := a.concerned(d.Topic)
	if len(rules) == 0 {
		return
	}
	p := readPayload(d.Payload)
	for _, r := range rules {
		a.takeValue(r, d, p, now)
	}
}

// takeValue looks at a message for one rule.
func (a *Alerts) takeValue(r *rule, d broker.Delivery, p payload, now moment) {
	s := sample{time: p.believed(now), replay: d.Replay}
	s.value, s.number = p.at(r.value.Key)
	if !s.number && (r.limited() || r.value.Key != "") {
		return // it is about something else
	}
	al := a.alert(r, d.Topic, now, now.mono < grace)
	if al == nil || !al.take(s, now) {
		return
	}
	al.simulated = p.simulated
	a.judge(al, now)
	if al.published[0] == "" {
		a.publish(al) // a value that is new
		a.touch()
		a.wake()
	}
	if al.phase != OK {
		a.live(now)
	}
}

// live says that the value of an alert has changed, not too often.
func (a *Alerts) live(now moment) {
	if now.mono-a.lastLive >= liveInterval {
		a.lastLive = now.mono
		a.touch()
		return
	}
	if !a.liveNews {
		a.liveNews = true
		a.wake()
	}
}

// takeStatus notes what a sensor says of itself.
func (a *Alerts) takeStatus(d broker.Delivery, now moment) {
	name, is := strings.CutSuffix(d.Topic, "/status")
	if !is {
		return
	}
	path, err := reading.ParsePath(name)
	if err != nil {
		return
	}
	from := now.mono
	if d.Replay {
		from = max(from, grace) // sensors are about to say something else
	}
	for _, r := range a.concerned(name) {
		if !r.Status || a.alerts[key{r.Name, name}] == nil && !a.has(path, r) {
			continue
		}
		if al := a.alert(r, name, now, now.mono < grace); al != nil {
			al.say(reading.Status(d.Payload), from)
			a.judge(al, now)
		}
	}
}

// has tells whether the sensor at a path has the value of a rule, though it has
// not come yet.
func (a *Alerts) has(path reading.Path, r *rule) bool {
	if r.value.Key == "" {
		return !r.limited()
	}
	_, ok := a.axis(path.String(), reading.Quantity(r.value.Key))
	return ok
}

// forget is that somebody has taken a topic out of the tree: it is no value any
// more of a rule with wildcards.
func (a *Alerts) forget(name string, now moment) {
	for _, r := range a.concerned(name) {
		al := a.alerts[key{r.Name, name}]
		switch {
		case al == nil:
		case r.value.Many():
			a.remove(al, now)
		default:
			al.has = false
		}
	}
}

// remove ends an alert for good.
func (a *Alerts) remove(al *alert, now moment) {
	delete(a.alerts, key{al.rule.Name, al.topic})
	a.unpublish(a.base(al.rule, al.topic))
	a.dirty = true
	if al.phase.fires() {
		e := al.event(Removed, now)
		a.events = append(a.events, e)
	}
	a.touch()
	a.wake()
}

// clock notices that the clock of the wall was set.
func (a *Alerts) clock(now moment) {
	step := stepOf(now) - a.step
	a.step += step
	if step.Abs() <= clockSlack {
		return
	}
	a.deps.Log.Info("the clock was set", "by", step.Round(time.Millisecond))
	for _, al := range a.alerts {
		al.clockSet()
		if al.thisRun {
			al.since = al.since.Add(step)
			a.publish(al)
		}
	}
	for i := range a.events {
		if a.events[i].thisRun {
			a.events[i].TimeMS += step.Milliseconds()
		}
	}
	a.dirty = true
	a.touch()
}

// stepOf is what the wall's clock is ahead of the other.
func stepOf(now moment) time.Duration { return time.Duration(now.wall.UnixNano()) - now.mono }

// ticks looks at the alerts when something is due, until ctx ends.
func (a *Alerts) ticks(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-a.kick:
		}
		wait, save := a.tick(a.now())
		if save {
			a.save(false)
		}
		timer.Reset(wait)
	}
}

// tick judges everything, and returns how long nothing is due, and whether the
// file is to be written.
func (a *Alerts) tick(now moment) (wait time.Duration, save bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clock(now)
	a.next = now.mono // nobody need wake us
	next := now.mono + idle
	sooner := func(at time.Duration) { next = min(next, at) }
	for _, al := range a.alerts {
		a.judge(al, now)
		if at, ok := al.due(al.rule.Rule, now); ok {
			sooner(at)
		}
	}
	if a.liveNews {
		if now.mono-a.lastLive >= liveInterval {
			a.lastLive = now.mono
			a.touch()
		} else {
			sooner(a.lastLive + liveInterval)
		}
	}
	if a.dirty {
		at := a.saved + saveInterval
		if save = now.mono >= at; save {
			at = now.mono + saveInterval // to try again, if it fails
		}
		sooner(at)
	}
	a.next = next
	return max(0, next-now.mono), save
}
