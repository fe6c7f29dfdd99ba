package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"gateway/broker/client"
	"gateway/broker/packet"
)

// TestPageExplorer: the topic tree on the page. Checks 18 to 21 of the dashboard's
// document.
func TestPageExplorer(t *testing.T) {
	g := startGateway(t, "sensors: []\npersistence: {path: "+t.TempDir()+"}\n")
	e := &explored{t: t, g: g, c: mqttClient(t, g.mqtt, "publisher"), sub: need(t, "mosquitto_sub", "mosquitto-clients"), stdbuf: need(t, "stdbuf", "coreutils")}
	needNode(t, "mqtt")
	browse(t, "explorer", g.page, func(what string) string {
		name, rest, _ := strings.Cut(what, " ")
		do, ok := map[string]func(string) string{
			"mqtt": func(string) string { return g.mqtt }, "publish": e.publishOne, "many": e.many, "old": e.old, "busy": e.busy,
			"count": e.count, "listen": e.listen, "heard": e.heard, "hostile": e.hostile, "token": e.token,
		}[name]
		if !ok {
			t.Errorf("the script asks for %q", what)
			return ""
		}
		return do(rest)
	})
}

// explored is what happens outside of the browser.
type explored struct {
	t           *testing.T
	g           *gatewayProcess
	c           *client.Client
	sub, stdbuf string
	listening   *process
}

// mqttClient is a client until the test ends.
func mqttClient(t *testing.T, address, id string) *client.Client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Connect(t.Context(), conn, client.Options{Version: packet.V5, ClientID: id, CleanStart: true, KeepAlive: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (e *explored) publish(topic string, payload []byte, retain bool) {
	e.t.Helper()
	if _, err := e.c.Publish(e.t.Context(), &packet.Publish{Topic: topic, Payload: payload, QoS: 1, Retain: retain}); err != nil {
		e.t.Fatal(err)
	}
}

// publishOne publishes TOPIC PAYLOAD, not retained.
func (e *explored) publishOne(rest string) string {
	topic, payload, _ := strings.Cut(rest, " ")
	e.publish(topic, []byte(payload), false)
	return ""
}

// many are 10,000 retained topics, 2,500 of them home/+/temp, all at once.
func (e *explored) many(string) string {
	kinds := [...]string{"temp", "humidity", "power", "state"}
	for i := range 10_000 {
		e.publish(fmt.Sprintf("home/room%d/%s", i/4, kinds[i%4]), fmt.Append(nil, 20+i%10), true)
	}
	return ""
}

// busy are 5,000 messages to 500 of them.
func (e *explored) busy(string) string {
	for i := range 5000 {
		e.publish(fmt.Sprintf("home/room%d/temp", i%500), fmt.Append(nil, 30+i/500), true)
	}
	return ""
}

// old are 1,000 retained topics with all kinds of properties.
func (e *explored) old(string) string {
	for i := range 1000 {
		m := &packet.Publish{Topic: fmt.Sprintf("old/device%d/state", i), Payload: fmt.Appendf(nil, "left over %d\x00", i), QoS: 1, Retain: true,
			Properties: &packet.Properties{User: []packet.UserProperty{{Name: "number", Value: strconv.Itoa(i)}}}}
		if _, err := e.c.Publish(e.t.Context(), m); err != nil {
			e.t.Fatal(err)
		}
	}
	return ""
}

// count tells how many retained messages a fresh subscriber gets for a filter, and
// how many of them are as old has made them.
func (e *explored) count(filter string) string {
	c := mqttClient(e.t, e.g.mqtt, "counter")
	ctx, cancel := context.WithTimeout(e.t.Context(), patience)
	defer cancel()
	if _, err := c.Subscribe(ctx, []packet.Subscription{{Filter: filter, QoS: 1}, {Filter: "zz/end", QoS: 1}}); err != nil {
		e.t.Fatal(err)
	}
	e.publish("zz/end", nil, false) // what comes after all that is retained
	n, whole := 0, 0
	for {
		m, err := c.Next(ctx)
		if err != nil {
			e.t.Fatal(err)
		}
		if m.Topic == "zz/end" {
			return fmt.Sprint(n, " ", whole)
		}
		n++
		if m.Properties != nil && len(m.Properties.User) == 1 && bytes.Equal(m.Payload, []byte("left over "+m.Properties.User[0].Value+"\x00")) {
			whole++
		}
	}
}

// listen starts mosquitto_sub, which prints all that it gets of a topic.
func (e *explored) listen(topic string) string {
	args := append([]string{"-oL", e.sub}, hostPort(e.t, e.g.mqtt)...)
	e.listening = spawn(e.t, e.stdbuf, append(args, "-d", "-V", "5", "-t", topic, "-q", "2", "-F", "got %t|%q|%C|%D|%R|%P|%p")...)
	e.listening.await(`(?m)^Subscribed \(mid: \d+\)`)
	return ""
}

// heard waits until it has printed so many messages, and returns them.
func (e *explored) heard(n string) string {
	count, err := strconv.Atoi(n)
	if err != nil {
		e.t.Fatal(err)
	}
	e.listening.await(`(?m)` + strings.Repeat(`^got .*(?s:.*?)`, count))
	return strings.Join(printed(e.listening), " ;; ")
}

// token makes a token that may only look.
func (e *explored) token(string) string {
	return newToken(e.t, e.g.admin(e.t), e.g.page, "viewer")
}

// hostile publishes what is to break the page, and what the broker is to refuse.
func (e *explored) hostile(string) string {
	markup := `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`
	e.publish("evil/markup", []byte(markup), true)
	e.publish("evil/"+strings.ReplaceAll(markup, "/", "\u2215"), []byte("1"), true)
	e.publish("evil/large", append(bytes.Repeat([]byte("<b>x</b> "), 1<<20/9-1), "THE END"...), true)
	e.publish("evil/line", bytes.Repeat([]byte("x"), 1<<20), true)
	e.publish("evil/binary", []byte{0, 1, 2, 0xff, 0xfe}, true)
	e.publish("evil/bidi\u202egnp.exe", []byte("\u202eabc"), true)
	e.publish("evil/"+strings.TrimSuffix(strings.Repeat("d/", 98), "/"), []byte("deep"), true)
	e.publish("evil//empty/", []byte("1"), true)
	e.publish("evil/number", []byte(`{"big":123456789012345678901234567890,"id":9007199254740993,"s":"</script>"}`), true)
	e.publish("evil/nested", bytes.Repeat([]byte("["), 100_000), true)
	e.publish("evil/__proto__/constructor", []byte(`{"__proto__":{"polluted":1},"toString":2}`), true)
	for _, topic := range []string{"\xff\xfe", "a\x00b", "\xed\xa0\x80", "a\x07b"} { // no UTF-8, U+0000, a surrogate, a control character
		if !e.refused(topic) {
			e.t.Errorf("the broker took the topic %q", topic)
		}
	}
	return ""
}

// refused publishes to a topic that no client would, and tells whether the broker
// ends the connection.
func (e *explored) refused(topic string) bool {
	conn, err := net.Dial("tcp", e.g.mqtt)
	if err != nil {
		e.t.Fatal(err)
	}
	defer conn.Close()
	connect := "\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03raw"
	publish := "\x30" + string([]byte{byte(2 + len(topic) + 1), 0, byte(len(topic))}) + topic + "1"
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte(connect + publish)); err != nil {
		e.t.Fatal(err)
	}
	var all []byte
	buf := make([]byte, 64)
	for {
		n, err := conn.Read(buf)
		all = append(all, buf[:n]...)
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			return false
		}
		if err != nil {
			return bytes.HasPrefix(all, []byte{0x20, 2, 0, 0}) // let in, then thrown out
		}
	}
}

// TestExplorerRights: who may only look changes nothing, whatever they send.
func TestExplorerRights(t *testing.T) {
	g := startGateway(t, "sensors: []\npersistence: {path: "+t.TempDir()+"}\n")
	viewer := newToken(t, g.admin(t), g.page, "viewer")
	e := &explored{t: t, g: g, c: mqttClient(t, g.mqtt, "publisher")}
	e.publish("kept/a", []byte("1"), true)
	for _, tt := range []struct {
		method, path, body, token string
		status                    int
	}{
		{"GET", "retained?filter=kept/%23", "", viewer, http.StatusOK},
		{"GET", "topic?topic=kept/a", "", viewer, http.StatusOK},
		{"POST", "publish", `{"topic":"kept/a","text":"2","retain":true}`, viewer, http.StatusForbidden},
		{"POST", "retained/delete", `{"filter":"#","count":1}`, viewer, http.StatusForbidden},
		{"POST", "retained/import", `{"topic":"kept/b","base64":""}`, viewer, http.StatusForbidden},
		{"GET", "topic?topic=kept/a", "", "", http.StatusUnauthorized},
		{"GET", "retained/export?filter=%23", "", "", http.StatusUnauthorized},
		{"POST", "publish", `{"topic":"kept/a","text":"2","retain":true}`, "", http.StatusUnauthorized},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, g.page+"/api/v1/"+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if tt.token != "" {
			r.Header.Set("Authorization", "Bearer "+tt.token)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.status {
			t.Errorf("%s %s with token %q: %d, want %d", tt.method, tt.path, tt.token, resp.StatusCode, tt.status)
		}
	}
	if got := e.count("kept/#"); got != "1 0" {
		t.Errorf("what is retained is %s by now", got)
	}
}
