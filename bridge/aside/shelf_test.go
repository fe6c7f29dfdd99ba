package aside

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker"
	"gateway/broker/packet"
)

// open opens a shelf whose log goes to the test.
func open(t *testing.T, folder string) *Shelf {
	t.Helper()
	s, err := Open(folder, "cloud", slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Shelf, topics ...string) {
	t.Helper()
	for _, topic := range topics {
		if err := s.Put(&broker.Message{Topic: topic, Payload: []byte("21.5")}, "pi/"+topic, "not authorized"); err != nil {
			t.Fatal(err)
		}
	}
}

// topics returns what is on the shelf, "id topic id topic".
func topics(t *testing.T, s *Shelf) string {
	t.Helper()
	all, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != s.Len() {
		t.Errorf("Len is %d, and the list has %d", s.Len(), len(all))
	}
	var b []string
	for _, m := range all {
		b = append(b, fmt.Sprintf("%d %s", m.ID, m.Topic))
	}
	return strings.Join(b, " ")
}

func want(t *testing.T, s *Shelf, list string) {
	t.Helper()
	if got := topics(t, s); got != list {
		t.Errorf("there is %q, want %q", got, list)
	}
}

// everywhere runs a test on a file and in memory.
func everywhere(t *testing.T, f func(t *testing.T, folder string)) {
	t.Run("file", func(t *testing.T) { f(t, filepath.Join(t.TempDir(), "bridge")) })
	t.Run("memory", func(t *testing.T) { f(t, "") })
}

func TestAMessageIsKeptWithEverything(t *testing.T) {
	everywhere(t, func(t *testing.T, folder string) {
		synctest.Test(t, func(t *testing.T) {
			for _, payload := range [][]byte{[]byte("<21.5 °C>\n\x00"), {0xff, 0, 0xfe}, {}, nil} {
				s := open(t, folder)
				if _, err := s.Clear(); err != nil {
					t.Fatal(err)
				}
				m := &broker.Message{Topic: "home/x", Payload: payload, QoS: 2, Retain: true, Properties: &broker.Properties{
					ContentType: packet.Some("text/plain"),
					User:        []packet.UserProperty{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}},
				}}
				if err := s.Put(m, "pi/home/x", `PUBACK: not authorized (0x87): "no & never"`); err != nil {
					t.Fatal(err)
				}
				all, err := s.List()
				if err != nil || len(all) != 1 {
					t.Fatalf("%v, %v", all, err)
				}
				want := Message{
					ID: all[0].ID, Time: time.Now().UTC(), Topic: "home/x", Remote: "pi/home/x", QoS: 2, Retain: true,
					Reason: `PUBACK: not authorized (0x87): "no & never"`, ContentType: "text/plain",
					UserProperties: []UserProperty{{"a", "1"}, {"a", "2"}},
					Bytes:          len(payload), Payload: append([]byte{}, payload...),
				}
				if !reflect.DeepEqual(all[0], want) {
					t.Errorf("got  %+v\nwant %+v", all[0], want)
				}
			}
		})
	})
}

// The file is for jq and people, so what is in it is a promise.
func TestTheFileIsJSONLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is midnight, 2000-01-01
		folder := t.TempDir()
		s := open(t, folder)
		put(t, s, "a<b>")
		if err := s.Put(&broker.Message{Topic: "c", Payload: []byte{0xff}, QoS: 1}, "c", "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Remove(1); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(folder, "cloud.aside.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		const want = `{"id":1,"time":"2000-01-01T00:00:00Z","topic":"a<b>","remote":"pi/a<b>","qos":0,"retain":false,"reason":"not authorized","bytes":4,"payload":"21.5"}
{"id":2,"time":"2000-01-01T00:00:00Z","topic":"c","remote":"c","qos":1,"retain":false,"reason":"x","bytes":1,"payload_base64":"/w=="}
{"forget":[1]}
`
		if string(got) != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestWhatIsSetAsideOutlivesARestart(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "store", "bridge")
	put(t, open(t, folder), "a", "b")
	s := open(t, folder)
	want(t, s, "1 a 2 b")
	put(t, s, "c")
	want(t, open(t, folder), "1 a 2 b 3 c")
	other, err := Open(folder, "other", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	want(t, other, "")
}

func TestOpenChangesNothing(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "bridge")
	s := open(t, folder)
	if n, err := s.Clear(); n != 0 || err != nil {
		t.Error(n, err)
	}
	if n, err := s.Remove(1); n != 0 || err != nil {
		t.Error(n, err)
	}
	want(t, s, "")
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a folder: %v", err)
	}
}

func TestRemoveAndClear(t *testing.T) {
	everywhere(t, func(t *testing.T, folder string) {
		s := open(t, folder)
		put(t, s, "a", "b", "c", "d")
		if n, err := s.Remove(2, 4, 4, 17); n != 2 || err != nil {
			t.Errorf("removed %d, %v", n, err)
		}
		want(t, s, "1 a 3 c")
		put(t, s, "e")
		want(t, s, "1 a 3 c 5 e")
		if folder != "" {
			want(t, open(t, folder), "1 a 3 c 5 e")
		}
		if n, err := s.Clear(); n != 3 || err != nil {
			t.Errorf("cleared %d, %v", n, err)
		}
		want(t, s, "")
		put(t, s, "f")
		want(t, s, "6 f")
	})
}

// The gateway runs while a person takes messages away.
func TestAnotherProcessTakesMessagesAway(t *testing.T) {
	folder := t.TempDir()
	bridge := open(t, folder)
	put(t, bridge, "a", "b", "c")
	command := open(t, folder)
	if n, err := command.Remove(2); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	want(t, bridge, "1 a 3 c")
	put(t, bridge, "d")
	want(t, command, "1 a 3 c 4 d")
	if n, err := command.Clear(); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	if n := bridge.Len(); n != 0 {
		t.Errorf("%d left", n)
	}
	put(t, bridge, "e")
	want(t, command, "5 e")
}

func TestTheOldestGoFirst(t *testing.T) {
	everywhere(t, func(t *testing.T, folder string) {
		s := open(t, folder)
		s.Limit(Limits{MaxMessages: 3, MaxBytes: 1 << 20})
		put(t, s, "a", "b", "c", "d", "e")
		want(t, s, "3 c 4 d 5 e")
		if n := s.Dropped(); n != 2 {
			t.Errorf("%d dropped, want 2", n)
		}
		// What the bounds have taken does not come back when there is room.
		if _, err := s.Remove(4); err != nil {
			t.Fatal(err)
		}
		want(t, s, "3 c 5 e")
		if folder != "" {
			s = open(t, folder)
			s.Limit(Limits{MaxMessages: 3, MaxBytes: 1 << 20})
			want(t, s, "3 c 5 e")
		}
	})
}

func TestBytesAreBounded(t *testing.T) {
	everywhere(t, func(t *testing.T, folder string) {
		s := open(t, folder)
		s.Limit(Limits{MaxMessages: 1000, MaxBytes: 100_000})
		for i := range 200 {
			m := &broker.Message{Topic: fmt.Sprint(i), Payload: bytes.Repeat([]byte("x"), 9_500)}
			if err := s.Put(m, "", ""); err != nil {
				t.Fatal(err)
			}
			if folder != "" && i%50 == 0 {
				info, err := os.Stat(filepath.Join(folder, "cloud.aside.jsonl"))
				if err != nil || info.Size() > 220_000 {
					t.Fatalf("file of %d bytes, %v", info.Size(), err)
				}
			}
		}
		if n := s.Len(); n != 10 {
			t.Errorf("%d are kept, want 10", n)
		}
		all, err := s.List()
		if err != nil || all[0].Topic != "190" || all[9].Topic != "199" || len(all[9].Payload) != 9_500 {
			t.Errorf("%v, %s to %s", err, all[0].Topic, all[9].Topic)
		}
	})
}

func TestAMessageLargerThanEverythingIsNotedWithoutItsPayload(t *testing.T) {
	everywhere(t, func(t *testing.T, folder string) {
		s := open(t, folder)
		s.Limit(Limits{MaxMessages: 10, MaxBytes: 1000})
		large := bytes.Repeat([]byte("x"), 2000)
		if err := s.Put(&broker.Message{Topic: "a", Payload: large}, "b", "too large"); err != nil {
			t.Fatal(err)
		}
		props := &broker.Properties{User: []packet.UserProperty{{Name: "n", Value: string(large)}}}
		if err := s.Put(&broker.Message{Topic: "c", Payload: []byte("x"), Properties: props}, "d", "too large"); err != nil {
			t.Fatal(err)
		}
		all, err := s.List()
		if err != nil || len(all) != 2 {
			t.Fatal(all, err)
		}
		for i, bytes := range []int{2000, 1} {
			if m := all[i]; m.Payload != nil || m.UserProperties != nil || m.Bytes != bytes || m.Reason != "too large" {
				t.Errorf("%+v", m)
			}
		}
	})
}

// Whatever the byte at which the power went: everything before the line that
// was being written is there, and the next one follows.
func TestATornEndIsCutOffAndReported(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "cloud.aside.jsonl")
	put(t, open(t, folder), "a", "b")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(whole, '\n') + 1
	for _, tail := range []string{"", "\x00\x00\x00"} {
		for size := first; size < len(whole); size++ {
			if err := os.WriteFile(file, append(whole[:size:size], tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			s, err := Open(folder, "cloud", slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			want(t, s, "1 a")
			put(t, s, "c")
			want(t, s, "1 a 2 c")
			want(t, open(t, folder), "1 a 2 c")
			torn := size+len(tail) > first
			if got := strings.Count(log.String(), "cannot be read"); torn && got != 1 || !torn && got != 0 {
				t.Errorf("at %d: reported %d times: %s", size, got, &log)
			}
		}
	}
}

func TestDamagedLinesArePassedOverAndReported(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "cloud.aside.jsonl")
	put(t, open(t, folder), "a", "b", "c")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	lines[1][0] = 0
	lines[2] = bytes.Replace(lines[2], []byte(`"qos":0`), []byte(`"qos":-`), 1)
	lines = append(lines, []byte("{\"id\":3,\"topic\":\"a number that is behind\"}\n{\"id\":\"4\"}\n[]\n\n"), []byte("{\"id\":7,\"qos\":\"none\"}\n"))
	lines[2] = append([]byte("{\"id\":3,\"topic\":\"c\"}\n"), lines[2]...)
	if err := os.WriteFile(file, bytes.Join(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := Open(folder, "cloud", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, "1 a 3 c 7 ")
	if !strings.Contains(log.String(), "lines=6") {
		t.Errorf("reported %s", &log)
	}
	all, err := s.List()
	if err != nil || !strings.Contains(all[2].Reason, "cannot be read") {
		t.Error(all, err)
	}
	if n, err := s.Remove(7); n != 1 || err != nil {
		t.Error(n, err)
	}
	put(t, s, "d")
	want(t, open(t, folder), "1 a 3 c 8 d")
}

// A message of which Put has not said that it is kept is not there, and the
// next one is.
func TestWhatCannotBeMadeDurableIsAnError(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder)
	fail := errors.New("no space left on device")
	sync := s.sync
	s.sync = func(*os.File) error { return fail }
	for range 2 {
		if err := s.Put(&broker.Message{Topic: "lost"}, "", ""); !errors.Is(err, fail) || !strings.Contains(err.Error(), `"lost"`) {
			t.Errorf("error %v", err)
		}
		want(t, s, "")
	}
	s.sync = sync
	put(t, s, "a")
	s.sync = func(*os.File) error { return fail }
	if n, err := s.Remove(1); n != 0 || !errors.Is(err, fail) {
		t.Error(n, err)
	}
	want(t, s, "1 a")
	s.sync = sync
	put(t, s, "b")
	want(t, open(t, folder), "1 a 2 b")
}

func TestEveryPutIsSynced(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "bridge")
	s := open(t, folder)
	var synced []string
	s.sync = func(f *os.File) error {
		synced = append(synced, filepath.Base(f.Name()))
		return f.Sync()
	}
	put(t, s, "a", "b")
	if got, want := fmt.Sprint(synced[1:]), "[cloud.aside.jsonl bridge cloud.aside.jsonl]"; got != want {
		t.Errorf("synced %v, want %v", got, want)
	}
}

func TestAFileThatCannotBeReadIsNamed(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "cloud.aside.jsonl"), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := Open(folder, "cloud", slog.New(slog.DiscardHandler))
	if s != nil || err == nil || !strings.Contains(err.Error(), "cloud.aside.jsonl") {
		t.Errorf("%v, %v", s, err)
	}
}

// Dropping goes on for as long as an upstream refuses everything.
func TestDroppingIsSaidOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s, err := Open("", "cloud", slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		s.Limit(Limits{MaxMessages: 1, MaxBytes: 1000})
		for range 121 {
			put(t, s, "a")
			time.Sleep(time.Minute)
		}
		if got := strings.Count(log.String(), "dropped="); got != 2 || !strings.Contains(log.String(), "dropped=61") {
			t.Errorf("said %d times: %s", got, &log)
		}
	})
}

func TestBridgesShareAFolder(t *testing.T) {
	folder := t.TempDir()
	one, two := open(t, folder), open(t, folder) // of one file: the worst case
	var wg sync.WaitGroup
	for _, s := range []*Shelf{one, two} {
		for range 2 {
			wg.Go(func() {
				for i := range 20 {
					put(t, s, fmt.Sprint(i))
					s.Len()
				}
			})
		}
	}
	wg.Wait()
	s := open(t, folder)
	if n := s.Len(); n != 80 {
		t.Errorf("%d, want 80", n)
	}
	if _, err := s.List(); err != nil {
		t.Error(err)
	}
}

func TestLimitsValidate(t *testing.T) {
	if err := DefaultLimits().Validate(); err != nil {
		t.Error(err)
	}
	err := Limits{}.Validate()
	if err == nil || err.Error() != "max_messages: 0 is too few; at least 1 message\nmax_bytes: 0 is too few; at least 1 byte" {
		t.Error(err)
	}
}

// A file from elsewhere does not bring the gateway down, and what is put then is
// found again.
func FuzzScan(f *testing.F) {
	f.Add([]byte("{\"id\":1,\"topic\":\"a\",\"payload\":\"x\"}\n{\"forget\":[1]}\n{\"id\":2"))
	f.Add([]byte("\x00\n\n[1]\n{\"id\":18446744073709551615}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "cloud.aside.jsonl"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(folder, "cloud", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		s.sync = func(*os.File) error { return nil }
		before := s.Len()
		if err := s.Put(&broker.Message{Topic: "mine"}, "", ""); err != nil {
			t.Fatal(err)
		}
		again, err := Open(folder, "cloud", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		all, err := again.List()
		if err != nil || len(all) != min(before+1, 1000) || all[len(all)-1].Topic != "mine" {
			t.Fatalf("%d before, %d after, %v", before, len(all), err)
		}
		for _, m := range all {
			if _, err := json.Marshal(m); err != nil {
				t.Error(err)
			}
		}
	})
}
