package batch

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

var began = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func batcher(t testing.TB, change func(*Config)) *Batcher[int] {
	t.Helper()
	c := Default()
	c.Topic = "pi/batch"
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return New[int](c)
}

func number(topic string) Message { return Message{Topic: topic, Payload: []byte("1")} }

// told writes what comes out as "[tags] topic payload" a line.
func told(outs ...Out[int]) string {
	var b strings.Builder
	for _, o := range outs {
		fmt.Fprintf(&b, "%v %s %s\n", o.Of, o.Topic, o.Payload)
	}
	return b.String()
}

// Consumers are written for this, to the byte.
func TestABatchIsAnArrayOfMessages(t *testing.T) {
	b := batcher(t, nil)
	for i, m := range []Message{
		{"home/<x>/\"é", []byte(`{"time":"2026-11-23T04:05:06.789Z", "temperature":21.50}`), false},
		{"home/power", []byte("-1.50e3"), true},
		{"home/list", []byte(" [1, 2]\n"), false},
	} {
		if out := b.Add(began, m, i); out != nil {
			t.Fatal(told(out...))
		}
	}
	out, ok := b.Flush()
	const want = `[{"topic":"home/<x>/\"é","payload":{"time":"2026-11-23T04:05:06.789Z", "temperature":21.50}},` +
		`{"topic":"home/power","payload":-1.50e3,"retain":true},{"topic":"home/list","payload":[1, 2]}]`
	if !ok || string(out.Payload) != want {
		t.Errorf("got  %s\nwant %s", out.Payload, want)
	}
	if out.Topic != "pi/batch" || out.Retain || !out.Batch || !reflect.DeepEqual(out.Of, []int{0, 1, 2}) {
		t.Errorf("%+v", out)
	}
	if !json.Valid(out.Payload) {
		t.Error("not JSON")
	}
}

func TestWhatIsNotJSONGoesByItselfAfterTheBatch(t *testing.T) {
	for _, payload := range []string{
		"", "on", "online", "true", "null", `"text"`, "{", "21.5 °C", "1 2", "01", "+1", ".5", "NaN", "0x10", "\xef\xbb\xbf{}",
		"{\"a\":\"\xff\"}", strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
	} {
		b := batcher(t, nil)
		b.Add(began, number("a"), 1)
		got := b.Add(began, Message{"b", []byte(payload), true}, 2)
		if len(got) != 2 || told(got[0]) != "[1] pi/batch [{\"topic\":\"a\",\"payload\":1}]\n" || told(got[1]) != told(Out[int]{Message{"b", []byte(payload), true}, []int{2}, false}) || !got[1].Retain || got[1].Batch {
			t.Errorf("%.20q: got %s", payload, told(got...))
		}
		if b.Len() != 0 || !b.Due().IsZero() {
			t.Errorf("%d wait until %v", b.Len(), b.Due())
		}
		if got := b.Add(began, Message{"b", []byte(payload), false}, 3); len(got) != 1 || got[0].Batch {
			t.Errorf("%.20q alone: got %s", payload, told(got...))
		}
	}
}

func TestABatchIsFull(t *testing.T) {
	t.Run("by messages", func(t *testing.T) {
		b := batcher(t, func(c *Config) { c.MaxMessages = 3 })
		for i := range 7 {
			out := b.Add(began, number("a"), i)
			if full := i%3 == 2; full != (len(out) == 1) {
				t.Fatalf("at %d: %s", i, told(out...))
			} else if full && !reflect.DeepEqual(out[0].Of, []int{i - 2, i - 1, i}) {
				t.Error(out[0].Of)
			}
		}
	})
	t.Run("by bytes", func(t *testing.T) {
		item := len(`{"topic":"a","payload":1}`)
		b := batcher(t, func(c *Config) { c.MaxBytes = 2*item + len("[,]") })
		for i := range 7 {
			out := b.Add(began, number("a"), i)
			if full := i > 0 && i%2 == 0; full != (len(out) == 1) {
				t.Fatalf("at %d: %s", i, told(out...))
			} else if full && len(out[0].Payload) != 2*item+3 {
				t.Error(told(out...))
			}
		}
	})
	t.Run("one is larger than a batch", func(t *testing.T) {
		b := batcher(t, func(c *Config) { c.MaxBytes = 100 })
		b.Add(began, number("a"), 1)
		large := Message{Topic: "b", Payload: []byte("[" + strings.Repeat(" ", 100) + "]")}
		if out := b.Add(began, large, 2); len(out) != 2 || !out[0].Batch || out[1].Batch {
			t.Error(told(out...))
		}
	})
	t.Run("of one message", func(t *testing.T) {
		b := batcher(t, func(c *Config) { c.MaxMessages = 1 })
		if out := b.Add(began, number("a"), 1); len(out) != 1 || !out[0].Batch {
			t.Error(told(out...))
		}
	})
}

func TestDueIsTheFirstMessagesTime(t *testing.T) {
	b := batcher(t, func(c *Config) { c.MaxDelay = time.Minute })
	if !b.Due().IsZero() {
		t.Error("due without a message")
	}
	b.Add(began, number("a"), 1)
	b.Add(began.Add(30*time.Second), number("a"), 2)
	if got := b.Due(); !got.Equal(began.Add(time.Minute)) {
		t.Errorf("due %v", got)
	}
	if out, ok := b.Flush(); !ok || len(out.Of) != 2 {
		t.Error(told(out))
	}
	if _, ok := b.Flush(); ok || !b.Due().IsZero() {
		t.Error("something waits")
	}
	b.Add(began, number("a"), 3)
	b.Reset()
	if _, ok := b.Flush(); ok || !b.Due().IsZero() || b.Len() != 0 {
		t.Error("something waits after Reset")
	}
	b.Add(began, number("b"), 4)
	if out, ok := b.Flush(); !ok || told(out) != "[4] pi/batch [{\"topic\":\"b\",\"payload\":1}]\n" {
		t.Error(told(out))
	}
}

// What was given away is not written to by the batches that follow.
func TestABatchBelongsToItsReceiver(t *testing.T) {
	for _, compression := range []string{None, Gzip} {
		b := batcher(t, func(c *Config) { c.MaxMessages, c.Compression = 2, compression })
		b.Add(began, number("a"), 1)
		first := b.Add(began, number("a"), 2)[0]
		payload, of := bytes.Clone(first.Payload), append([]int{}, first.Of...)
		b.Add(began, number("b"), 3)
		b.Add(began, number("b"), 4)
		if !bytes.Equal(payload, first.Payload) || !reflect.DeepEqual(of, first.Of) {
			t.Errorf("changed to %s", told(first))
		}
	}
}

func TestUnpackReturnsWhatWasAdded(t *testing.T) {
	for _, compression := range []string{None, Gzip} {
		b := batcher(t, func(c *Config) { c.Compression = compression })
		want := append(readings(t)[:50], Message{"a/\"\\ü\u2028<b>", []byte("[1, 2.50]"), true})
		for i, m := range want {
			if out := b.Add(began, m, i); out != nil {
				t.Fatal(told(out...))
			}
		}
		out, _ := b.Flush()
		got, err := Unpack(out.Payload)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\ngot  %v\nwant %v", compression, err, got, want)
		}
	}
}

func zipped(t testing.TB, texts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for _, s := range texts {
		if _, err := z.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestUnpackRefuses(t *testing.T) {
	good := zipped(t, `[{"topic":"a","payload":1}]`)
	var bomb []string
	for range 20 {
		bomb = append(bomb, strings.Repeat(" ", 1<<20))
	}
	many := "[" + strings.Repeat(`{"topic":"a","payload":1},`, mostMessages) + `{"topic":"a","payload":1}]`
	for _, test := range []struct {
		name    string
		payload []byte
		want    string
	}{
		{"nothing", nil, "not an array"},
		{"a reading", []byte(`{"temperature":1}`), "not an array"},
		{"an array of something else", []byte(`[1]`), "element 0"},
		{"a topic that is missing", []byte(`[{"payload":1}]`), "element 0: topic or payload is missing"},
		{"a topic that is empty", []byte(`[{"topic":"","payload":1}]`), "element 0: topic or payload"},
		{"a payload that is missing", []byte(`[{"topic":"a","payload":1},{"topic":"a"}]`), "element 1: topic or payload"},
		{"torn", []byte(`[{"topic":"a","payload":1},{"top`), "element 1"},
		{"no end", []byte(`[{"topic":"a","payload":1}`), "after 1 messages"},
		{"something behind", []byte(`[{"topic":"a","payload":1}] []`), "something follows"},
		{"not UTF-8", []byte("[{\"topic\":\"\xff\",\"payload\":1}]"), "not UTF-8"},
		{"torn gzip", good[:len(good)-5], "unexpected EOF"},
		{"damaged gzip", append(bytes.Clone(good[:len(good)-8]), 1, 2, 3, 4, 5, 6, 7, 8), "checksum"},
		{"gzip and something behind", append(bytes.Clone(good), 1), "unpack a batch"},
		{"20 MiB of nothing", zipped(t, bomb...), ErrTooLarge.Error()},
		{"17 MiB", bytes.Repeat([]byte(" "), 17<<20), ErrTooLarge.Error()},
		{"too many", []byte(many), ErrTooLarge.Error()},
	} {
		got, err := Unpack(test.payload)
		if got != nil || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %d messages, error %v, want %s", test.name, len(got), err, test.want)
		}
		if errors.Is(err, ErrTooLarge) != (test.want == ErrTooLarge.Error()) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if got, err := Unpack([]byte(" [ ] ")); len(got) != 0 || err != nil {
		t.Errorf("empty: %v, %v", got, err)
	}
	if got, err := Unpack([]byte(`[{"topic":"a","payload":1,"qos":1}]`)); len(got) != 1 || err != nil {
		t.Errorf("an unknown key: %v, %v", got, err)
	}
}

func TestConfigValidate(t *testing.T) {
	with := func(change func(*Config)) Config {
		c := Default()
		c.Topic = "batch"
		change(&c)
		return c
	}
	for _, test := range []struct {
		cfg  Config
		want string
	}{
		{Default(), ""},
		{Config{}, ""},
		{with(func(*Config) {}), ""},
		{with(func(c *Config) { c.Compression = Gzip }), ""},
		{with(func(c *Config) { c.Topic, c.MaxMessages = "", 5 }), "topic: is missing"},
		{with(func(c *Config) { c.Topic = "a/#" }), "topic: "},
		{with(func(c *Config) { c.Topic = "$SYS/a" }), "topic: \"$SYS/a\" is the upstream's own"},
		{with(func(c *Config) { c.MaxMessages = 0 }), "max_messages: 0 is out of range, 1 to 10000"},
		{with(func(c *Config) { c.MaxBytes = 16<<20 + 1 }), "max_bytes: 16777217 is out of range, 1 to 16777216"},
		{with(func(c *Config) { c.MaxDelay = 0 }), "max_delay: 0s is too short"},
		{with(func(c *Config) { c.Compression = "zip" }), `compression: "zip" is not known; none or gzip`},
		{with(func(c *Config) { c.Compression = "" }), `compression: "" is not known`},
	} {
		err := test.cfg.Validate()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
			t.Errorf("%+v: error %v, want %s", test.cfg, err, test.want)
		}
	}
}

// readings are 200 readings of the simulated house, as they were published.
func readings(t testing.TB) []Message {
	t.Helper()
	data, err := os.ReadFile("testdata/readings.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []Message
	for line := range strings.Lines(string(data)) {
		topic, payload, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		all = append(all, Message{Topic: topic, Payload: []byte(payload)})
	}
	return all
}

// What a packet costs beside its bytes where each goes alone: a record of TLS 1.3
// and the headers of TCP, with time stamps, and IPv4.
const (
	record  = 22
	headers = 52
	segment = 1400
)

// cost is what the PUBLISH of a message with QoS 1 and its PUBACK take, bytes, in
// MQTT and on the wire.
func cost(topic string, payload int) (mqtt, wire int) {
	body := 2 + len(topic) + 2 + payload
	length := 1
	for n := body; n >= 128; n /= 128 {
		length++
	}
	publish, puback := 1+length+body, 4
	segments := (publish + record + segment - 1) / segment
	return publish + puback, publish + puback + 2*record + (segments+1)*headers
}

// TestSaving holds what the package comment says; go test -v shows the figures.
func TestSaving(t *testing.T) {
	all := readings(t)
	single, singleWire := 0, 0
	for _, m := range all {
		mqtt, wire := cost("pi/"+m.Topic, len(m.Payload))
		single, singleWire = single+mqtt, singleWire+wire
	}
	t.Logf("%-12s %5s %6.1f %6.1f", "single", "", float64(single)/float64(len(all)), float64(singleWire)/float64(len(all)))
	got := make(map[string]int) // % of what single ones take on the wire
	for _, compression := range []string{None, Gzip} {
		for _, size := range []int{10, 25, 50, 100, 200} {
			b := batcher(t, func(c *Config) { c.MaxMessages, c.Compression, c.MaxBytes = size, compression, 1<<20 })
			mqtt, wire := 0, 0
			for i, m := range all {
				m.Topic = "pi/" + m.Topic
				for _, o := range b.Add(began, m, i) {
					x, y := cost(o.Topic, len(o.Payload))
					mqtt, wire = mqtt+x, wire+y
				}
			}
			if b.Len() != 0 {
				t.Fatal("not everything was sent")
			}
			got[fmt.Sprint(compression, size)] = 100 * wire / singleWire
			t.Logf("%-12s %5d %6.1f %6.1f  %3d %% %3d %%", compression, size, float64(mqtt)/float64(len(all)), float64(wire)/float64(len(all)), 100*mqtt/single, 100*wire/singleWire)
		}
	}
	if got["none100"] > 55 || got["gzip100"] > 15 {
		t.Errorf("%v", got)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte(`[{"topic":"a","payload":{"x":[1,2]}},{"topic":"b","payload":-1.5e3,"retain":true}]`))
	f.Add(zipped(f, `[{"topic":"a","payload":1}]`))
	f.Add([]byte(`[{"Topic":"a","payload":null},{}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := Unpack(data)
		if err != nil {
			if all != nil {
				t.Error("messages and an error")
			}
			return
		}
		// What came out goes in again and comes out the same.
		b := batcher(t, func(c *Config) { c.MaxMessages, c.MaxBytes = mostMessages, mostBytes })
		var want []Message
		for i, m := range all {
			if out := b.Add(began, m, i); out == nil {
				want = append(want, m)
			} else {
				want = nil // not what goes into a batch
			}
		}
		out, ok := b.Flush()
		if !ok {
			return
		}
		got, err := Unpack(out.Payload)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v\ngot  %v\nwant %v", err, got, want)
		}
	})
}

// What goes in comes out, whatever it is.
func FuzzAdd(f *testing.F) {
	f.Add("home/x", []byte(`{"temperature":21.5}`), "a\"b", []byte(" 1 "), true)
	f.Add("\u2028", []byte("{\"a\":\"\xff\"}"), "x", []byte("on"), false)
	f.Fuzz(func(t *testing.T, topic1 string, payload1 []byte, topic2 string, payload2 []byte, compress bool) {
		b := batcher(t, func(c *Config) {
			if compress {
				c.Compression = Gzip
			}
		})
		in := []Message{{topic1, payload1, false}, {topic2, payload2, true}}
		var got []Message
		take := func(outs ...Out[int]) {
			for _, o := range outs {
				if !o.Batch {
					got = append(got, o.Message)
					continue
				}
				all, err := Unpack(o.Payload)
				if err != nil || len(all) != len(o.Of) {
					t.Fatalf("%v of %d: %v from %q", len(all), len(o.Of), err, o.Payload)
				}
				got = append(got, all...)
			}
		}
		for i, m := range in {
			if m.Topic == "" || strings.ToValidUTF8(m.Topic, "") != m.Topic {
				return // no topic
			}
			take(b.Add(began, m, i)...)
		}
		if o, ok := b.Flush(); ok {
			take(o)
		}
		if len(got) != 2 {
			t.Fatal(got)
		}
		for i, m := range got {
			if m.Topic != in[i].Topic || m.Retain != in[i].Retain || !bytes.Equal(bytes.TrimSpace(m.Payload), bytes.TrimSpace(in[i].Payload)) {
				t.Errorf("%d: got %v, want %v", i, m, in[i])
			}
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	all := readings(b)
	for _, compression := range []string{None, Gzip} {
		b.Run(compression, func(b *testing.B) {
			x := batcher(b, func(c *Config) { c.Compression = compression })
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				x.Add(began, all[i%len(all)], i)
				i++
			}
		})
	}
}
