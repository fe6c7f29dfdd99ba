package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gateway/broker"
	"gateway/cmd/gateway/internal/alerts"
	"gateway/cmd/gateway/internal/dashboard/access"
	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/cmd/gateway/internal/history"
	"gateway/sensors"
	"gateway/sensors/reading"
)

// demoHouse is the simulated house, which is there with --demo, or once somebody has
// started it on the page, until somebody removes it there: its sensors, what is
// retained of them, their history and the rules of its alerts.
type demoHouse struct {
	broker  *broker.Broker
	sensors *sensors.Sensors
	history *history.History // nil: nothing is recorded
	alerts  *alerts.Alerts
	log     *slog.Logger
	file    string // exists while it is there without --demo; "" keeps nothing

	changing sync.Mutex // held while it is put up or taken away
	ctx      context.Context
	past     sync.WaitGroup // what makes its history

	mu   sync.Mutex
	up   bool
	stop context.CancelFunc // of past
}

// wantsDemo tells whether the simulated house is to be there.
func (g *gateway) wantsDemo() bool {
	if g.demo {
		return true
	}
	folder := g.stateFolder("demo")
	if folder == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(folder, houseFile))
	return err == nil
}

const houseFile = "started"

// buildDemo makes what puts the simulated house up and takes it away. Its sensors
// are the last.
func (g *gateway) buildDemo() {
	h := &demoHouse{
		broker: g.broker, sensors: g.sensors[len(g.sensors)-1], history: g.history, alerts: g.alerts,
		log: g.log.With("part", "demo"), up: g.wantsDemo(), stop: func() {},
	}
	if folder := g.stateFolder("demo"); folder != "" {
		h.file = filepath.Join(folder, houseFile)
	}
	g.house = h
	if !h.up {
		h.leave()
	}
	g.dashboard.Handle(access.Admin, "POST /api/v1/demo/start", h.handler(h.start))
	g.dashboard.Handle(access.Admin, "POST /api/v1/demo/remove", h.handler(h.remove))
}

// leave forgets the history of a house that there was in an earlier run.
func (h *demoHouse) leave() {
	if h.file == "" || h.history == nil {
		return
	}
	if !h.hasPast() {
		return
	}
	if _, err := h.history.Delete(ofTheHouse()); err != nil {
		h.log.Warn("the history of the simulated house stays", "error", err)
		return
	}
	h.forgetPast()
}

// pastFile exists while there is a history of the house, so that nobody else's is
// taken for it.
func (h *demoHouse) pastFile() string { return filepath.Join(filepath.Dir(h.file), "past") }

// hasPast tells whether a history of the house was made.
func (h *demoHouse) hasPast() bool {
	if h.file == "" {
		return false
	}
	_, err := os.Stat(h.pastFile())
	return err == nil
}

// forgetPast notes that there is none any more.
func (h *demoHouse) forgetPast() {
	if h.file == "" {
		return
	}
	if err := os.Remove(h.pastFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		h.log.Warn("the history of the simulated house will not be made again", "error", err)
	}
}

// isUp tells whether the house is there.
func (h *demoHouse) isUp() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.up
}

// Run reads its sensors until ctx ends.
func (h *demoHouse) Run(ctx context.Context) error {
	h.changing.Lock()
	h.ctx = ctx
	if h.isUp() {
		h.furnish()
	}
	h.changing.Unlock()
	err := h.sensors.Run(ctx)
	h.past.Wait()
	return err
}

// demoTimeout is how long the house may take to come and to go.
const demoTimeout = 30 * time.Second

// handler answers with whether the house is there after f.
func (h *demoHouse) handler(f func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), demoTimeout)
		defer cancel()
		h.changing.Lock()
		defer h.changing.Unlock()
		if h.ctx == nil {
			answer.Fail(w, http.StatusServiceUnavailable, answer.Say("demo.starting", "The gateway is starting; try again in a moment."))
			return
		}
		if err := f(ctx); err != nil {
			h.log.Error("the simulated house is not changed as a whole", "error", err)
			answer.Fail(w, http.StatusInternalServerError, answer.Say("demo.failed", "The simulated house: {why}.", err))
			return
		}
		answer.JSON(w, map[string]bool{"demo": h.isUp()})
	}
}

// start puts the house up, if it is not there.
func (h *demoHouse) start(ctx context.Context) error {
	if h.isUp() {
		return nil
	}
	h.set(true)
	h.furnish()
	h.alerts.AddDemo()
	if _, err := h.sensors.Change(ctx, sensors.Demo()); err != nil {
		return err
	}
	if err := h.sensors.Remember(); err != nil {
		h.log.Warn("which sensors there are cannot be noted", "error", err)
	}
	h.log.Info("the simulated house is there")
	return h.note()
}

// remove takes the house away, with everything that there is of it.
func (h *demoHouse) remove(ctx context.Context) error {
	h.set(false)
	h.past.Wait()
	_, err := h.sensors.Change(ctx, sensors.Config{Site: history.Simulated})
	if err != nil {
		h.set(true)
		return err
	}
	h.alerts.DropDemo()
	for _, path := range demoPaths() {
		err = errors.Join(err, forget(h.broker, path))
	}
	err = errors.Join(err, h.sensors.Remember(), h.note())
	if h.history != nil {
		h.history.Settle(ctx) // or what is under way would come behind
		_, deleted := h.history.Delete(ofTheHouse())
		err = errors.Join(err, deleted)
		h.forgetPast()
	}
	h.log.Info("the simulated house is gone, and its history")
	return err
}

func (h *demoHouse) set(up bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.up = up
	h.stop()
	h.stop = func() {}
}

// note has the next start know whether the house is there.
func (h *demoHouse) note() error {
	if h.file == "" {
		return nil
	}
	if !h.isUp() {
		if err := os.Remove(h.file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(h.file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(h.file, []byte("by the page\n"), 0o600)
}

// notePast has a later start know that the history of the house is made up.
func (h *demoHouse) notePast() {
	if h.file == "" {
		return
	}
	err := os.MkdirAll(filepath.Dir(h.file), 0o700)
	if err == nil {
		err = os.WriteFile(h.pastFile(), nil, 0o600)
	}
	if err != nil {
		h.log.Warn("the history of the simulated house will stay after it", "error", err)
	}
}

// demoPaths are the sensors of the house.
func demoPaths() (all []reading.Path) {
	for _, c := range sensors.Demo().Sensors {
		if path, err := reading.NewPath(history.Simulated, c.Room, c.Name); err == nil {
			all = append(all, path)
		}
	}
	return all
}

// ofTheHouse tells which series are of the house.
func ofTheHouse() func(series string) bool {
	topics := make(map[string]bool)
	for _, p := range demoPaths() {
		topics[p.String()] = true
	}
	return func(series string) bool {
		topic, _, _ := strings.Cut(series, "#")
		return topics[topic] || strings.HasPrefix(topic, history.Simulated+"/alerts/")
	}
}
