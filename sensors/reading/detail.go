package reading

import (
	"encoding/json"
	"fmt"
	"time"
)

// Detail is what is behind a [Status]: why a sensor is in fault, since when. It
// is published retained on the DetailTopic of its Path:
//
//	{"status":"fault","since":"2026-11-23T04:05:06.789Z","kind":"nack","reason":"no answer from address 0x76 …",
//	 "last_good":"2026-11-23T04:04:36.789Z","errors":{"nack":12}}
type Detail struct {
	Status   Status
	Since    time.Time         // when Status began
	Kind     string            // of Reason, a word as in Errors; "" if it is no failure
	Reason   string            // why the last attempt failed, or had nothing new if it is stale; "" otherwise
	LastGood time.Time         // of the last good reading; zero if there was none
	Errors   map[string]uint64 // failed attempts since the start, by kind
}

// detailForm is the JSON of a Detail.
type detailForm struct {
	Status   Status            `json:"status"`
	Since    string            `json:"since,omitempty"`
	Kind     string            `json:"kind,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	LastGood string            `json:"last_good,omitempty"`
	Errors   map[string]uint64 `json:"errors,omitempty"`
}

// DetailTopic returns the topic of the sensor's [Detail],
// "site/room/sensor/status/detail".
func (p Path) DetailTopic() string { return p.StatusTopic() + "/detail" }

// Payload returns the JSON of d. The slice is the caller's.
func (d Detail) Payload() []byte {
	f := detailForm{Status: d.Status, Kind: d.Kind, Reason: d.Reason, Errors: d.Errors}
	if !d.Since.IsZero() {
		f.Since = d.Since.UTC().Format(timeForm)
	}
	if !d.LastGood.IsZero() {
		f.LastGood = d.LastGood.UTC().Format(timeForm)
	}
	b, err := json.Marshal(f)
	if err != nil {
		panic(err) // strings and numbers can always be encoded
	}
	return b
}

// ParseDetail reads what Payload wrote. Times that cannot be read are zero.
func ParseDetail(payload []byte) (Detail, error) {
	var f detailForm
	if err := json.Unmarshal(payload, &f); err != nil {
		return Detail{}, fmt.Errorf("detail of a status: %w", err)
	}
	d := Detail{Status: f.Status, Kind: f.Kind, Reason: f.Reason, Errors: f.Errors}
	d.Since, _ = time.Parse(time.RFC3339Nano, f.Since)
	d.LastGood, _ = time.Parse(time.RFC3339Nano, f.LastGood)
	return d, nil
}
