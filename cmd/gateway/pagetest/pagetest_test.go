package pagetest

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// seen is a test that notes what it is told.
type seen struct {
	testing.TB
	logged, failed []string
}

func (s *seen) Helper()                      {}
func (s *seen) Log(args ...any)              { s.logged = append(s.logged, fmt.Sprint(args...)) }
func (s *seen) Error(args ...any)            { s.failed = append(s.failed, fmt.Sprint(args...)) }
func (s *seen) Errorf(f string, args ...any) { s.failed = append(s.failed, fmt.Sprintf(f, args...)) }

func TestConverse(t *testing.T) {
	for _, x := range []struct{ script, asked, logged, failed string }{
		{`echo "do count 1"; read a; echo "do count 2"; read b; echo "$a, $b."; echo passed`, "count 1|count 2", "done 1, done 2.", ""},
		{`echo "do nothing"; read a; echo "$a."; echo passed`, "nothing", "done.", ""},
		{`echo passed; exit 3`, "", "", "fails in the browser: exit status 3"},
		{`echo "all is well"`, "", "all is well", "fails in the browser: <nil>"},
	} {
		s := &seen{TB: t}
		var asked []string
		Converse(s, exec.CommandContext(t.Context(), "sh", "-c", x.script), func(what string) string {
			asked = append(asked, what)
			_, n, _ := strings.Cut(what, " ")
			return n
		})
		if got := strings.Join(asked, "|"); got != x.asked {
			t.Errorf("%s: it asked for %s", x.script, got)
		}
		if got := strings.Join(s.logged, "|"); got != x.logged {
			t.Errorf("%s: logged: %s", x.script, got)
		}
		if got := strings.Join(s.failed, "|"); (got == "") != (x.failed == "") || !strings.HasSuffix(got, x.failed) {
			t.Errorf("%s: failed: %s", x.script, got)
		}
	}
}
