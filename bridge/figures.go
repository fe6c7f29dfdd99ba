package bridge

import (
	"context"
	"math"
	"strconv"
	"time"

	"gateway/broker"
)

// figuresInterval is how often the figures of a bridge are published.
const figuresInterval = 10 * time.Second

// rateTime is over how long a rate is averaged.
const rateTime = time.Minute

// rates are averages over the last minute or so.
type rates struct {
	at                 time.Time
	forwarded, arrived uint64
	out, in            float64 // messages a second
}

// tick takes the totals of this moment.
func (r *rates) tick(now time.Time, forwarded, arrived uint64) {
	d := now.Sub(r.at)
	if r.at.IsZero() || d <= 0 {
		r.at, r.forwarded, r.arrived = now, forwarded, arrived
		return
	}
	weight := 1 - math.Exp(-d.Seconds()/rateTime.Seconds())
	r.out += weight * (float64(forwarded-r.forwarded)/d.Seconds() - r.out)
	r.in += weight * (float64(arrived-r.arrived)/d.Seconds() - r.in)
	r.at, r.forwarded, r.arrived = now, forwarded, arrived
}

// drain estimates how long it takes until nothing of waiting messages is left:
// 0 if none is, -1 s if that cannot be said because no more go out than come.
func (r *rates) drain(waiting int) time.Duration {
	net := r.out - r.in
	switch {
	case waiting == 0:
		return 0
	case net <= 0.001:
		return -time.Second
	}
	return time.Duration(min(float64(waiting)/net*float64(time.Second), math.MaxInt64/2)).Round(time.Second)
}

// figures publishes what is known below $SYS/broker/connection/<name>/ until ctx
// ends.
func (br *Bridge) figures(ctx context.Context) {
	tick := time.NewTicker(figuresInterval)
	defer tick.Stop()
	last := make(map[string]string)
	for {
		br.tickRates(time.Now())
		br.putFigures(br.State(), time.Now(), last)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (br *Bridge) tickRates(now time.Time) {
	arrived := br.sub.Stats().Arrived
	br.mu.Lock()
	defer br.mu.Unlock()
	br.rates.tick(now, br.state.Forwarded, arrived)
}

// putFigures publishes what has changed since last.
func (br *Bridge) putFigures(s State, now time.Time, last map[string]string) {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	age := func(t time.Time) string { return number(int64(Age(t, now) / time.Second)) }
	all := map[string]string{
		"address":             s.Address,
		"paused":              s.Paused,
		"queue/messages":      number(int64(s.Queue.Waiting + s.Queue.Unacked)),
		"queue/bytes":         number(s.Queue.Bytes),
		"queue/oldest_age":    age(s.Queue.Oldest),
		"queue/dropped":       number(int64(s.Queue.Dropped)),
		"queue/too_old":       number(int64(s.Queue.TooOld)),
		"queue/superseded":    number(int64(s.Queue.Superseded)),
		"messages/forwarded":  number(int64(s.Forwarded)),
		"messages/received":   number(int64(s.Received)),
		"messages/set_aside":  number(int64(s.Aside)),
		"last_ack_age":        age(s.LastAck),
		"rate":                strconv.FormatFloat(s.Rate, 'f', 1, 64),
		"drain_time":          number(int64(s.Drain / time.Second)),
		"error":               s.LastError,
		"error_age":           age(s.ErrorTime),
		"subscriptions/error": strconv.Itoa(len(s.Refused)),
	}
	for name, value := range all {
		if before, ok := last[name]; ok && before == value {
			continue
		}
		last[name] = value
		err := br.b.Publish(&broker.Message{Topic: "$SYS/broker/connection/" + br.cfg.Name + "/" + name, Payload: []byte(value), Retain: true})
		if err != nil {
			br.log.Error("cannot publish the figures of the bridge", "error", err)
			return
		}
	}
}

// Age returns how long ago t was, at least 0; -1 s if t is zero: never.
func Age(t, now time.Time) time.Duration {
	if t.IsZero() {
		return -time.Second
	}
	return max(0, now.Sub(t))
}
