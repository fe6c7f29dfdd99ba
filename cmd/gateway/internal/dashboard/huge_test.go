package dashboard

import (
	"net/http"
	"testing"
	"time"
)

// TestHugeNumbers: the sum of numbers near the largest there is has no JSON, and
// whoever may publish must not blind the page with them.
func TestHugeNumbers(t *testing.T) {
	d := testDashboard(Config{Address: "127.0.0.1:8080"})
	began := time.Now().Add(-10 * time.Second)
	for i, payload := range []string{"1.7e308", "1.7e308", "-1.7e308", "-1.7e308"} {
		d.model.take(msg("a/b/c", payload), began.Add(time.Duration(i/2)*4*time.Second))
	}
	all, _ := d.model.snapshot(time.Now())
	h := all[0].Values[0].Hour
	if h == nil || h.Mean-h.Mean != 0 || h.Low != -1.7e308 || h.High != 1.7e308 {
		t.Errorf("%+v", h)
	}
	if w := request(d, "/api/v1/sensors"); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
