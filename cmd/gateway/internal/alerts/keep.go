package alerts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gateway/bridge/statefile"
	"gateway/cmd/gateway/internal/dashboard/answer"
)

const (
	rulesFile = "rules.json"
	stateFile = "state.json"
	// maxFile is the size of the largest file that is read, bytes.
	maxFile = 8 << 20
)

// keptRules is the file of the rules made on the page.
type keptRules struct {
	Rules []RuleForm `json:"rules"`
}

// kept is the file of what outlives a restart.
type kept struct {
	Site    string      `json:"site"` // that the alerts were published below
	Alerts  []keptAlert `json:"alerts"`
	Events  []Event     `json:"events"`
	Stopped bool        `json:"stopped"` // in good order, so that silences are known
}

// keptAlert is an alert in the file. Times are ms since 1970 UTC.
type keptAlert struct {
	Rule         string   `json:"rule"`
	Topic        string   `json:"topic"`
	Base         string   `json:"base"` // of its topics
	SinceMS      int64    `json:"since_ms"`
	Reason       Reason   `json:"reason,omitempty"` // "" unless it fires
	At           *float64 `json:"at,omitempty"`
	Limit        *float64 `json:"limit,omitempty"`
	Said         string   `json:"said,omitempty"`
	Acknowledged int64    `json:"acknowledged_ms,omitempty"`
	Simulated    bool     `json:"simulated,omitempty"`
	SilentMS     int64    `json:"silent_ms,omitempty"` // before the stop
}

// read reads a file of the folder into v. It reports false if there is none, or
// it cannot be read; what is wrong with it is an error, and it is set aside.
func (a *Alerts) read(name string, v any) (bool, error) {
	if a.deps.Folder == "" {
		return false, nil
	}
	file := filepath.Join(a.deps.Folder, name)
	st, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	var data []byte
	switch {
	case err != nil:
	case st.Size() > maxFile:
		err = fmt.Errorf("%d bytes are more than it can have", st.Size())
	default:
		if data, err = os.ReadFile(file); err == nil {
			err = json.Unmarshal(data, v)
		}
	}
	if err == nil {
		return true, nil
	}
	aside := file + ".damaged"
	return false, errors.Join(fmt.Errorf("%s: %w; it is kept as %s", file, err, aside), os.Rename(file, aside))
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// loadRules returns the rules made on the page. Those that are no longer valid
// are left out, and said.
func (a *Alerts) loadRules() []Rule {
	var k keptRules
	if _, err := a.read(rulesFile, &k); err != nil {
		a.damaged = oneLine(err)
		return nil
	}
	var rules []Rule
	for _, f := range k.Rules[:min(len(k.Rules), maxRules)] {
		r := f.rule()
		if err := r.Validate(); err != nil {
			a.deps.Log.Error("a rule made on the page is not valid and does nothing", "rule", r.Name, "error", err)
			continue
		}
		rules = append(rules, r)
	}
	return rules
}

// storeRules writes the rules made on the page.
func (a *Alerts) storeRules(rules []Rule) error {
	if a.deps.Folder == "" {
		return nil
	}
	k := keptRules{Rules: []RuleForm{}}
	for _, r := range rules {
		k.Rules = append(k.Rules, formOf(r))
	}
	data, err := json.MarshalIndent(k, "", " ")
	if err != nil {
		return err
	}
	return statefile.Replace(filepath.Join(a.deps.Folder, rulesFile), append(data, '\n'))
}

// load takes up what was known before the start.
func (a *Alerts) load(now moment) {
	var k kept
	ok, err := a.read(stateFile, &k)
	if err != nil {
		a.damaged = oneLine(err)
	}
	if !ok {
		return
	}
	a.events = k.Events[max(0, len(k.Events)-maxEvents):]
	byName := make(map[string]*rule)
	for _, r := range a.rules {
		byName[r.Name] = r
	}
	for _, one := range k.Alerts {
		r := byName[one.Rule]
		if r == nil || !r.Enabled || !a.isOf(r, one.Topic) || k.Site != a.deps.Site || one.Base != a.base(r, one.Topic) {
			a.orphans = append(a.orphans, one.Base)
			a.dirty = true
		}
		if r == nil || !r.Enabled || !a.isOf(r, one.Topic) {
			continue
		}
		if al := a.alert(r, one.Topic, now, true); al != nil {
			al.takeUp(one, k.Stopped)
		}
	}
	a.dirty = len(a.orphans) > 0
}

// isOf tells whether a rule is about a topic, as when it was written.
func (a *Alerts) isOf(r *rule, name string) bool {
	for _, c := range a.concerned(name) {
		if c == r {
			return true
		}
	}
	return false
}

// takeUp makes al what it was.
func (al *alert) takeUp(k keptAlert, silenceKnown bool) {
	al.since, al.thisRun = time.UnixMilli(k.SinceMS), false
	al.simulated = k.Simulated
	if silenceKnown { // but everybody gets their time to be back
		al.floor = max(-time.Duration(k.SilentMS)*time.Millisecond, grace-al.rule.Missing)
	}
	if k.Reason == "" {
		return
	}
	al.phase, al.reason, al.at, al.limit, al.said = Firing, k.Reason, k.At, k.Limit, k.Said
	if k.Acknowledged != 0 {
		al.acked = time.UnixMilli(k.Acknowledged)
	}
}

// keep is al in the file.
func (al *alert) keep(base string, now moment) keptAlert {
	k := keptAlert{Rule: al.rule.Name, Topic: al.topic, Base: base, SinceMS: al.since.UnixMilli(), Simulated: al.simulated, SilentMS: ms(now.mono - al.silence())}
	if al.phase.fires() {
		k.Reason, k.At, k.Limit, k.Said = al.reason, al.at, al.limit, al.said
	}
	if !al.acked.IsZero() {
		k.Acknowledged = al.acked.UnixMilli()
	}
	return k
}

// save writes what outlives a restart, if that has changed or the gateway stops.
// What cannot be written is said once, and tried again.
func (a *Alerts) save(stopping bool) {
	if a.deps.Folder == "" {
		return
	}
	a.saving.Lock()
	defer a.saving.Unlock()
	data, due := a.state(stopping)
	if !due {
		return
	}
	err := statefile.Replace(filepath.Join(a.deps.Folder, stateFile), data)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dirty = a.dirty || err != nil
	if err != nil && a.unwritten == nil {
		a.deps.Log.Error("alerts do not outlive a restart: their file cannot be written", "error", err)
	}
	a.unwritten = err
}

// Alarms are what of this part needs a person.
func (a *Alerts) Alarms() (all []error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.unwritten != nil {
		all = append(all, answer.Say("alarm.alerts.unwritten", "Alerts and their acknowledgements do not outlive a restart: {why}.", a.unwritten))
	}
	if a.damaged != "" {
		all = append(all, answer.Say("alarm.alerts.damaged", "What was known of alerts could not be read when the gateway started: {why}. Look whether all rules are there.", a.damaged))
	}
	return all
}

// state returns what is to be written, and whether it is.
func (a *Alerts) state(stopping bool) (data []byte, due bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.dirty && !stopping {
		return nil, false
	}
	now := a.now()
	a.dirty, a.saved = false, now.mono
	k := kept{Site: a.deps.Site, Alerts: []keptAlert{}, Events: a.events, Stopped: stopping}
	for _, al := range a.sorted() {
		one := al.keep(a.base(al.rule, al.topic), now)
		if !stopping {
			one.SilentMS = 0 // by the time it is read that is no longer so
		}
		k.Alerts = append(k.Alerts, one)
	}
	for _, base := range a.orphans { // that Run has not cleared yet
		k.Alerts = append(k.Alerts, keptAlert{Base: base})
	}
	data, err := json.Marshal(k)
	if err != nil {
		panic(err) // finite numbers and text
	}
	return append(data, '\n'), true
}
