// Package answer is how the API speaks: JSON out, JSON in, and errors that say
// what to do, so that every part of it does so in the same way.
//
//	{"error":"retention.raw.age: 5 is no duration; write 5d"}
//	{"error":"The alert hot does not fire any more.","code":"alert.over","values":{"rule":"hot"}}
package answer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// maxBody is the longest request that Decode reads, bytes. What may be longer, a
// message to publish, has DecodeUpTo.
const maxBody = 64 << 10

// Failure is the form of every error. Code, Values and Before are for a page that
// says it in another language, see Text.
type Failure struct {
	Error  string         `json:"error"`
	Code   string         `json:"code,omitempty"`   // "": there are no other words
	Values map[string]any `json:"values,omitempty"` // numbers, texts, and Failures
	Before string         `json:"before,omitempty"` // what is before the words in every language: "topic: "
}

// JSON answers with 200 and v. It is a programmer's error if v has no JSON.
func JSON(w http.ResponseWriter, v any) { Status(w, http.StatusOK, v) }

// Status answers with a status and v.
func Status(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("answer %T: %v", v, err))
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the reader may be gone
}

// Error answers with a status and a text that a person can act on.
func Error(w http.ResponseWriter, status int, format string, args ...any) {
	Status(w, status, Failure{Error: fmt.Sprintf(format, args...)})
}

// Fail answers with a status and an error that a person can act on; that of a Text
// has words in every language of the page.
func Fail(w http.ResponseWriter, status int, err error) { Status(w, status, FailureOf(err)) }

// Decode reads the JSON of a request into v, of at most 64 KiB. It reports false
// if that is not what has come, and has answered then. A member that v does not
// know is an error, so that a wrong name is not passed over.
func Decode(w http.ResponseWriter, r *http.Request, v any) bool {
	return DecodeUpTo(w, r, maxBody, v)
}

// DecodeUpTo is Decode for bodies of up to so many bytes.
func DecodeUpTo(w http.ResponseWriter, r *http.Request, most int64, v any) bool {
	// A form of another site can send text, but not this type without being asked
	// whether it may.
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		Fail(w, http.StatusUnsupportedMediaType, Say("request.type", "Send JSON, with Content-Type: application/json."))
		return false
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows the JSON value")
		}
	}
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return true
	case errors.As(err, &tooLarge):
		Fail(w, http.StatusRequestEntityTooLarge, Say("request.long", "The request is longer than {n} bytes.", int(most)))
	case errors.Is(err, io.EOF):
		Fail(w, http.StatusBadRequest, Say("request.empty", "The request is empty; send JSON."))
	default:
		Fail(w, http.StatusBadRequest, Say("request.unreadable", "The request cannot be read: {why}.", err))
	}
	return false
}
