package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gateway/broker"
	"gateway/broker/store"
)

// watchdogTopic is what the watchdog publishes to itself. Nobody records what
// begins with $SYS, and a bridge has to name it.
const watchdogTopic = "$SYS/gateway/watchdog"

// runNotify tells systemd that the gateway can be used, that it still works, and
// that it stops.
func (g *gateway) runNotify(ctx context.Context) error {
	g.notify.Ready(g.statusText())
	defer g.notify.Stopping()
	w := watchdog{g: g, committer: committer{since: time.Now()}}
	return g.notify.Watch(ctx, w.check)
}

// statusText is the gateway in a sentence, for systemctl status.
func (g *gateway) statusText() string {
	var where []string
	if page := g.page(); page != "" {
		where = append(where, "page "+page)
	}
	if tcp, _ := g.doors(); len(tcp) > 0 {
		where = append(where, "MQTT "+strings.Join(tcp, ", "))
	}
	text := strings.Join(where, "; ")
	if text == "" {
		text = "running"
	}
	switch alarms := g.about().Alarms; len(alarms) {
	case 0:
		return text
	case 1:
		return "1 alarm: " + alarms[0].Error() + " " + text
	default:
		return fmt.Sprintf("%d alarms, the first: %s %s", len(alarms), alarms[0], text)
	}
}

// watchdog finds out whether the gateway works: whether a message goes through the
// broker, and whether what has to be stored is being written.
type watchdog struct {
	g         *gateway
	committer committer
	n         int // messages
}

func (w *watchdog) check(ctx context.Context) error {
	w.n++
	if err := throughBroker(ctx, w.g.broker, strconv.Itoa(w.n)); err != nil {
		return err
	}
	if w.g.store != nil {
		if err := w.committer.check(w.g.store.Stats(), time.Now(), w.g.cfg().Persistence.Interval); err != nil {
			return err
		}
	}
	w.g.notify.Status(w.g.statusText())
	return nil
}

// throughBroker publishes a message and waits until it is delivered.
func throughBroker(ctx context.Context, b *broker.Broker, text string) error {
	sub, err := b.Subscribe(broker.SubscribeOptions{}, watchdogTopic)
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	defer sub.Close()
	if err := b.Publish(&broker.Message{Topic: watchdogTopic, Payload: []byte(text)}); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	for {
		d, err := sub.Next(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("broker: a message to %s has not come back: %w", watchdogTopic, err)
		case string(d.Payload) == text:
			return nil
		} // else somebody else's
	}
}

// committer is what was seen of the store's last writes.
type committer struct {
	commits int64
	since   time.Time // when commits was last seen to rise, or nothing to wait
}

// commitPatience is how long one write may take. Cards that clear up inside have
// been seen to take tens of seconds.
const commitPatience = 2 * time.Minute

// check fails if something has waited to be written for much longer than it
// should, and the store does not know why. What it knows, a full disk or one that
// cannot be written, is an alarm on the page; a restart would not mend it, and
// would end all that still works.
func (c *committer) check(st store.Stats, now time.Time, interval time.Duration) error {
	if st.Commits != c.commits || st.Pending == 0 || st.Failure != nil {
		c.commits, c.since = st.Commits, now
		return nil
	}
	if d := now.Sub(c.since); d > interval+commitPatience {
		return fmt.Errorf("store: %d bytes wait, and nothing was written for %v", st.Pending, d.Round(time.Second))
	}
	return nil
}
