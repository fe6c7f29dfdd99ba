package access

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"gateway/cmd/gateway/internal/dashboard/answer"
)

// Token is a token as it is listed. Times are ms since 1970.
type Token struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Role    string `json:"role"` // "viewer" or "admin"
	Created int64  `json:"created_ms"`
	Used    int64  `json:"used_ms"`         // to a day; 0: never
	Token   string `json:"token,omitempty"` // itself, in the answer that makes it and never again
}

func (t *token) form() Token {
	f := Token{ID: t.id, Name: t.name, Role: roleOf(t.right), Created: t.created.UnixMilli()}
	if !t.used.IsZero() {
		f.Used = t.used.UTC().Truncate(24 * time.Hour).UnixMilli()
	}
	return f
}

// serveTokens lists the tokens, by name.
func (a *Access) serveTokens(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	all := make([]Token, 0, len(a.grants.tokens))
	for _, t := range a.grants.tokens {
		all = append(all, t.form())
	}
	a.mu.Unlock()
	slices.SortFunc(all, func(x, y Token) int { return cmp.Compare(x.Name, y.Name) })
	answer.JSON(w, struct {
		Tokens []Token `json:"tokens"`
	}{all})
}

// serveNewToken makes a token.
func (a *Access) serveNewToken(w http.ResponseWriter, r *http.Request) {
	var said struct{ Name, Role string }
	if !answer.Decode(w, r, &said) {
		return
	}
	right, known := rightOf(said.Role)
	if !known {
		answer.Fail(w, http.StatusBadRequest, answer.Say("token.role", "Role: \"{role}\" is none; viewer may look, admin may change things, too.", said.Role))
		return
	}
	if err := checkName(said.Name); err != nil {
		answer.Status(w, http.StatusBadRequest, answer.Sentence(err))
		return
	}
	a.mu.Lock()
	text, t, err := a.grants.newToken(said.Name, right, time.Now())
	var f Token
	if err == nil {
		f = t.form()
	}
	a.mu.Unlock()
	if err != nil {
		answer.Status(w, http.StatusConflict, answer.Sentence(err))
		return
	}
	if err := a.keepGrants(); err != nil {
		a.mu.Lock()
		a.grants.revoke(f.ID)
		a.mu.Unlock()
		answer.Fail(w, http.StatusInternalServerError, answer.Say("token.unkept", "The token cannot be kept: {why}.", err))
		return
	}
	a.log.Info("a token for the page is made", "name", f.Name, "role", f.Role, "from", peer(r))
	f.Token = text
	answer.Status(w, http.StatusCreated, f)
}

// serveRevoke revokes a token.
func (a *Access) serveRevoke(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	t := a.grants.tokenWithID(r.PathValue("id"))
	if t != nil {
		a.grants.revoke(t.id)
	}
	a.mu.Unlock()
	if t == nil {
		answer.Fail(w, http.StatusNotFound, answer.Say("token.none", "There is no such token; it may be revoked already."))
		return
	}
	a.log.Info("a token for the page is revoked", "name", t.name, "from", peer(r))
	if err := a.keepGrants(); err != nil {
		answer.Fail(w, http.StatusInternalServerError, unwritten(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
