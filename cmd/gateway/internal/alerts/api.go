package alerts

import (
	"errors"
	"net/http"
	"slices"

	"gateway/cmd/gateway/internal/dashboard/answer"
)

// Route is a part of the API.
type Route struct {
	Pattern string // of a ServeMux
	Admin   bool   // it changes something
	Handler http.HandlerFunc
}

// Routes returns what is to be served.
func (a *Alerts) Routes() []Route {
	return []Route{
		{"GET /api/v1/alerts", false, a.List},
		{"POST /api/v1/alerts/rules", true, a.AddRule},
		{"POST /api/v1/alerts/test", true, a.TryRule},
		{"PUT /api/v1/alerts/rules/{name}", true, a.ReplaceRule},
		{"DELETE /api/v1/alerts/rules/{name}", true, a.DeleteRule},
		{"POST /api/v1/alerts/{id}/ack", true, a.Acknowledge},
		{"POST /api/v1/alerts/{id}/unack", true, a.Unacknowledge},
	}
}

// List answers with everything: rules, alerts that are not ok, what has happened.
func (a *Alerts) List(w http.ResponseWriter, _ *http.Request) { answer.JSON(w, a.Everything()) }

// AddRule makes a rule.
func (a *Alerts) AddRule(w http.ResponseWriter, r *http.Request) {
	if rule, ok := decodeRule(w, r); ok {
		answerEdit(w, http.StatusCreated, a.add(rule), rule)
	}
}

// ReplaceRule puts a rule in the place of the one that the address names.
func (a *Alerts) ReplaceRule(w http.ResponseWriter, r *http.Request) {
	if rule, ok := decodeRule(w, r); ok {
		answerEdit(w, http.StatusOK, a.replace(r.PathValue("name"), rule), rule)
	}
}

// DeleteRule takes the rule away that the address names.
func (a *Alerts) DeleteRule(w http.ResponseWriter, r *http.Request) {
	if err := a.drop(r.PathValue("name")); err != nil {
		answerEdit(w, 0, err, Rule{})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// Acknowledge notes that a person knows of the alert that the address names.
func (a *Alerts) Acknowledge(w http.ResponseWriter, r *http.Request) { a.answerAck(w, r, true) }

// Unacknowledge takes that back.
func (a *Alerts) Unacknowledge(w http.ResponseWriter, r *http.Request) { a.answerAck(w, r, false) }

func (a *Alerts) answerAck(w http.ResponseWriter, r *http.Request, on bool) {
	id := r.PathValue("id")
	form, found, fires := a.ack(id, on)
	switch {
	case !found:
		answer.Fail(w, http.StatusNotFound, answer.Say("alert.none", "There is no alert {id}; its rule may be gone.", id))
	case !fires:
		answer.Fail(w, http.StatusConflict, answer.Say("alert.over", "The alert {rule} does not fire any more.", form.Rule))
	default:
		a.save(false) // a person has said so
		answer.JSON(w, form)
	}
}

// ack acknowledges the alert of an id.
func (a *Alerts) ack(id string, on bool) (form Alert, found, fires bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	for _, al := range a.alerts {
		if al.id() == id {
			fires = a.acknowledge(al, on, now)
			return al.form(now), true, fires
		}
	}
	return Alert{}, false, false
}

// decodeRule reads the rule of a request, and answers if it is none.
func decodeRule(w http.ResponseWriter, r *http.Request) (Rule, bool) {
	form := formOf(DefaultRule())
	if !answer.Decode(w, r, &form) {
		return Rule{}, false
	}
	rule := form.rule()
	if err := rule.Validate(); err != nil {
		answer.Fail(w, http.StatusBadRequest, inOneLine(err))
		return Rule{}, false
	}
	return rule, true
}

// inOneLine puts errors that were joined into one.
func inOneLine(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) == 0 {
		return err
	}
	all := joined.Unwrap()
	last := all[len(all)-1]
	for _, before := range slices.Backward(all[:len(all)-1]) {
		last = answer.Say("and", "{one}; {other}", before, last)
	}
	return last
}

// answerEdit answers to a change of rules.
func answerEdit(w http.ResponseWriter, status int, err error, r Rule) {
	for _, e := range []struct {
		is     error
		status int
	}{{errNoRule, http.StatusNotFound}, {errTaken, http.StatusConflict}, {errNotOurs, http.StatusConflict}, {errTooMany, http.StatusConflict}, {errNotStored, http.StatusInsufficientStorage}} {
		if errors.Is(err, e.is) {
			answer.Fail(w, e.status, err)
			return
		}
	}
	if err != nil {
		answer.Fail(w, http.StatusInternalServerError, err)
		return
	}
	answer.Status(w, status, formOf(r))
}
