package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"gateway/cmd/gateway/internal/dashboard/access"
	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/cmd/gateway/internal/health"
	"gateway/cmd/gateway/internal/history"
	"gateway/sensors/reading"
)

// buildHistory opens the history and has it collect from now on.
func (g *gateway) buildHistory() error {
	if !g.cfg().History.Enabled {
		for _, pattern := range []string{"GET /api/v1/series", "GET /api/v1/history", "GET /api/v1/export"} {
			g.dashboard.Handle(access.Read, pattern, http.HandlerFunc(historyIsOff))
		}
		return nil
	}
	deps := history.Deps{
		Broker: g.broker, Log: g.log.With("part", "history"), Clock: clockOf{g},
		Folder: g.stateFolder("history"), StateFolder: g.stateFolder("recorder"),
	}
	h, err := history.Open(g.cfg().History, deps)
	if err != nil && deps.Folder != "" {
		// Better a gateway whose charts begin anew than none.
		g.log.Error("history is kept in memory until the gateway stops: its folder cannot be used", "folder", deps.Folder, "error", err)
		g.historyFailure = answer.Say("alarm.memory", "History is kept in memory only: {why}.", err)
		deps.Folder, deps.StateFolder = "", ""
		h, err = history.Open(g.cfg().History, deps)
	}
	if err != nil {
		return err
	}
	g.history = h
	h.LeaveOut(g.cfg().HomeAssistant.Filters())
	g.dashboard.Handle(access.Read, "GET /api/v1/series", http.HandlerFunc(h.ServeSeries))
	g.dashboard.Handle(access.Read, "GET /api/v1/history", http.HandlerFunc(h.ServeHistory))
	g.dashboard.Handle(access.Read, "GET /api/v1/export", http.HandlerFunc(h.ServeExport))
	g.dashboard.Handle(access.Admin, "DELETE /api/v1/history", http.HandlerFunc(h.ServeDelete))
	g.dashboard.AddHealth(g.historyHealth)
	g.dashboard.SetPast(h.Points)
	return nil
}

// historyIsOff says why there is nothing on the charts.
func historyIsOff(w http.ResponseWriter, _ *http.Request) {
	answer.Fail(w, http.StatusNotFound, answer.Say("history.off", "Nothing is recorded: history.enabled is false in the configuration."))
}

// runHistory records until ctx ends; without a history it waits.
func (g *gateway) runHistory(ctx context.Context) error {
	if g.history == nil {
		<-ctx.Done()
		return nil
	}
	return g.history.Run(ctx)
}

func (g *gateway) closeHistory() error {
	if g.history == nil {
		return nil
	}
	return g.history.Close()
}

// historyAlarms are what of the history needs a person.
func (g *gateway) historyAlarms() (all []error) {
	if g.historyFailure != nil {
		all = append(all, g.historyFailure)
	}
	if g.history != nil {
		all = append(all, g.history.Alarms()...)
	}
	return all
}

// historyHealth writes the figures of the history for a person.
func (g *gateway) historyHealth(w io.Writer) {
	f := g.history.Figures()
	fmt.Fprintf(w, "history: %d series of at most %d, %d numbers recorded, %d bytes written\n", f.Series, g.cfg().History.MaxSeries, f.Recorded, f.Written)
	fmt.Fprintf(w, "  left out: %d too many series, %d too old, %d messages of an unknown time\n", f.Rejected, f.TooOld, f.Unknown)
	fmt.Fprintf(w, "  lost: %d messages that came too fast, %d samples that could not be written, %d damaged files\n", f.Overrun, f.Dropped, f.Damaged)
}

// historyFigures are those for Prometheus.
func (g *gateway) historyFigures() []health.Figure {
	if g.history == nil {
		return nil
	}
	f := g.history.Figures()
	failing := 0.0
	if f.Failing != "" {
		failing = 1
	}
	return []health.Figure{
		{Name: "gateway_history_series", Type: "gauge", Help: "Series that there are.", Value: float64(f.Series)},
		{Name: "gateway_history_recorded_samples_total", Type: "counter", Help: "Numbers that were recorded.", Value: float64(f.Recorded)},
		{Name: "gateway_history_written_bytes_total", Type: "counter", Help: "Bytes written to files.", Value: float64(f.Written)},
		{Name: "gateway_history_pending_samples", Type: "gauge", Help: "Samples that are not on disk yet.", Value: float64(f.Pending)},
		{Name: "gateway_history_failing", Type: "gauge", Help: "1 if it cannot be written.", Value: failing},
		{Name: "gateway_history_lost_samples_total", Type: "counter", Help: "Samples that could not be written and are forgotten.", Value: float64(f.Dropped)},
		{Name: "gateway_history_lost_messages_total", Type: "counter", Help: "Messages that came faster than they could be recorded.", Value: float64(f.Overrun)},
		{Name: "gateway_history_rejected_samples_total", Type: "counter", Help: "Numbers that were not recorded, as there are too many series.", Value: float64(f.Rejected)},
		{Name: "gateway_history_damaged_files", Type: "gauge", Help: "Damaged files that were set aside.", Value: float64(f.Damaged)},
	}
}

// clockOf tells history what the sensors know of the clock.
type clockOf struct{ g *gateway }

func (c clockOf) Now() (boot string, synced bool) {
	for _, s := range c.g.sensors {
		return s.Boot(), s.ClockSynced()
	}
	return "", true
}

func (c clockOf) Shift(boot string) (by time.Duration, known bool) {
	at := time.Unix(0, 0)
	for _, s := range c.g.sensors {
		if r, ok := s.Correct(reading.Reading{Time: at, Unsynced: true, Boot: boot}); ok {
			return r.Time.Sub(at), true
		}
	}
	return 0, false
}
