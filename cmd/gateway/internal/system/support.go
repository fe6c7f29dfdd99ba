package system

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"gateway/broker"
	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/cmd/gateway/internal/logs"
	"gateway/cmd/gateway/internal/redact"
)

const (
	// maxClients is how many clients the bundle has.
	maxClients = 1000
	// maxPart is how much one file of the bundle has, bytes before it is packed.
	maxPart = 2 << 20
)

const readme = `What the gateway knows of itself, for who is to help with it.

Passwords, their hashes, tokens, keys and what stands between the colon and the @
of an address were taken out; they read ***. Names are still in it: of this
machine, of clients, users, topics, rooms and networks. Look through it before
you make it public.

version.txt         what runs
configuration.yaml  the configuration, with its comments
system.json         machine, disk, clock, memory
broker.json         the broker and its listeners
clients.json        who is connected, or away with a session
disconnections.json how the last connections ended, and who was refused
bridges.json        lines to other brokers
sensors.json        how the sensors are read
doctor.txt          what keeps sensors from being read
alarms.txt          what needs a person
sys.txt             what the broker says below $SYS
log.txt             the last lines of the log
goroutines.txt      what the program does right now
`

// support answers with the bundle, which is made while it is sent.
func (s *System) support(w http.ResponseWriter, _ *http.Request) {
	now := time.Now()
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", `attachment; filename="gateway-support-`+now.UTC().Format("20060102-150405")+`.zip"`)
	if err := s.bundle(patient{w, http.NewResponseController(w)}, now); err != nil {
		s.Log.Debug("the support bundle was not sent", "error", err) // the reader is gone
	}
}

// lineTime is how long a line may be silent while a bundle goes over it.
const lineTime = time.Minute

// patient is an answer that may take long, as long as the line takes it.
type patient struct {
	w       io.Writer
	control *http.ResponseController
}

func (p patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(lineTime)) // tests have none
	return p.w.Write(b)
}

// bundle writes the zip.
func (s *System) bundle(w io.Writer, now time.Time) error {
	z := zip.NewWriter(w)
	for _, f := range []struct {
		name string
		make func() string
	}{
		{"README.txt", func() string { return readme }},
		{"version.txt", s.versionText},
		{"configuration.yaml", s.configText},
		{"system.json", func() string { return s.json(s.health()) }},
		{"broker.json", func() string { return s.json(s.broker()) }},
		{"clients.json", func() string { return s.json(s.someClients(now)) }},
		{"disconnections.json", func() string { return s.json(s.ends(now)) }},
		{"bridges.json", func() string { return s.json(s.Bridges()) }},
		{"sensors.json", func() string { return s.json(s.sensors(now)) }},
		{"doctor.txt", func() string { return s.Secrets.Text(s.Doctor()) }},
		{"alarms.txt", func() string {
			all, _ := answer.Texts(s.Alarms())
			return s.Secrets.Text(strings.Join(all, "\n") + "\n")
		}},
		{"sys.txt", s.sysText},
		{"log.txt", s.logText},
		{"goroutines.txt", func() string { return s.Secrets.Text(goroutines()) }},
	} {
		part, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: now})
		if err != nil {
			return err
		}
		if _, err := io.WriteString(part, cut(f.make())); err != nil {
			return err
		}
		if err := z.Flush(); err != nil { // so that it begins to arrive
			return err
		}
	}
	return z.Close()
}

func cut(s string) string {
	if len(s) > maxPart {
		return s[:maxPart] + "\n… and more\n"
	}
	return s
}

func (s *System) versionText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "gateway %s\ncommit  %s\ngo      %s %s/%s\nstarted %s\nnow     %s\n", s.Version, s.Commit, runtime.Version(), runtime.GOOS, runtime.GOARCH,
		s.Started.UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339))
	return b.String()
}

// configText is the configuration as it is written, without secrets.
func (s *System) configText() string {
	name, text, err := s.ConfigText()
	if err != nil {
		return "# " + s.Secrets.Text(err.Error()) + "\n"
	}
	if cfg, err := config.Parse(name, text); err == nil { // it may have been changed since the start
		s.Secrets.Add(SecretsOf(cfg)...)
	}
	return "# " + name + "\n" + redactYAML(string(text), s.Secrets)
}

func (s *System) someClients(now time.Time) any {
	all := s.Broker.Clients()
	most := all[:min(len(all), maxClients)]
	forms := make([]Client, 0, len(most))
	for _, c := range most {
		f := formOf(c, now)
		f.ID = clip(f.ID)
		for _, x := range s.filters(c.ID, 20) {
			x.Filter = clip(x.Filter)
			f.Filters = append(f.Filters, x)
		}
		forms = append(forms, f)
	}
	return struct {
		Total   int      `json:"total"`
		Clients []Client `json:"clients"`
	}{len(all), forms}
}

// sensorForm is how a sensor is read.
type sensorForm struct {
	Path       string            `json:"path"`
	Driver     string            `json:"driver"`
	Status     string            `json:"status"`
	Reads      uint64            `json:"reads"`
	Errors     map[string]uint64 `json:"errors"`
	LastGoodMS int64             `json:"last_good_age_ms"`
	LastError  string            `json:"last_error"`
	ErrorMS    int64             `json:"error_age_ms"`
	LatencyMS  float64           `json:"latency_ms"`
}

func (s *System) sensors(now time.Time) any {
	all := []sensorForm{}
	for _, x := range s.Sensors() {
		all = append(all, sensorForm{
			Path: x.Path.String(), Driver: x.Driver, Status: string(x.Status), Reads: x.Reads, Errors: x.Errors,
			LastGoodMS: age(x.LastGood, now), LastError: x.LastError, ErrorMS: age(x.ErrorTime, now), LatencyMS: x.Latency.Seconds() * 1000,
		})
	}
	return all
}

func (s *System) sysText() string {
	all := s.Broker.RetainedMatching("$SYS/#")
	slices.SortFunc(all, func(a, b *broker.Message) int { return strings.Compare(a.Topic, b.Topic) })
	var b strings.Builder
	for _, m := range all {
		fmt.Fprintf(&b, "%s %s\n", m.Topic, s.Secrets.Text(strings.ToValidUTF8(string(m.Payload), "�")))
	}
	return b.String()
}

func (s *System) logText() string {
	all, _ := s.Ring.Entries(logs.Query{Level: logs.Everything}, logs.DefaultLines)
	return s.Secrets.Text(string(logText(all))) // again: a secret may have become known since
}

// goroutines is what every goroutine does, those that do the same together.
func goroutines() string {
	var b bytes.Buffer
	if p := pprof.Lookup("goroutine"); p == nil || p.WriteTo(&b, 1) != nil {
		return "not known\n"
	}
	return b.String()
}

// json is v as JSON without secrets. Errors in it are their texts.
func (s *System) json(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return s.Secrets.Text(fmt.Sprintf("%+v\n", v))
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		return s.Secrets.Text(err.Error())
	}
	b, err = json.MarshalIndent(s.clean("", tree), "", "  ")
	if err != nil {
		return s.Secrets.Text(errors.Join(errors.New("no JSON"), err).Error())
	}
	return string(b) + "\n"
}

// clean takes the secrets out of what was JSON.
func (s *System) clean(name string, v any) any {
	switch v := v.(type) {
	case string:
		return s.Secrets.Named(name, v)
	case []any:
		for i := range v {
			v[i] = s.clean(name, v[i])
		}
	case map[string]any:
		for key, x := range v {
			if redact.IsSecret(key) && x != nil && x != "" {
				v[key] = redact.Mark
				continue
			}
			v[key] = s.clean(key, x)
		}
	}
	return v
}
