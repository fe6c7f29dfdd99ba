package budget

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // the zones, wherever the tests run
)

// machine is a computer with a clock on the wall, a monotonic clock and a disk.
type machine struct {
	t      *testing.T
	folder string
	boot   string
	log    bytes.Buffer
	now    time.Time // no monotonic reading: that is told apart
	*Day
}

const limit = 1_000_000

// start starts the gateway, at a time as in 2026-11-28 18:00.
func start(t *testing.T, now string, zone string) *machine {
	in, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, folder: t.TempDir(), boot: "1"}
	m.now, err = time.ParseInLocation("2006-01-02 15:04", now, in)
	if err != nil {
		t.Fatal(err)
	}
	m.open()
	return m
}

func (m *machine) open() {
	m.Day = &Day{limit: limit, file: file(m.folder, "cloud"), log: slog.New(slog.NewTextHandler(&m.log, nil))}
	m.begin(m.now, m.boot)
}

// pass lets time go by.
func (m *machine) pass(d time.Duration) {
	m.now = m.now.Add(d)
	m.Day.pass(m.now, d, 0)
}

// set sets the clock on the wall.
func (m *machine) set(by time.Duration) {
	m.now = m.now.Add(by)
	m.Day.pass(m.now, 0, by)
}

// restart stops the gateway in a good way and starts it after a while.
func (m *machine) restart(off time.Duration) {
	m.t.Helper()
	if err := m.Day.write(); err != nil {
		m.t.Fatal(err)
	}
	m.now = m.now.Add(off)
	m.open()
}

// reboot does so with the whole machine, whose clock goes on with the time that
// it had, if it has no battery.
func (m *machine) reboot(off time.Duration, battery bool) {
	m.t.Helper()
	was := m.now
	m.boot += "1"
	if battery {
		m.restart(off)
		return
	}
	m.restart(0)
	m.now = was
}

func (m *machine) want(spent int64) {
	m.t.Helper()
	if got := m.state.Spent; got != spent {
		m.t.Errorf("at %v spent %d, want %d", m.now, got, spent)
	}
}

func (m *machine) spendAll() { m.spend(m.last, m.left()) }

func TestANewDayBeginsAtMidnight(t *testing.T) {
	for _, zone := range []string{"UTC", "Europe/Berlin", "Asia/Kathmandu"} {
		for _, began := range []string{"2026-11-28 00:00", "2026-11-28 18:00", "2026-11-28 23:59", "2026-03-28 12:00", "2026-10-24 12:00"} {
			t.Run(zone+" "+began, func(t *testing.T) {
				m := start(t, began, zone)
				m.spendAll()
				for range 5 {
					y, mo, d := m.now.Date()
					midnight := time.Date(y, mo, d+1, 0, 0, 0, 0, m.now.Location())
					if got := m.Until(m.last); !got.Equal(midnight) {
						t.Fatalf("until %v, want %v", got, midnight)
					}
					m.pass(midnight.Sub(m.now) - time.Second)
					m.want(limit)
					m.pass(time.Second)
					m.want(0)
					if got := m.Until(m.last); !got.IsZero() {
						t.Fatalf("until %v with a budget", got)
					}
					m.spendAll()
				}
			})
		}
	}
}

func TestMidnightThatIsJumpedOver(t *testing.T) {
	m := start(t, "2026-03-07 12:00", "America/Havana") // 2026-03-08 begins at 01:00
	m.spendAll()
	if got := m.Until(m.last); got.Format("01-02 15:04") != "03-08 01:00" {
		t.Errorf("until %v", got)
	}
	m.pass(12*time.Hour - 1)
	m.want(limit)
	m.pass(1)
	m.want(0)
}

func TestSpending(t *testing.T) {
	m := start(t, "2026-11-28 12:00", "UTC")
	m.spend(m.last, 400_000)
	m.spend(m.last, 500_000)
	if got := m.Left(m.last); got != 100_000 {
		t.Errorf("left %d", got)
	}
	m.spend(m.last, 200_000) // what was under way
	if got := m.Left(m.last); got != 0 {
		t.Errorf("left %d", got)
	}
	if got := m.Spent(m.last); got != 1_100_000 {
		t.Errorf("spent %d", got)
	}
}

func TestARestartRemembers(t *testing.T) {
	for _, test := range []struct {
		name  string
		off   time.Duration
		spent int64
	}{
		{"at once", time.Second, limit},
		{"the same day", 5 * time.Hour, limit},
		{"over midnight", 15 * time.Hour, 0},
		{"two weeks", 14 * 24 * time.Hour, 0},
	} {
		for _, machines := range []bool{false, true} {
			t.Run(fmt.Sprint(test.name, " machine ", machines), func(t *testing.T) {
				m := start(t, "2026-11-28 18:00", "UTC")
				m.spendAll()
				if machines {
					m.reboot(test.off, true)
				} else {
					m.restart(test.off)
				}
				m.want(test.spent)
				// However long it was off, the days go on from midnight to midnight.
				m.spendAll()
				for range 2 {
					next := midnight(m.now)
					m.pass(next.Sub(m.now) - 1)
					m.want(limit)
					m.pass(1)
					m.want(0)
					m.spendAll()
				}
			})
		}
	}
}

// A Pi comes up with the time at which it stopped, and gets the right one when it
// is on the net.
func TestABoardWithoutABatteryClock(t *testing.T) {
	for _, test := range []struct {
		name  string
		off   time.Duration
		spent int64
	}{
		{"the same day", 3 * time.Hour, limit},
		{"over midnight", 15 * time.Hour, 0},
		{"two weeks", 14 * 24 * time.Hour, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := start(t, "2026-11-28 18:00", "UTC")
			m.spendAll()
			m.reboot(test.off, false)
			m.pass(time.Minute)
			m.want(limit)
			m.set(test.off)
			m.want(test.spent)
			m.spendAll()
			m.set(25 * time.Hour) // nobody gets a second one like this
			m.want(limit)
		})
	}
}

// One that comes up in 1970 each time does so too.
func TestABoardThatComesUpIn1970(t *testing.T) {
	m := start(t, "1970-01-01 00:00", "UTC")
	m.pass(time.Minute)
	m.spend(m.last, 1000)
	now := time.Date(2026, 11, 28, 18, 0, 0, 0, time.UTC)
	m.set(now.Sub(m.now))
	m.want(1000)
	m.pass(6 * time.Hour)
	m.want(0)
	m.pass(18 * time.Hour)
	m.spendAll()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	now = m.now.Add(9 * time.Hour)
	m.now, m.boot = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), "2"
	m.open()
	m.pass(time.Minute)
	m.want(limit)
	m.set(now.Sub(m.now))
	m.want(0)
}

func TestSteppingTheClockGrantsNoSecondBudget(t *testing.T) {
	m := start(t, "2026-11-28 12:00", "UTC")
	m.restart(0)
	m.spendAll()
	for _, by := range []time.Duration{12 * time.Hour, 24 * time.Hour, 365 * 24 * time.Hour, -time.Hour, 24 * 3000 * time.Hour, -24 * 4000 * time.Hour} {
		m.set(by)
		m.pass(time.Minute)
		m.want(limit)
	}
	// Days come and go by steps within an hour: in 30 hours that are counted there
	// are two budgets at most.
	granted := 0
	for i := range 30 * 60 {
		m.set([]time.Duration{23 * time.Hour, -22 * time.Hour}[i%2])
		m.pass(time.Minute)
		if m.left() > 0 {
			granted++
			m.spendAll()
		}
	}
	if granted > 2 {
		t.Errorf("%d budgets in 30 hours", granted)
	}
}

// Neither a clock that was put back nor one that was far ahead keeps the line
// shut for more than a day.
func TestSteppingTheClockBlocksForNoLongerThanADay(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, -30 * time.Hour, 30 * time.Hour, -24 * 365 * 20 * time.Hour, 24 * 365 * 12 * time.Hour} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprint(by, restart), func(t *testing.T) {
				m := start(t, "2026-11-28 12:00", "UTC")
				m.restart(0)
				m.spendAll()
				m.set(by)
				m.pass(time.Hour)
				m.set(-by)
				m.spendAll()
				m.set(by)
				if restart {
					m.restart(0)
				}
				until := m.Until(m.last)
				if wait := until.Sub(m.now); wait <= 0 || wait > 24*time.Hour {
					t.Fatalf("at %v until %v", m.now, until)
				}
				m.pass(until.Sub(m.now))
				m.want(0)
			})
		}
	}
}

// A clock that is kept right by small corrections is right.
func TestTimeServers(t *testing.T) {
	m := start(t, "2026-11-28 12:00", "UTC")
	m.spendAll()
	granted := 0
	for i := range 40 * 24 * 2 {
		m.set(time.Duration(i%7-3) * time.Second)
		m.pass(30 * time.Minute)
		if m.left() == 0 {
			continue
		}
		granted++
		if m.now.Hour() != 0 {
			t.Errorf("a new day at %v", m.now)
		}
		m.spendAll()
	}
	if granted != 40 {
		t.Errorf("%d new days in 40", granted)
	}
}

func TestATornOrForeignFileCountsAsNothingSpent(t *testing.T) {
	good := `{"day":"2026-11-28","spent":1234,"age":100,"at":"2026-11-28T00:01:40Z"}`
	for _, content := range []string{"", good[:40], "[]", `{"spent":5}`, "\x00\x00\x00", strings.Replace(good, "1234", "-5", 1),
		strings.Replace(good, "1234", "1e300", 1), strings.Replace(good, "100", "-1", 1), strings.Replace(good, "-28\"", "-99\"", 1)} {
		m := start(t, "2026-11-28 12:00", "UTC")
		if err := os.WriteFile(m.file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		m.open()
		m.want(0)
		if !strings.Contains(m.log.String(), "daily budget is not known") || !strings.Contains(m.log.String(), "cloud.budget.json") {
			t.Errorf("%q was reported as %s", content, &m.log)
		}
		m.spend(m.last, 50_000)
		m.open()
		m.want(50_000)
	}
}

// A hundredth at most is forgotten, and a hundredth at least is between two
// writes.
func TestTheFileIsWrittenRarely(t *testing.T) {
	m := start(t, "2026-11-28 12:00", "UTC")
	writes, last := 0, ""
	for range limit / 100 {
		m.spend(m.last, 100)
		b, _ := os.ReadFile(m.file)
		if string(b) != last {
			writes, last = writes+1, string(b)
		}
		var s state
		if len(b) > 0 {
			if err := json.Unmarshal(b, &s); err != nil {
				t.Fatal(err)
			}
		}
		if lost := m.state.Spent - s.Spent; lost > limit/100 {
			t.Fatalf("a power cut forgets %d", lost)
		}
	}
	if writes != 100 {
		t.Errorf("%d writes, want 100", writes)
	}
	entries, err := os.ReadDir(m.folder)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestCloseWritesTheRest(t *testing.T) {
	m := start(t, "2026-11-28 12:00", "UTC")
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(m.file); err == nil {
		t.Error("a file, and nothing was spent")
	}
	m.spend(m.last, 17)
	if err := m.Day.write(); err != nil {
		t.Fatal(err)
	}
	m.open()
	m.want(17)
}

func TestADiskThatFailsIsSaidOnce(t *testing.T) {
	m := start(t, "2126-11-28 12:00", "UTC") // Close asks the real clock, for which that is not over
	if err := os.Mkdir(m.file, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		m.spend(m.last, limit/50)
	}
	m.want(3 * limit / 50)
	if got := strings.Count(m.log.String(), "cannot be written"); got != 1 {
		t.Errorf("said %d times: %s", got, &m.log)
	}
	if err := m.Close(); err == nil || !strings.Contains(err.Error(), "daily budget") {
		t.Errorf("error %v", err)
	}
	if err := os.Remove(m.file); err != nil {
		t.Fatal(err)
	}
	m.spend(m.last, limit/50)
	m.open()
	m.want(4 * limit / 50)
}

func TestWithoutABoundOrAFolder(t *testing.T) {
	now := time.Now()
	folder := filepath.Join(t.TempDir(), "bridge")
	d := OpenDay(folder, "cloud", 0, slog.New(slog.DiscardHandler))
	d.Spend(1 << 40)
	if d.Left(now) != math.MaxInt64 || !d.Until(now).IsZero() || d.Spent(now) != 1<<40 || d.Close() != nil {
		t.Errorf("left %d until %v", d.Left(now), d.Until(now))
	}
	if _, err := os.Stat(folder); err == nil {
		t.Error("there is a folder")
	}
	d = OpenDay("", "cloud", 100_000, slog.New(slog.DiscardHandler))
	d.Spend(40_000)
	if d.Left(now) != 60_000 || d.Close() != nil {
		t.Errorf("left %d", d.Left(now))
	}
}

// The clock of the process, as it is used outside of tests.
func TestDayByTheClock(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := OpenDay(folder, "cloud", 100_000, slog.New(slog.DiscardHandler))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 25 {
					d.Spend(1000)
				}
			})
		}
		wg.Wait()
		if d.Left(time.Now()) != 0 {
			t.Errorf("left %d", d.Left(time.Now()))
		}
		time.Sleep(time.Until(d.Until(time.Now())))
		if d.Left(time.Now()) != 100_000 {
			t.Errorf("at %v left %d", time.Now(), d.Left(time.Now()))
		}
		d.Spend(30_000)
		time.Sleep(time.Minute)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = OpenDay(folder, "cloud", 100_000, slog.New(slog.DiscardHandler))
		if d.Left(time.Now()) != 70_000 {
			t.Errorf("left %d", d.Left(time.Now()))
		}
	})
}
