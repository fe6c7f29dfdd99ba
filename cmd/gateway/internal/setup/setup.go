package setup

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard/access"
	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/cmd/gateway/internal/doctor"
	"gateway/sensors"
	"gateway/sensors/scan"
)

// Deps is what setup needs from outside.
type Deps struct {
	Log  *slog.Logger
	File *File
	// Config is what the gateway was started with.
	Config *config.Config
	// Sensors are those of the configuration.
	Sensors *sensors.Sensors
	Machine doctor.Machine
	// Scan has what opens buses, and the file system from /.
	Scan scan.Deps
	// DeleteHistory forgets what was recorded of a sensor, by its topic.
	DeleteHistory func(topic string) error
	// Apply makes what runs what a configuration says, as far as that can be while
	// it runs, and returns the keys that wait for a restart. On an error the rest is
	// done.
	Apply func(ctx context.Context, cfg *config.Config) (restart []string, err error)
	// State is the folder of what outlives a restart, "" if nothing does.
	State string
	// Version is that of the gateway.
	Version string
	// Demo tells whether there is a simulated house.
	Demo bool
}

// Setup changes the gateway.
type Setup struct {
	Deps
	started *config.Config

	restoring sync.Mutex // one backup is unpacked at a time
	probing   sync.Mutex // one looks at the buses at a time

	mu  sync.Mutex     // one change at a time
	cfg *config.Config // as the file had it when it was read or written last
	// restart are the keys of cfg that wait for one.
	restart []string
}

// New makes a Setup.
func New(d Deps) *Setup { return &Setup{Deps: d, started: d.Config, cfg: d.Config} }

// Mount is how a handler gets its pattern and its right.
type Mount func(right access.Right, pattern string, h http.Handler)

// Mount gives what the page asks for to mount.
func (s *Setup) Mount(mount Mount) {
	for _, r := range []struct {
		right   access.Right
		pattern string
		h       http.HandlerFunc
	}{
		{access.Read, "GET /api/v1/sensors/configured", s.list},
		{access.Read, "GET /api/v1/drivers", s.drivers},
		{access.Admin, "POST /api/v1/scan", s.scan},
		{access.Admin, "POST /api/v1/scan/try", s.try},
		{access.Admin, "POST /api/v1/sensors", s.add},
		{access.Admin, "PUT /api/v1/sensors/{room}/{name}", s.change},
		{access.Admin, "DELETE /api/v1/sensors/{room}/{name}", s.remove},
		{access.Admin, "POST /api/v1/config/reload", s.reload},
		{access.Admin, "GET /api/v1/settings", s.settings},
		{access.Admin, "PUT /api/v1/settings", s.setSettings},
		{access.Admin, "GET /api/v1/backup", s.backup},
		{access.Admin, "GET /api/v1/restore", s.staged},
		{access.Admin, "POST /api/v1/restore", s.restore},
		{access.Admin, "DELETE /api/v1/restore", s.unstage},
	} {
		mount(r.right, r.pattern, r.h)
	}
}

// refusal is an error of the API that has more to say: the lines to put into the
// file by hand, or those that somebody else has changed.
type refusal struct {
	answer.Failure
	File    string   `json:"file,omitempty"`
	YAML    string   `json:"yaml,omitempty"`
	Changed *changes `json:"changed,omitempty"`
}

type changes struct {
	Line int      `json:"line"`
	Was  []string `json:"was"`
	Is   []string `json:"is"`
}

// refuse answers with why something was not done. yaml is what a person can put
// into the file, "" if nothing.
func (s *Setup) refuse(w http.ResponseWriter, err error, yaml string) {
	var by *ChangedError
	var ro *ReadOnlyError
	switch {
	case errors.As(err, &by):
		answer.Status(w, http.StatusConflict, refusal{Failure: answer.FailureOf(err), File: by.Path, Changed: &changes{by.Line, by.Was, by.Is}})
	case errors.As(err, &ro):
		answer.Status(w, http.StatusConflict, refusal{Failure: answer.FailureOf(err), File: ro.Path, YAML: yaml})
	default:
		answer.Fail(w, http.StatusUnprocessableEntity, err)
	}
}

// edit changes the file, and makes what runs what it says then. s.mu is held.
func (s *Setup) editLocked(ctx context.Context, change func(name string, data []byte) ([]byte, error)) error {
	cfg, err := s.File.Edit(change)
	if err != nil {
		return err
	}
	return s.applyLocked(ctx, cfg)
}

// applyLocked makes what runs what a configuration says. s.mu is held.
func (s *Setup) applyLocked(ctx context.Context, cfg *config.Config) error {
	s.cfg = cfg
	var err error
	s.restart, err = s.Apply(context.WithoutCancel(ctx), cfg)
	return err
}

// Reload makes what runs what the file says by now. If that is wrong nothing
// changes. It returns the keys that wait for a restart.
func (s *Setup) Reload(ctx context.Context) (restart []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cfg, err := s.File.Read()
	if err != nil {
		return s.restart, err
	}
	err = s.applyLocked(ctx, cfg)
	return s.restart, err
}
