package mosquittoconf

import (
	"fmt"
	"path/filepath"
	"strings"

	"gateway/broker/auth"
	"gateway/cmd/gateway/internal/config"
)

// Part is a listener or a bridge of a configuration of Mosquitto.
type Part struct {
	Place Place  // where it begins
	Key   string // what it has become, broker.listeners[0]
	Name  string // its address or name
}

// YAML writes the result as a configuration of the gateway, of the same meaning.
// Comments say which line each key comes from, and what was not carried over,
// where it was: above the listener or bridge that it is about, or at the top.
// main is the file that was read. Names of files become absolute, so that it does
// not matter where the gateway is started.
func (r *Result) YAML(main string) ([]byte, error) {
	w := writer{result: r, main: main}
	w.comments.Above = make(map[string][]string)
	w.comments.Beside = make(map[string]string)
	w.top()
	w.parts()
	w.origins()
	w.unlike()
	if err := Absolute(r.Config); err != nil {
		return nil, err
	}
	return config.Marshal(r.Config, w.comments)
}

// writer collects what is remarked.
type writer struct {
	result   *Result
	main     string
	comments config.Comments
}

// place writes a line's place, short if it is of the main file.
func (w *writer) place(p Place) string {
	if p.File == w.main {
		return fmt.Sprintf("line %d", p.Line)
	}
	return p.String()
}

// note writes a note with where it stands.
func (w *writer) note(n Note) string {
	return fmt.Sprintf("  %s: %s: %s", w.place(n.Place), n.Directive, n.Text)
}

// group returns notes under a title, those that somebody may notice or the others.
func (w *writer) group(title string, notes []Note, warning bool) (lines []string) {
	for _, n := range notes {
		if n.Warning == warning {
			lines = append(lines, w.note(n))
		}
	}
	if lines != nil {
		lines = append([]string{title}, lines...)
	}
	return lines
}

const (
	lost   = "Not carried over:"
	needed = "No need to carry over:"
)

// top says where all of it is from, and what is about no listener or bridge that
// is written.
func (w *writer) top() {
	lines := []string{"Made by gateway import of " + w.main + ", whose lines are meant below."}
	if notes := w.about(""); len(notes) > 0 {
		for _, g := range [][]string{w.group(lost, notes, true), w.group(needed, notes, false)} {
			if g != nil {
				lines = append(append(lines, ""), g...)
			}
		}
	}
	if p := w.result.PIDFile; p != "" {
		lines = append(lines, "", "pid_file "+p+" is for --mosquitto-conf only: systemd knows the process.")
	}
	w.comments.Top = lines
}

// parts says above each listener and bridge where it is from, and what of it was
// not carried over.
func (w *writer) parts() {
	for _, p := range w.result.Parts {
		if p.Place.File == "" {
			continue
		}
		notes := w.about(p.Key)
		lines := append([]string{"From " + w.place(p.Place) + "."}, w.group(lost, notes, true)...)
		w.comments.Above[p.Key] = append(lines, w.group(needed, notes, false)...)
	}
}

// about returns the notes about a part, "" for what is about none that is written.
func (w *writer) about(key string) (notes []Note) {
	for _, n := range w.result.Notes {
		if w.result.about[n.Place] == key {
			notes = append(notes, n)
		}
	}
	return notes
}

// origins says beside each key which line set it.
func (w *writer) origins() {
	for key, at := range w.result.Origins {
		if at.File != "" {
			w.comments.Beside[key] = w.place(at)
		}
	}
	for _, p := range w.result.Parts { // they are said above
		delete(w.comments.Beside, p.Key)
	}
}

// unlike says why keys are written that no line set: Mosquitto has another
// default.
func (w *writer) unlike() {
	for _, d := range config.Diff(config.Default(), w.result.Config) {
		if name, ok := strings.CutPrefix(d.Key, "broker."); ok && !strings.Contains(name, "[") && w.comments.Beside[d.Key] == "" {
			w.comments.Beside[d.Key] = "as Mosquitto has it"
		}
	}
	w.comments.Above["sensors"] = []string{"Mosquitto reads no sensors: gateway scan --write puts here what is there."}
	w.comments.Above["history"] = []string{"Mosquitto keeps no past. Take this out to have charts."}
	w.comments.Above["dashboard"] = []string{"Mosquitto has no page. Take this out to have one at http://127.0.0.1:8080."}
	w.comments.Above["mdns"] = []string{"Mosquitto is not found by itself. Take this out to have mDNS announce it."}
	w.comments.Above["persistence.path"] = []string{"Take this out, and it is the folder of the service, /var/lib/gateway."}
}

// Absolute makes the names of files absolute in a configuration that was made
// here, as they are now: from the folder in which this process runs.
func Absolute(cfg *config.Config) error {
	names := []*string{&cfg.Persistence.Path}
	guard := func(a *auth.Config) { names = append(names, &a.PasswordFile, &a.ACLFile) }
	guard(&cfg.Broker.Auth)
	for i := range cfg.Broker.Listeners {
		l := &cfg.Broker.Listeners[i]
		if l.Protocol == "unix" {
			names = append(names, &l.Address)
		}
		if l.Auth != nil {
			guard(l.Auth)
		}
		if t := l.TLS; t != nil {
			names = append(names, &t.Certificate, &t.Key, &t.ClientCA, &t.CRL)
		}
	}
	for i := range cfg.Bridges {
		t := &cfg.Bridges[i].Line.TLS
		names = append(names, &t.CA, &t.Certificate, &t.Key)
	}
	for _, n := range names {
		if *n == "" {
			continue
		}
		path, err := filepath.Abs(*n)
		if err != nil {
			return err
		}
		*n = path
	}
	return nil
}
