package alerts

import (
	"slices"

	"gateway/cmd/gateway/internal/dashboard/answer"
)

// Errors of edits.
var (
	errNoRule    = answer.Say("rule.nosuch", "there is no such rule")
	errTaken     = answer.Say("rule.samename", "there is a rule of that name already")
	errNotOurs   = answer.Say("rule.notours", "the rule is not one of the page")
	errTooMany   = answer.Say("rule.toomany", "there are too many rules")
	errNotStored = answer.Say("rule.unwritten", "the rules cannot be written")
)

// edit changes the rules of the page: change gets a copy, and returns what is to
// be in its place. The rules are written before they count.
func (a *Alerts) edit(change func(own []Rule) ([]Rule, error)) error {
	a.editing.Lock()
	defer a.editing.Unlock()
	a.mu.Lock()
	own := slices.Clone(a.own)
	a.mu.Unlock()
	own, err := change(own)
	if err != nil {
		return err
	}
	if len(own) > maxRules {
		return answer.Say("rule.many", "{why}: at most {n}; one with wildcards is for many values", errTooMany, maxRules)
	}
	if err := a.storeRules(own); err != nil {
		return answer.Say("rule.unstored", "{what}: {why}", errNotStored, err)
	}
	a.mu.Lock()
	a.own = own
	a.rearrange(a.now())
	a.mu.Unlock()
	a.save(false)
	return nil
}

// rearrange brings everything in line with rules that have changed.
func (a *Alerts) rearrange(now moment) {
	a.clock(now)
	a.arrange()
	counting := make(map[*rule]bool)
	for _, r := range a.rules {
		counting[r] = r.Enabled
		a.ensure(r, now, false)
	}
	for _, al := range a.sorted() {
		if !counting[al.rule] {
			a.remove(al, now)
			continue
		}
		a.judge(al, now)
		a.publish(al) // its severity may be another
	}
	a.dirty = true
	a.touch()
	a.wake()
	if a.refresh != nil {
		a.refresh()
	}
}

// Change makes rules, which are valid, those of the configuration. Alerts of rules
// that are about the same value go on.
func (a *Alerts) Change(rules []Rule) {
	a.given(func(d *Deps) { d.Rules = rules })
}

// given changes the rules that others than the page give, and lets go of alerts of
// those that are gone.
func (a *Alerts) given(change func(*Deps)) {
	a.editing.Lock()
	defer a.editing.Unlock()
	a.mu.Lock()
	change(&a.deps)
	a.rearrange(a.now())
	a.mu.Unlock()
	a.save(false)
}

// add makes a rule of the page.
func (a *Alerts) add(r Rule) error {
	return a.edit(func(own []Rule) ([]Rule, error) {
		if err := a.free(r.Name, own, ""); err != nil {
			return nil, err
		}
		return append(own, r), nil
	})
}

// replace puts a rule in the place of the one called name.
func (a *Alerts) replace(name string, r Rule) error {
	return a.edit(func(own []Rule) ([]Rule, error) {
		i, err := a.find(name, own)
		if err != nil {
			return nil, err
		}
		if err := a.free(r.Name, own, name); err != nil {
			return nil, err
		}
		own[i] = r
		return own, nil
	})
}

// drop takes a rule away.
func (a *Alerts) drop(name string) error {
	return a.edit(func(own []Rule) ([]Rule, error) {
		i, err := a.find(name, own)
		if err != nil {
			return nil, err
		}
		return slices.Delete(own, i, i+1), nil
	})
}

// find returns where a rule of the page is.
func (a *Alerts) find(name string, own []Rule) (int, error) {
	called := func(r Rule) bool { return r.Name == name }
	if slices.ContainsFunc(a.deps.Rules, called) {
		return 0, answer.Say("rule.file", "{why}: {rule} stands in gateway.yaml; change it there", errNotOurs, name)
	}
	if slices.ContainsFunc(a.deps.Demo, called) {
		return 0, answer.Say("rule.demo", "{why}: {rule} belongs to the demo", errNotOurs, name)
	}
	if i := slices.IndexFunc(own, called); i >= 0 {
		return i, nil
	}
	return 0, answer.Say("rule.none", "{why}: {rule}", errNoRule, name)
}

// free tells whether a rule can be called name, other than the one that is.
func (a *Alerts) free(name string, own []Rule, is string) error {
	if name == is {
		return nil
	}
	called := func(r Rule) bool { return r.Name == name }
	if slices.ContainsFunc(own, called) || slices.ContainsFunc(a.deps.Rules, called) || slices.ContainsFunc(a.deps.Demo, called) {
		return answer.Say("rule.taken", "{why}: {rule}", errTaken, name)
	}
	return nil
}
