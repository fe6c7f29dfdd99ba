package alerts

import "time"

// What is what has happened to an alert.
type What string

// What may happen.
const (
	Fired          What = "fired"
	Changed        What = "changed" // it goes on firing, for another reason
	Cleared        What = "cleared"
	Acknowledged   What = "acknowledged"
	Unacknowledged What = "unacknowledged"
	Removed        What = "removed" // with its rule, or its value
)

// Event is something that has happened to an alert.
type Event struct {
	TimeMS   int64    `json:"time_ms"`
	What     What     `json:"what"`
	Rule     string   `json:"rule"`
	Topic    string   `json:"topic"`
	Key      string   `json:"key,omitempty"`
	Severity string   `json:"severity"`
	Reason   Reason   `json:"reason,omitempty"`
	Title    string   `json:"title,omitempty"`
	Value    *float64 `json:"value,omitempty"`
	Unit     string   `json:"unit,omitempty"`
	Limit    *float64 `json:"limit,omitempty"`
	Message  string   `json:"message"`
	Custom   bool     `json:"custom,omitempty"` // the message is that of the rule

	thisRun bool // its time is by the clock of this run
}

// event is what is noted of al.
func (al *alert) event(what What, now moment) Event {
	e := Event{
		TimeMS: now.wall.UnixMilli(), What: what, Rule: al.rule.Name, Topic: al.topic, Key: al.rule.value.Key, Severity: al.rule.Severity,
		Reason: al.reason, Title: al.title, Value: al.at, Unit: al.unit, Limit: al.limit, Message: al.says().text(), Custom: al.rule.Message != "" && what != Cleared, thisRun: true,
	}
	if what == Cleared {
		e.Message = says{topic: al.topic}.plain()
		if al.has && al.limit != nil {
			value := al.value
			e.Value = &value
		}
	}
	return e
}

// Alert is an alert as the page gets it.
type Alert struct {
	ID           string   `json:"id"`
	Rule         string   `json:"rule"`
	Topic        string   `json:"topic"`
	Key          string   `json:"key"`
	Series       string   `json:"series"`
	Title        string   `json:"title"` // of the value
	Unit         string   `json:"unit"`
	Decimals     int      `json:"decimals"` // -1: not known
	State        Phase    `json:"state"`    // pending, firing or clearing
	Reason       Reason   `json:"reason"`
	Severity     string   `json:"severity"`
	SinceMS      int64    `json:"since_ms"`
	AgeMS        int64    `json:"age_ms"`    // since then
	Value        *float64 `json:"value"`     // now; null if nobody knows
	FiredAt      *float64 `json:"fired_at"`  // the value when it began; null: it was not for a value
	Limit        *float64 `json:"limit"`     // that is passed; null: there is none
	SilentMS     *int64   `json:"silent_ms"` // since the value was measured; null if nobody knows
	LeftMS       int64    `json:"left_ms"`   // until a pending one fires, or a clearing one ends; 0 otherwise
	Status       string   `json:"status"`    // of the sensor, if that is the reason
	Message      string   `json:"message"`
	Custom       bool     `json:"custom"` // the message is that of the rule
	Acknowledged bool     `json:"acknowledged"`
	Simulated    bool     `json:"simulated"`
}

// form returns al as the page gets it.
func (al *alert) form(now moment) Alert {
	f := Alert{
		ID: al.id(), Rule: al.rule.Name, Topic: al.topic, Key: al.rule.value.Key, Series: al.rule.value.series(al.topic),
		Title: al.title, Unit: al.unit, Decimals: al.decimals, State: al.phase, Reason: al.reason, Severity: al.rule.Severity,
		FiredAt: al.at, Limit: al.limit, Status: al.said, Acknowledged: !al.acked.IsZero(), Simulated: al.simulated,
	}
	since := al.since
	switch al.phase {
	case Pending:
		since = now.wall.Add(al.beyondSince - now.mono)
		f.Reason, f.Limit = al.beyond, al.rule.Above
		if al.beyond == Below {
			f.Limit = al.rule.Below
		}
		f.LeftMS = ms(al.beyondSince + al.rule.For - now.mono)
	case Clearing:
		f.LeftMS = ms(al.overSince + al.rule.ClearFor - now.mono)
	}
	f.SinceMS, f.AgeMS = since.UnixMilli(), ms(now.wall.Sub(since))
	if al.has {
		value := al.value
		f.Value = &value
	}
	if al.came {
		silent := ms(now.mono - al.heard)
		f.SilentMS = &silent
	}
	s := al.says()
	s.reason, s.limit = f.Reason, f.Limit
	if s.value == nil && f.Reason.limit() {
		s.value = f.Value
	}
	f.Message, f.Custom = s.text(), al.rule.Message != ""
	return f
}

func ms(d time.Duration) int64 { return max(0, d.Milliseconds()) }

// News is what pages are told of at once: the bell, what Home pins on top, the
// list of alerts.
type News struct {
	Alerts []Alert `json:"alerts"` // those that are not ok; firing first, the worst and newest first
	Quiet  int     `json:"quiet"`  // values that are ok
	Firing int     `json:"firing"` // clearing among them
	Unseen int     `json:"unseen"` // of these, those that nobody has acknowledged
	Worst  string  `json:"worst"`  // severity of those that fire, "" if none does
	Latest int64   `json:"latest"` // time of the newest event, ms; a page that has older ones asks for them
}

// RuleForm is a rule as the page and the file of its rules have it.
type RuleForm struct {
	Name       string   `json:"name"`
	Value      string   `json:"value"`
	Above      *float64 `json:"above"`
	Below      *float64 `json:"below"`
	Hysteresis float64  `json:"hysteresis"`
	ForMS      int64    `json:"for_ms"`
	ClearForMS int64    `json:"clear_for_ms"`
	MissingMS  int64    `json:"missing_ms"`
	Status     bool     `json:"status"`
	Severity   string   `json:"severity"`
	Message    string   `json:"message"`
	Enabled    bool     `json:"enabled"`
}

// RuleState is a rule and what is known of it.
type RuleState struct {
	RuleForm
	Source  Source `json:"source"`
	Values  int    `json:"values"`   // that it is about now
	Firing  int    `json:"firing"`   // of these
	LeftOut uint64 `json:"left_out"` // messages of values beyond the bounds
	Unit    string `json:"unit"`     // of its values, as far as that is known
}

// formOf is what the page has of a rule.
func formOf(r Rule) RuleForm {
	return RuleForm{
		Name: r.Name, Value: r.Value, Above: r.Above, Below: r.Below, Hysteresis: r.Hysteresis, ForMS: r.For.Milliseconds(), ClearForMS: r.ClearFor.Milliseconds(),
		MissingMS: r.Missing.Milliseconds(), Status: r.Status, Severity: r.Severity, Message: r.Message, Enabled: r.Enabled,
	}
}

// rule is the Rule of a form, which may not be valid.
func (f RuleForm) rule() Rule {
	return Rule{
		Name: f.Name, Value: f.Value, Above: f.Above, Below: f.Below, Hysteresis: f.Hysteresis, For: duration(f.ForMS), ClearFor: duration(f.ClearForMS),
		Missing: duration(f.MissingMS), Status: f.Status, Severity: f.Severity, Message: f.Message, Enabled: f.Enabled,
	}
}

// duration is so many ms. What is longer than can be stays too long to be valid.
func duration(ms int64) time.Duration {
	const most = int64(10 * maxSilence / time.Millisecond)
	return time.Duration(min(max(ms, -1), most)) * time.Millisecond
}

// Everything is the answer of the list.
type Everything struct {
	News
	Rules  []RuleState `json:"rules"`
	Recent []Event     `json:"recent"` // newest first
	Topic  string      `json:"topic"`  // what the topics of alerts begin with
	Kept   bool        `json:"kept"`   // rules made here outlive a restart
}
