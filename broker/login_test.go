package broker

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/broker/auth"
	"gateway/broker/packet"
)

// ann's password is pencil, and so is everybody's who has a verifier.
var annAndBob = []auth.User{
	{Name: "ann", Password: auth.NewVerifier([]byte("pencil"))},
	{Name: "bob", Password: auth.NewVerifier([]byte("pencil"))},
}

func as(user, password string) func(*packet.Connect) {
	return func(p *packet.Connect) {
		p.Username, p.Password = packet.Some(user), []byte(password)
	}
}

func TestLoginRefused(t *testing.T) {
	inBubble(t, Config{Auth: auth.Config{Users: annAndBob}}, func(t *testing.T, b *testBroker) {
		b.connect(packet.V5, "right", as("ann", "pencil"))
		for _, tt := range []struct {
			v    packet.Version
			with func(*packet.Connect)
			want packet.ReasonCode
		}{
			{packet.V5, as("ann", "pen"), packet.NotAuthorized},
			{packet.V5, as("eve", "pencil"), packet.NotAuthorized},
			{packet.V5, func(*packet.Connect) {}, packet.NotAuthorized},
			{packet.V311, as("ann", "pen"), packet.NotAuthorized}, // return code 5
			{packet.V31, as("ann", ""), packet.NotAuthorized},
		} {
			p := &packet.Connect{Version: tt.v, ClientID: "c", CleanStart: true}
			tt.with(p)
			c := b.dial(tt.v)
			c.send(p)
			if ack := expect[*packet.Connack](c); ack.Code != tt.want || ack.SessionPresent || ack.Properties != nil {
				t.Errorf("MQTT %v: CONNACK %+v, want %v", tt.v, ack, tt.want)
			}
			c.gone()
		}
		if n := b.Stats().RefusedLogins; n != 5 {
			t.Errorf("%d refused logins, want 5", n)
		}
	})
}

func TestReasonStrings(t *testing.T) {
	inBubble(t, Config{ReasonStrings: true, Auth: auth.Config{Users: annAndBob}}, func(t *testing.T, b *testBroker) {
		_, ack := b.connectOn(Listener{}, packet.V5, &packet.Connect{ClientID: "c", CleanStart: true})
		if ack.Properties == nil || ack.Properties.ReasonString != packet.Some("not authorized") {
			t.Errorf("CONNACK %+v", ack.Properties)
		}
		small := &packet.Properties{MaximumPacketSize: packet.Some[uint32](40)}
		_, ack = b.connectOn(Listener{}, packet.V5, &packet.Connect{ClientID: "c", CleanStart: true, Properties: small})
		if ack.Code != packet.NotAuthorized || ack.Properties != nil && ack.Properties.ReasonString.OK { // [MQTT-3.2.2-19]
			t.Errorf("CONNACK %v %+v", ack.Code, ack.Properties)
		}
		c := b.connect(packet.V5, "c", as("ann", "pencil"))
		c.write([]byte{0x82, 0x05, 0, 0, 0, 0, 0})
		if d := expect[*packet.Disconnect](c); d.Properties == nil || !strings.Contains(d.Properties.ReasonString.V, "packet identifier is 0") {
			t.Errorf("DISCONNECT %+v", d.Properties)
		}
	})
}

// A reason string beside an acknowledgement is for who wants it
// [MQTT-3.1.2-29].
func TestReasonStringsInAcks(t *testing.T) {
	cfg, _ := guarded(t, rules)
	cfg.ReasonStrings = true
	for _, wants := range []byte{0, 1} {
		inBubble(t, cfg, func(t *testing.T, b *testBroker) {
			c := b.connect(packet.V5, "c", as("bob", "pencil"), func(p *packet.Connect) {
				p.Properties = &packet.Properties{RequestProblemInfo: packet.Some(wants)}
			})
			c.send(&packet.Publish{Topic: "secret", QoS: 1, ID: 1})
			if ack := expect[*packet.Puback](c); ack.Code != packet.NotAuthorized || (ack.Properties != nil) != (wants == 1) {
				t.Errorf("PUBACK %+v", ack)
			}
			c.send(&packet.Subscribe{ID: 2, Filters: []packet.Subscription{{Filter: "own/c/x"}, {Filter: "secret"}}})
			ack := expect[*packet.Suback](c)
			if (ack.Properties != nil) != (wants == 1) || ack.Codes[0] != packet.Success || ack.Codes[1] != packet.NotAuthorized {
				t.Errorf("SUBACK %+v", ack)
			}
			if wants == 1 && ack.Properties.ReasonString.V != `"secret": Not authorized` {
				t.Errorf("reason %q", ack.Properties.ReasonString.V)
			}
		})
	}
}

// A CONNECT of MQTT 5 that cannot be read is answered [MQTT-3.1.4-2].
func TestMalformedConnect(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		for bytes, want := range map[string]packet.ReasonCode{
			"\x10\x0d\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x00":         packet.MalformedPacket, // the reserved flag [MQTT-3.1.2-3]
			"\x10\x0f\x00\x04MQTT\x05\x02\x00\x00\x02\x17\x02\x00\x00": packet.ProtocolError,   // request problem information 2
		} {
			c := b.dial(packet.V5)
			c.write([]byte(bytes))
			if ack := expect[*packet.Connack](c); ack.Code != want {
				t.Errorf("% x: %v, want %v", bytes, ack.Code, want)
			}
			c.gone()
		}
		c := b.dial(packet.V311)
		c.write([]byte("\x10\x0c\x00\x04MQTT\x04\x03\x00\x00\x00\x00"))
		c.gone()
	})
}

const rules = `
user ann
topic house/#
topic deny house/safe
user bob
topic read house/+
pattern own/%c/#
`

// guarded is a configuration with users and rules in a file, and the file.
func guarded(t *testing.T, content string) (Config, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "acl")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return Config{Auth: auth.Config{Users: annAndBob, ACLFile: path}}, path
}

func TestRules(t *testing.T) {
	cfg, _ := guarded(t, rules)
	inBubble(t, cfg, func(t *testing.T, b *testBroker) {
		ann, bob := b.connect(packet.V5, "a", as("ann", "pencil")), b.connect(packet.V5, "b", as("bob", "pencil"))
		old := b.connect(packet.V311, "o", as("bob", "pencil"))
		if code := bob.subscribe("#", 1); code != packet.GrantedQoS1 { // messages are asked about one by one
			t.Errorf("bob subscribes to #: %v", code)
		}
		if code := bob.subscribe("garden/#", 1); code != packet.NotAuthorized {
			t.Errorf("bob subscribes to garden/#: %v", code)
		}
		if code := old.subscribe("garden/#", 1); code != packet.UnspecifiedError { // [MQTT-3.9.3-2 v3]
			t.Errorf("bob subscribes to garden/# with 3.1.1: %v", code)
		}
		ann.publish("house/kitchen", "for bob", 1)
		ann.publish("house/kitchen/deep", "not for bob", 1)
		ann.publish("own/a/x", "ann's own", 1)
		bob.want("house/kitchen", "for bob")
		bob.silent()
		for _, tt := range []struct {
			c     *testClient
			topic string
		}{{ann, "house/safe"}, {ann, "garden"}, {ann, "own/b/x"}, {bob, "house/kitchen"}} {
			tt.c.send(&packet.Publish{Topic: tt.topic, QoS: 1, ID: 1})
			if ack := expect[*packet.Puback](tt.c); ack.Code != packet.NotAuthorized {
				t.Errorf("publish to %s: %v", tt.topic, ack.Code)
			}
			tt.c.send(&packet.Publish{Topic: tt.topic, QoS: 2, ID: 2})
			if rec := expect[*packet.Pubrec](tt.c); rec.Code != packet.NotAuthorized {
				t.Errorf("publish to %s: %v", tt.topic, rec.Code)
			}
		}
		old.send(&packet.Publish{Topic: "house/kitchen", QoS: 1, ID: 1}) // cannot be told [MQTT-3.3.5-2 v3]
		expect[*packet.Puback](old)
		bob.silent()
		if n := b.Stats().Refused; n != 11 {
			t.Errorf("%d refused, want 11", n)
		}
		// What is retained is asked about too, and a will.
		b.Publish(&Message{Topic: "house/retained", Payload: []byte("x"), Retain: true})
		b.Publish(&Message{Topic: "house/deep/retained", Payload: []byte("x"), Retain: true})
		bob.want("house/retained", "x")
		bob.subscribe("house/#", 0)
		bob.want("house/retained", "x")
		bob.silent()
		liar := b.connect(packet.V5, "liar", as("bob", "pencil"), func(p *packet.Connect) {
			p.Will = &packet.Will{Topic: "house/kitchen", Payload: []byte("forged")}
		})
		liar.conn.Close()
		bob.silent()
	})
}

// TestReloadRules changes the rules under connected clients: nobody loses
// the connection, and what waited is asked about again.
func TestReloadRules(t *testing.T) {
	cfg, path := guarded(t, rules)
	inBubble(t, cfg, func(t *testing.T, b *testBroker) {
		ann, bob := b.connect(packet.V5, "a", as("ann", "pencil")), b.connect(packet.V5, "b", as("bob", "pencil"))
		bob.subscribe("house/#", 1)
		away := b.connect(packet.V5, "away", as("bob", "pencil"), expires(1000))
		away.subscribe("house/#", 1)
		away.send(&packet.Disconnect{})
		away.gone()
		ann.publish("house/kitchen", "1", 1)
		ann.publish("house/hall", "2", 1)
		bob.want("house/kitchen", "1")
		bob.want("house/hall", "2")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(rules, "topic read house/+", "topic read house/hall")), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := b.Reload(); err != nil {
			t.Fatal(err)
		}
		ann.publish("house/kitchen", "3", 1)
		ann.publish("house/hall", "4", 1)
		bob.want("house/hall", "4")
		bob.silent()
		away = b.connect(packet.V5, "away", as("bob", "pencil"), resume)
		away.want("house/hall", "2")
		away.want("house/hall", "4")
		away.silent()
		if n := b.Stats().DroppedDenied; n != 1 {
			t.Errorf("%d dropped, want 1: the one that waited", n)
		}
		// A wrong file changes nothing and says where it is wrong.
		if err := os.WriteFile(path, []byte("topics\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := b.Reload(); err == nil || !strings.Contains(err.Error(), path+":1") {
			t.Errorf("Reload: %v", err)
		}
		ann.publish("house/hall", "5", 1)
		bob.want("house/hall", "5")
	})
}

// One user cannot have the messages that waited for another by taking the
// client id.
func TestSessionOfAnotherUser(t *testing.T) {
	inBubble(t, Config{Auth: auth.Config{Users: annAndBob}}, func(t *testing.T, b *testBroker) {
		ann := b.connect(packet.V5, "c", as("ann", "pencil"), expires(1000))
		ann.subscribe("#", 1)
		ann.send(&packet.Disconnect{})
		ann.gone()
		b.Publish(&Message{Topic: "secret", QoS: 1})
		bob := b.connect(packet.V5, "c", as("bob", "pencil"), resume)
		if bob.connack.SessionPresent {
			t.Error("bob has ann's session")
		}
		bob.silent()
	})
}

// A shared subscription gives nothing to a member without the right to it.
func TestSharedRights(t *testing.T) {
	cfg, _ := guarded(t, rules)
	inBubble(t, cfg, func(t *testing.T, b *testBroker) {
		ann, bob := b.connect(packet.V5, "a", as("ann", "pencil")), b.connect(packet.V5, "b", as("bob", "pencil"))
		ann.subscribe("$share/g/#", 0)
		bob.subscribe("$share/g/#", 0)
		for i := range 6 {
			b.Publish(&Message{Topic: fmt.Sprint("house/deep/", i)})
		}
		if n := ann.count(); n != 6 {
			t.Errorf("ann got %d of 6", n)
		}
		bob.silent()
	})
}

// scramClient speaks SCRAM-SHA-256 as RFC 5802 has it.
type scramClient struct {
	user, password, bare, server string
}

func (s *scramClient) first() []byte {
	s.bare = "n=" + s.user + ",r=nonce"
	return []byte("n,," + s.bare)
}

func (s *scramClient) final(server []byte) []byte {
	s.server = string(server)
	parts := strings.Split(s.server, ",")
	salt, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(parts[1], "s="))
	if err != nil {
		panic(err)
	}
	var iterations int
	_, _ = fmt.Sscanf(parts[2], "i=%d", &iterations)
	salted, err := pbkdf2.Key(sha256.New, s.password, salt, iterations, sha256.Size)
	if err != nil {
		panic(err)
	}
	sum := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	without := "c=biws," + parts[0]
	key := sum(salted, "Client Key")
	stored := sha256.Sum256(key)
	for i, x := range sum(stored[:], s.bare+","+s.server+","+without) {
		key[i] ^= x
	}
	return []byte(without + ",p=" + base64.StdEncoding.EncodeToString(key))
}

func authProperties(method string, data []byte) *packet.Properties {
	return &packet.Properties{AuthMethod: packet.Some(method), AuthData: data}
}

const scramSHA256 = "SCRAM-SHA-256"

// beginScram connects as far as the server's challenge.
func (b *testBroker) beginScram(id string, s *scramClient) (*testClient, []byte) {
	b.t.Helper()
	c := b.dial(packet.V5)
	c.send(&packet.Connect{Version: packet.V5, ClientID: id, CleanStart: true, Properties: authProperties(scramSHA256, s.first())})
	a := expect[*packet.Auth](c) // [MQTT-4.12.0-2]
	if a.Code != packet.ContinueAuthentication || a.Properties.AuthMethod != packet.Some(scramSHA256) {
		b.t.Fatalf("AUTH %+v", a)
	}
	return c, a.Properties.AuthData
}

func TestEnhancedAuthentication(t *testing.T) {
	cfg, _ := guarded(t, rules)
	inBubble(t, cfg, func(t *testing.T, b *testBroker) {
		s := &scramClient{user: "ann", password: "pencil"}
		c, challenge := b.beginScram("a", s)
		c.send(&packet.Auth{Code: packet.ContinueAuthentication, Properties: authProperties(scramSHA256, s.final(challenge))}) // [MQTT-4.12.0-3]
		ack := expect[*packet.Connack](c)
		if ack.Code != packet.Success || ack.Properties.AuthMethod != packet.Some(scramSHA256) || !strings.HasPrefix(string(ack.Properties.AuthData), "v=") {
			t.Fatalf("CONNACK %+v", ack)
		}
		c.publish("house/x", "as ann", 1) // with ann's rights

		// Again, while connected: messages go on meanwhile.
		for _, again := range []bool{true, false} {
			s = &scramClient{user: "ann", password: map[bool]string{true: "pencil", false: "pen"}[again]}
			c.send(&packet.Auth{Code: packet.ReAuthenticate, Properties: authProperties(scramSHA256, s.first())})
			a := expect[*packet.Auth](c)
			c.publish("house/x", "meanwhile", 1)
			c.send(&packet.Auth{Code: packet.ContinueAuthentication, Properties: authProperties(scramSHA256, s.final(a.Properties.AuthData))})
			if again {
				if a := expect[*packet.Auth](c); a.Code != packet.Success {
					t.Fatalf("AUTH %+v", a)
				}
			}
		}
		c.closed(packet.NotAuthorized) // [MQTT-4.12.1-2]
	})
}

func TestEnhancedAuthenticationRefused(t *testing.T) {
	inBubble(t, Config{Auth: auth.Config{Users: annAndBob}}, func(t *testing.T, b *testBroker) {
		_, ack := b.connectOn(Listener{}, packet.V5, &packet.Connect{ClientID: "c", CleanStart: true, Properties: authProperties("PLAIN", nil)})
		if ack.Code != packet.BadAuthenticationMethod { // [MQTT-4.12.0-1]
			t.Errorf("unknown method: %v", ack.Code)
		}
		wrong := &scramClient{user: "ann", password: "pen"}
		c, challenge := b.beginScram("c", wrong)
		c.send(&packet.Auth{Code: packet.ContinueAuthentication, Properties: authProperties(scramSHA256, wrong.final(challenge))})
		if ack := expect[*packet.Connack](c); ack.Code != packet.NotAuthorized { // [MQTT-4.12.0-4]
			t.Errorf("wrong password: %v", ack.Code)
		}
		c.gone()

		c, _ = b.beginScram("c", wrong)
		c.send(&packet.Pingreq{}) // [MQTT-3.1.2-30]
		if ack := expect[*packet.Connack](c); ack.Code != packet.ProtocolError {
			t.Errorf("PINGREQ during authentication: %v", ack.Code)
		}
		c.gone()

		c, _ = b.beginScram("c", wrong)
		c.send(&packet.Auth{Code: packet.ContinueAuthentication, Properties: authProperties("OTHER", nil)}) // [MQTT-4.12.0-5]
		if ack := expect[*packet.Connack](c); ack.Code != packet.ProtocolError {
			t.Errorf("another method: %v", ack.Code)
		}
		c.gone()

		c, _ = b.beginScram("c", wrong)
		c.send(&packet.Disconnect{})
		c.gone()

		c = b.connect(packet.V5, "c", as("ann", "pencil"))
		c.send(&packet.Auth{Code: packet.ReAuthenticate, Properties: authProperties(scramSHA256, nil)})
		c.closed(packet.ProtocolError) // [MQTT-4.12.0-6] [MQTT-4.12.0-7]
	})
}

// Re-authentication stays with its method and its user.
func TestReAuthenticationAsAnother(t *testing.T) { // [MQTT-4.12.1-1]
	inBubble(t, Config{Auth: auth.Config{Users: annAndBob}}, func(t *testing.T, b *testBroker) {
		for _, tt := range []struct {
			method, user string
			want         packet.ReasonCode
		}{{"OTHER", "ann", packet.ProtocolError}, {scramSHA256, "bob", packet.NotAuthorized}} {
			s := &scramClient{user: "ann", password: "pencil"}
			c, challenge := b.beginScram("c", s)
			c.send(&packet.Auth{Code: packet.ContinueAuthentication, Properties: authProperties(scramSHA256, s.final(challenge))})
			expect[*packet.Connack](c)
			s = &scramClient{user: tt.user, password: "pencil"}
			c.send(&packet.Auth{Code: packet.ReAuthenticate, Properties: authProperties(tt.method, s.first())})
			if tt.method == scramSHA256 {
				a := expect[*packet.Auth](c)
				c.send(&packet.Auth{Code: packet.ContinueAuthentication, Properties: authProperties(scramSHA256, s.final(a.Properties.AuthData))})
			}
			c.closed(tt.want)
		}
	})
}

func TestLogLimit(t *testing.T) {
	var l logLimit
	now := time.Unix(1000, 0)
	lines := 0
	for range 100 {
		if _, ok := l.allow(now); ok {
			lines++
		}
	}
	if lines != linesPerMinute {
		t.Errorf("%d lines, want %d", lines, linesPerMinute)
	}
	if more, ok := l.allow(now.Add(time.Minute)); !ok || more != 100-linesPerMinute {
		t.Errorf("%d not logged, %v", more, ok)
	}
}

// TestReloadUsers removes a user, who loses the connection, and changes the
// password of another, who does not.
func TestReloadUsers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwd")
	write := func(lines ...string) {
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hash := annAndBob[0].Password
	write("ann:"+hash, "bob:"+hash, "cem:"+hash)
	inBubble(t, Config{Auth: auth.Config{PasswordFile: file}}, func(t *testing.T, b *testBroker) {
		stays := b.connect(packet.V5, "a", as("ann", "pencil"))
		stays.subscribe("t", 0)
		other := b.connect(packet.V5, "b", as("bob", "pencil"))
		old := b.connect(packet.V311, "c", as("cem", "pencil"))
		write("ann:" + auth.NewVerifier([]byte("ink")))
		if err := b.Reload(); err != nil {
			t.Fatal(err)
		}
		other.closed(packet.NotAuthorized)
		old.gone()
		stays.publish("t", "x", 0)
		stays.want("t", "x")
	})
}
