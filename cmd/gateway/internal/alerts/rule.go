package alerts

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/sensors/reading"
)

// Severities of a rule.
const (
	Info     = "info"
	Warning  = "warning"
	Critical = "critical"
)

// severities are all of them, from the least.
func severities() []string { return []string{Info, Warning, Critical} }

const (
	maxHold    = 7 * 24 * time.Hour  // of for and clear_for
	maxSilence = 31 * 24 * time.Hour // of missing
	minSilence = time.Second
)

// Rule is what may not happen to a value. The zero Rule is not valid, see
// [DefaultRule].
type Rule struct {
	// Name is the rule's name in topics, on the page and in metrics.
	Name string `yaml:"name"`
	// Value is what it looks at, see [ParseValue].
	Value string `yaml:"value"`
	// Above and Below are the limits, in the unit of the value; nil for none.
	Above *float64 `yaml:"above"`
	Below *float64 `yaml:"below"`
	// Hysteresis is how far the value has to come back behind the limit before the
	// alert is over, in the unit of the value.
	Hysteresis float64 `yaml:"hysteresis"`
	// For is how long the value has to be beyond the limit before the alert fires.
	For time.Duration `yaml:"for"`
	// ClearFor is how long the alert has to be over before it ends.
	ClearFor time.Duration `yaml:"clear_for"`
	// Missing is the longest time without a new value; 0 for any.
	Missing time.Duration `yaml:"missing"`
	// Status lets the alert fire when the sensor says of itself that it is stale,
	// in fault or offline.
	Status bool `yaml:"status"`
	// Severity is info, warning or critical.
	Severity string `yaml:"severity"`
	// Message is what is told, see [checkMessage]; "" for a text that fits.
	Message string `yaml:"message"`
	// Enabled is false for a rule that is kept and does nothing.
	Enabled bool `yaml:"enabled"`
}

// DefaultRule is what applies where a rule says nothing.
func DefaultRule() Rule { return Rule{Severity: Warning, Enabled: true} }

// Validate tells what is wrong with r. Each error begins with the key.
func (r Rule) Validate() error {
	var errs []error
	if err := checkName(r.Name); err != nil {
		errs = append(errs, fmt.Errorf("name: %w", err))
	}
	if _, err := ParseValue(r.Value); err != nil {
		errs = append(errs, fmt.Errorf("value: %w", err))
	}
	errs = append(errs, r.checkLimits()...)
	for _, d := range []struct {
		key        string
		value, top time.Duration
	}{{"for", r.For, maxHold}, {"clear_for", r.ClearFor, maxHold}, {"missing", r.Missing, maxSilence}} {
		if d.value < 0 || d.value > d.top {
			errs = append(errs, fmt.Errorf("%s: %w", d.key, answer.Say("rule.span", "{span} is not from 0s to {top}h", durationText(d.value), int(d.top/time.Hour))))
		}
	}
	if r.Missing > 0 && r.Missing < minSilence {
		errs = append(errs, fmt.Errorf("missing: %w", answer.Say("rule.silence", "{span} is less than {least}; 0s is for a value that need not come", r.Missing, minSilence)))
	}
	if !known(r.Severity) {
		errs = append(errs, &severityError{r.Severity})
	}
	if err := checkMessage(r.Message); err != nil {
		errs = append(errs, fmt.Errorf("message: %w", err))
	}
	return errors.Join(errs...)
}

func (r Rule) checkLimits() (errs []error) {
	for _, l := range []struct {
		key   string
		limit *float64
	}{{"above", r.Above}, {"below", r.Below}, {"hysteresis", &r.Hysteresis}} {
		if l.limit != nil && (math.IsNaN(*l.limit) || math.IsInf(*l.limit, 0)) {
			errs = append(errs, fmt.Errorf("%s: %w", l.key, answer.Say("rule.nonumber", "is no number that can be compared with")))
		}
	}
	if r.Hysteresis < 0 {
		errs = append(errs, fmt.Errorf("hysteresis: %w", answer.Say("rule.negative", "{n} is less than 0", r.Hysteresis)))
	}
	switch {
	case !r.limited() && r.Missing == 0 && !r.Status:
		errs = append(errs, fmt.Errorf("above: %w", answer.Say("rule.never", "the rule never fires; set above, below, missing or status")))
	case !r.limited() && r.For != 0:
		errs = append(errs, fmt.Errorf("for: %w", answer.Say("rule.for", "is how long a limit is passed, and there is neither above nor below")))
	case !r.limited() && r.Hysteresis != 0:
		errs = append(errs, fmt.Errorf("hysteresis: %w", answer.Say("rule.hysteresis", "is for a limit, and there is neither above nor below")))
	case r.Above == nil || r.Below == nil:
	case *r.Above <= *r.Below:
		errs = append(errs, fmt.Errorf("above: %w", answer.Say("rule.always", "every value is above {above} or below {below}; above has to be the higher one", *r.Above, *r.Below)))
	case *r.Above-r.Hysteresis < *r.Below+r.Hysteresis:
		errs = append(errs, fmt.Errorf("hysteresis: %w", answer.Say("rule.wide", "between {below} and {above} it is at most {most}, or no value would end the alert", *r.Below, *r.Above, (*r.Above-*r.Below)/2)))
	}
	return errs
}

// limited tells whether the rule is about a number.
func (r Rule) limited() bool { return r.Above != nil || r.Below != nil }

// checkName tells whether a name can be a level of a topic and of an address.
func checkName(name string) error {
	if err := reading.CheckLevel(name); err != nil {
		return err
	}
	if strings.Trim(name, ".") == "" || name != strings.TrimSpace(name) {
		return answer.Say("rule.name", "\"{name}\" cannot be told from others; begin and end with a letter or digit", name)
	}
	return nil
}

func known(severity string) bool {
	for _, s := range severities() {
		if s == severity {
			return true
		}
	}
	return false
}

// severityError is the error about a severity that there is none of.
type severityError struct{ got string }

func (e *severityError) Error() string {
	return fmt.Sprintf("severity: %q is none; there are %s", e.got, strings.Join(severities(), ", "))
}

// Choices returns what was written and what it may have been meant to be.
func (e *severityError) Choices() (string, []string) { return e.got, severities() }

// Validate tells what is wrong with the rules of a configuration. Each error
// begins with "[<number>].<key>".
func Validate(rules []Rule) error {
	var errs []error
	if len(rules) > maxRules {
		errs = append(errs, fmt.Errorf("[%d].name: there are at most %d rules; one with wildcards is for many values", maxRules, maxRules))
	}
	names := make(map[string]int)
	for i, r := range rules {
		errs = append(errs, numbered(i, r.Validate())...)
		if first, taken := names[r.Name]; taken && r.Name != "" {
			errs = append(errs, fmt.Errorf("[%d].name: [%d] is called %s already", i, first, r.Name))
			continue
		}
		names[r.Name] = i
	}
	return errors.Join(errs...)
}

func numbered(i int, err error) (errs []error) {
	if err == nil {
		return nil
	}
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		errs = append(errs, fmt.Errorf("[%d].%w", i, e))
	}
	return errs
}
