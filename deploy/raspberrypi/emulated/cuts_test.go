//go:build linux

package emulated_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"gateway/deploy/raspberrypi/emulated/board"
	"gateway/deploy/raspberrypi/emulated/nbd"
)

// cutConfig has a sensor that is read each second, and writes as often as it can.
const cutConfig = open + `
sensors:
  - {driver: host, room: gateway, name: host, interval: 1s}
history:
  batch: 1s
`

var cutsPerBoard = flag.Int("cuts", 10, "power cuts of each board with -every, and half as many more while it boots")

// TestCuts cuts the power of a board while clients publish to it, again and again,
// and boots it from the same card. What was acknowledged is there.
func TestCuts(t *testing.T) {
	if !*every {
		t.Skip("TestBoard has one; make emulated has all")
	}
	for _, a := range []board.Arch{board.ARM64, board.ARMHF} {
		t.Run(a.Name, func(t *testing.T) {
			need(t, a)
			s := newCuts(t, newCard(t), "gateway/host", board.Options{Arch: a, Config: cutConfig})
			b := s.boot(t)
			s.begin(t, b)
			for i := range *cutsPerBoard {
				s.cut(t, b, nbd.Losses[i%len(nbd.Losses)])
				if i%2 == 1 {
					s.cutBoot(t, nbd.Losses[s.random.IntN(len(nbd.Losses))])
				}
				b = s.boot(t)
				s.check(t, b, i%3 != 1) // now and then what waits has to stand one more cut
				if t.Failed() {
					return
				}
			}
			if err := b.PowerOff(t.Context()); err != nil {
				t.Error(err)
			}
			s.card.check(t)
			s.figures()
		})
	}
}

// cuts is a board whose power is cut.
type cuts struct {
	options board.Options // that it boots with, each time
	sensor  string        // one that is read often
	card    *card
	load    *load
	random  *rand.Rand

	booted time.Time        // the last time
	past   map[string]int64 // what the history had: the time of the first sample of each series, ms since 1970
	count  int              // cuts
	lost   int              // sectors
}

func newCuts(t *testing.T, c *card, sensor string, o board.Options) *cuts {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed of the cuts: %d", seed)
	o.Disk = c.name()
	return &cuts{options: o, sensor: sensor, card: c, load: newLoad(seed), random: rand.New(rand.NewPCG(seed, 99))}
}

func (s *cuts) boot(t *testing.T) *board.Board {
	t.Helper()
	s.booted = time.Now()
	return boot(t, s.options)
}

// begin prepares what the first cut must not take: a session that is away, and a
// history of some batches.
func (s *cuts) begin(t *testing.T, b *board.Board) {
	t.Helper()
	s.load.begin(t, b.MQTT)
	s.awaitHistory(t, b, func(x seriesInfo) bool { return x.LastMS-x.FirstMS >= 3000 })
}

// cut loads the board, and cuts its power in mid-write.
func (s *cuts) cut(t *testing.T, b *board.Board, loss nbd.Loss) {
	t.Helper()
	before := s.load.acked.Load()
	began := time.Now()
	s.load.run(t, b.MQTT, 50+s.random.Int64N(1000), func() { s.note(s.card.cut(t, b, loss, s.random)) })
	t.Logf("%d messages acknowledged in %.1f s", s.load.acked.Load()-before, time.Since(began).Seconds())
}

func (s *cuts) note(r nbd.Report) {
	s.count++
	s.lost += r.Waiting - r.Reached
}

// cutBoot cuts the power while the board boots, plays the journal of its file
// system back, and the gateway looks at what the cut before has left.
func (s *cuts) cutBoot(t *testing.T, loss nbd.Loss) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootPatience)
	defer cancel()
	stopped := s.card.StopAfter(1 + s.random.IntN(40))
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-stopped:
			cancel()
		case <-ctx.Done():
		}
	})
	b, err := board.Boot(ctx, prepare(t, s.options))
	select {
	case <-stopped:
	default:
		if err != nil {
			t.Fatal(err)
		}
		t.Log("the board has booted before it had written as much")
	}
	cancel()
	waiting.Wait()
	if err == nil {
		b.Kill()
	}
	s.note(s.card.lose(t, loss, s.random))
}

// check looks at a board that has booted after a cut.
func (s *cuts) check(t *testing.T, b *board.Board, drain bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, status, err := b.Run(ctx, "store", "verify", "--dir", board.State+"/store")
	if err != nil || status != 0 {
		t.Errorf("store verify: exit status %d, %v\n%s", status, err, out)
	}
	if bad := regexp.MustCompile(`.*(damaged|set aside|level=ERROR).*`).FindString(b.Serial()); bad != "" {
		t.Errorf("the gateway says: %s", bad)
	}
	s.load.tree(t, b.MQTT)
	if drain {
		s.load.drain(t, b.MQTT)
	}
	sub := subscribe(t, b.MQTT)
	sub.await("a new reading", func() bool {
		at, _ := sub.values(s.sensor)["time"].(string)
		when, err := time.Parse(time.RFC3339, at)
		return err == nil && when.After(s.booted)
	})
	sub.c.Close()
	s.history(t, b)
}

// history looks whether the history has what it had, and goes on.
func (s *cuts) history(t *testing.T, b *board.Board) {
	t.Helper()
	booted := s.booted.UnixMilli()
	now := s.awaitHistory(t, b, func(x seriesInfo) bool { return x.FirstMS < booted && x.LastMS > booted })
	for name, first := range s.past {
		if now[name] != first {
			t.Errorf("the history of %s began at %d, and now at %d", name, first, now[name])
		}
	}
	s.past = now
}

// awaitHistory waits until a series of the sensor fits, and returns when
// each of them began.
func (s *cuts) awaitHistory(t *testing.T, b *board.Board, fits func(seriesInfo) bool) map[string]int64 {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		all := series(t, b.Page, s.sensor)
		if slices.ContainsFunc(all, fits) {
			first := make(map[string]int64)
			for _, x := range all {
				first[x.Series] = x.FirstMS
			}
			return first
		}
		if time.Now().After(end) {
			t.Fatalf("the history does not go on: %v", all)
		}
	}
}

// seriesInfo is a series of the history.
type seriesInfo struct {
	Series  string `json:"series"`
	FirstMS int64  `json:"first_ms"`
	LastMS  int64  `json:"last_ms"`
	Samples int    `json:"samples"`
}

// series asks the page what the history has of a sensor.
func series(t *testing.T, page, sensor string) (all []seriesInfo) {
	t.Helper()
	if err := ask(t.Context(), page+"/api/v1/series?filter=board/"+sensor, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// ask gets JSON.
func ask(ctx context.Context, url string, v any) error {
	body, err := get(ctx, url)
	if err != nil {
		return err
	}
	defer body.Close()
	return json.NewDecoder(body).Decode(v)
}

// get returns what the page answers with, which the caller closes.
func get(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return resp.Body, nil
}

// figures notes for the document how many cuts there were, and what they took.
func (s *cuts) figures() {
	a := s.options.Arch
	measured.add(a, "power cuts, of which some while it boots", "", "", float64(s.count))
	measured.add(a, "sectors they have lost", "", "", float64(s.lost))
	measured.add(a, "messages acknowledged before them", "", "", float64(s.load.acked.Load()))
	measured.add(a, "of these lost, twice at QoS 2, or out of order", "", "0", 0) // or the test has failed
}
