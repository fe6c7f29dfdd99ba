package setup

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"gateway/cmd/gateway/internal/backup"
	"gateway/cmd/gateway/internal/dashboard/answer"
)

// lineTime is how long a line may be silent while a backup goes over it.
const lineTime = time.Minute

// backup answers with everything in one file; with ?history=true the history is
// in it. Whoever is cut off has a file without its end, which is refused when it
// is to be restored.
func (s *Setup) backup(w http.ResponseWriter, r *http.Request) {
	src := backup.Source{
		Version: s.Version, Host: s.Machine.Hostname, State: s.State, ConfigFile: s.File.path,
		History: r.URL.Query().Get("history") == "true",
	}
	name := fmt.Sprintf("gateway-%s-%s.tar.gz", fileName(s.Machine.Hostname), time.Now().Format("20060102-1504"))
	h := w.Header()
	h.Set("Content-Type", "application/gzip")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	if err := backup.Write(patient{w, http.NewResponseController(w)}, src); err != nil {
		s.Log.Error("the backup was not written to its end", "error", err)
		panic(http.ErrAbortHandler) // so that the browser knows it is not whole
	}
	s.Log.Info("a backup was taken", "history", src.History)
}

// fileName is a host's name as part of a file's.
func fileName(host string) string {
	if clean := regexp.MustCompile(`[^A-Za-z0-9_-]+`).ReplaceAllString(host, "-"); clean != "" {
		return clean
	}
	return "backup"
}

// patient is an answer that may take long, as long as the line takes it.
type patient struct {
	w       io.Writer
	control *http.ResponseController
}

func (p patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(lineTime)) // tests have none
	return p.w.Write(b)
}

// patientBody is a request that may take long, as long as something comes.
type patientBody struct {
	r       io.Reader
	control *http.ResponseController
}

func (p patientBody) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(lineTime)) // tests have none
	_ = p.control.SetWriteDeadline(time.Now().Add(2 * lineTime))
	return p.r.Read(b)
}

// Restored is what waits for the next start.
type Restored struct {
	Staged   bool             `json:"staged"`
	Manifest *backup.Manifest `json:"manifest,omitempty"` // of the one that was sent
	File     State            `json:"file"`               // where the configuration is going to be
}

// restore takes a backup, which is applied at the next start.
func (s *Setup) restore(w http.ResponseWriter, r *http.Request) {
	s.restoring.Lock()
	defer s.restoring.Unlock()
	t := backup.Target{State: s.State, ConfigFile: s.File.path, StatePath: s.started.Persistence.Path, Current: s.started}
	m, err := backup.Stage(patientBody{r.Body, http.NewResponseController(w)}, t)
	if err != nil {
		answer.Fail(w, http.StatusUnprocessableEntity, answer.Say("backup.refused", "{why}. Nothing was changed.", err))
		return
	}
	m.Files = nil // their names are of no use there
	s.Log.Warn("a backup is restored at the next start", "of", m.Host, "created", m.Created)
	answer.JSON(w, Restored{true, m, s.File.State()})
}

// staged tells whether a backup waits for the next start.
func (s *Setup) staged(w http.ResponseWriter, _ *http.Request) {
	answer.JSON(w, Restored{Staged: backup.Staged(s.State), File: s.File.State()})
}

// unstage has a backup that waits not be restored.
func (s *Setup) unstage(w http.ResponseWriter, _ *http.Request) {
	s.restoring.Lock()
	defer s.restoring.Unlock()
	if err := backup.Unstage(s.State); err != nil {
		answer.Fail(w, http.StatusInternalServerError, err)
		return
	}
	answer.JSON(w, Restored{File: s.File.State()})
}
