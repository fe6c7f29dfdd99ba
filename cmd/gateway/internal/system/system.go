package system

import (
	"log/slog"
	"net/http"
	"time"

	"gateway/broker"
	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/access"
	"gateway/cmd/gateway/internal/logs"
	"gateway/cmd/gateway/internal/machine"
	"gateway/cmd/gateway/internal/redact"
	"gateway/sensors"
)

// Deps is what the page tells of. Functions are called when somebody asks, by
// several goroutines at a time.
type Deps struct {
	Broker  *broker.Broker
	Machine *machine.Machine
	Log     *slog.Logger
	Ring    *logs.Ring
	Secrets *redact.Redactor

	Version, Commit string
	Started         time.Time
	Config          *config.Config
	// ConfigText is the file of the configuration as it is now, and its name; an
	// error if there is none.
	ConfigText func() (name string, text []byte, err error)
	// Bridges are the lines to other brokers, as JSON has them.
	Bridges func() any
	Sensors func() []sensors.SensorStats
	// Alarms are what of the gateway needs a person, in words.
	Alarms func() []error
	// Doctor is what keeps sensors from being read, in lines.
	Doctor func() string
	// Folder is where state is kept; "" if nothing is.
	Folder string
	// History is what is recorded; nil if nothing is.
	History func() History
}

// History is what the recorder says of itself.
type History struct {
	Folder  string // "" for memory only
	Series  int
	Bytes   int64 // on disk
	Written int64 // bytes, since the start
	Damaged int   // files that could not be read
	Dropped uint64
}

// System answers. Make one with [New].
type System struct{ Deps }

// New makes a System, and has the secrets of the configuration taken out of what
// it tells.
func New(d Deps) *System {
	d.Secrets.Add(SecretsOf(d.Config)...)
	return &System{d}
}

// Mount has it served by handle, and add the feed of the log for who may change
// something: a line may say more of a house than a guest is to know.
func (s *System) Mount(handle func(access.Right, string, http.Handler), feed func(access.Right, string, dashboard.Feed)) {
	for _, r := range []struct {
		right   access.Right
		pattern string
		h       http.HandlerFunc
	}{
		{access.Read, "GET /api/v1/clients", s.clients},
		{access.Read, "GET /api/v1/clients/{id}", s.client},
		{access.Admin, "DELETE /api/v1/clients", s.disconnect},
		{access.Admin, "DELETE /api/v1/clients/{id}", s.disconnect},
		{access.Read, "GET /api/v1/disconnections", s.disconnections},
		{access.Admin, "GET /api/v1/logs", s.logs},
		{access.Read, "GET /api/v1/system", s.system},
		{access.Admin, "GET /api/v1/support", s.support},
	} {
		handle(r.right, r.pattern, r.h)
	}
	feed(access.Admin, "logs", logFeed{s.Ring})
}
