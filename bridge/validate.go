package bridge

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/bridge/batch"
	"gateway/bridge/link/dial"
	"gateway/bridge/timetable"
	"gateway/broker"
	"gateway/broker/topic"
)

// Default returns the configuration of a bridge without an upstream. Its
// queue holds a million readings on disk, a day of ten a second or a month of one
// every three; of what waits next to nothing is in memory.
func Default() Config {
	return Config{
		KeepAlive:     60 * time.Second,
		SessionExpiry: 30 * 24 * time.Hour,
		CatchUp:       InOrder,
		Start:         Automatic,
		LazyMessages:  10,
		IdleTimeout:   time.Minute,
		ReconnectMin:  time.Second,
		ReconnectMax:  2 * time.Minute,
		MaxInflight:   32,
		AckTimeout:    30 * time.Second,
		Batch:         batch.Default(),
		Queue:         Queue{MaxMessages: 1_000_000, MaxBytes: 256 << 20, WhenFull: "drop_oldest"},
	}
}

// DefaultRoute returns a route without a filter. Its QoS is 1, since with
// QoS 0 a line that breaks loses what is on its way.
func DefaultRoute() Route { return Route{QoS: 1, Direction: Out, Retain: "keep"} }

// Bounds of the protocol: the keep-alive in seconds and packet identifiers
// have 16 bits.
const (
	maxKeepAlive = 65_535 * time.Second
	maxInflight  = 32_767 // half of the packet identifiers
)

// Validate tells everything that is wrong with c, joined by errors.Join. Each
// error begins with the key, a colon and a space. No error repeats a password.
func (c Config) Validate() error {
	errs := []error{checkBridgeName(c.Name), c.validateUpstream(), c.validateLogin()}
	if len(c.Topics) == 0 {
		errs = append(errs, errors.New(`topics: are missing; write - filter: "#" to forward everything`))
	}
	for i, r := range c.Topics {
		errs = append(errs, r.validate(fmt.Sprintf("topics[%d]", i)))
	}
	return errors.Join(append(errs, c.validateSession(), c.validateLimits())...)
}

// checkBridgeName keeps the name to what can stand in a topic, a metric and
// the name of a session.
func checkBridgeName(name string) error {
	if name == "" {
		return errors.New("name: is missing; it names the bridge in topics, metrics and logs")
	}
	for _, r := range name {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
		default:
			return fmt.Errorf("name: %q has %q in it; letters a-z, digits, - and _ are allowed", name, r)
		}
	}
	return nil
}

// validateUpstream checks where the upstream is and what it is.
func (c Config) validateUpstream() error {
	p, known := preset(c.Preset)
	if !known {
		return fmt.Errorf("preset: there is no %q; %s", c.Preset, presetNames())
	}
	var errs []error
	if c.Address != "" || len(c.Addresses) == 0 {
		errs = append(errs, checkAddress("address", c.Address, p))
	}
	for i, a := range c.Addresses {
		errs = append(errs, checkAddress(fmt.Sprintf("addresses[%d]", i), a, p))
	}
	if p.NeedsClientID && c.ClientID == "" {
		errs = append(errs, fmt.Errorf("client_id: is missing; %s knows a client by it", p.Title))
	}
	errs = append(errs, oneOf("protocol", c.Protocol, "3.1", "3.1.1", "5"), oneOf("bridge_bit", c.BridgeBit, "auto", "on", "off"))
	if c.BridgeBit == "on" && c.profile().Protocol == "5" {
		errs = append(errs, errors.New("bridge_bit: MQTT 5 has none, and has no-local in its place; leave it out, or write protocol: 3.1.1"))
	}
	if c.profile().Protocol == "3.1" && len(c.ClientID) > maxClientID31 {
		errs = append(errs, fmt.Errorf("client_id: has %d characters; MQTT 3.1 has 23 at most", len(c.ClientID)))
	}
	return errors.Join(errs...)
}

// oneOf checks a value that may be left out.
func oneOf(key, value string, allowed ...string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	last := len(allowed) - 1
	return fmt.Errorf("%s: %q is not possible; %s or %s", key, value, strings.Join(allowed[:last], ", "), allowed[last])
}

// checkAddress never repeats an address that might hold a password. Of the names
// that package dial has for a way to a broker it takes the usual ones.
func checkAddress(key, address string, p Preset) error {
	if address == "" {
		return fmt.Errorf("%s: is missing; write mqtt://host:1883, or mqtts://host:8883 for TLS", key)
	}
	if err := dial.CheckAddress(address); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	scheme, _, _ := strings.Cut(strings.ToLower(address), ":")
	switch {
	case !slices.Contains([]string{"mqtt", "mqtts", "ws", "wss"}, scheme):
		return fmt.Errorf("%s: %s is not a way to an MQTT broker; mqtt, mqtts, ws or wss", key, scheme)
	case p.NeedsTLS && scheme != "mqtts" && scheme != "wss":
		return fmt.Errorf("%s: %s takes encrypted connections only; write mqtts:// or wss://", key, p.Title)
	}
	return nil
}

// validateLogin holds MQTT 3.1.1 to its word: without a user name there is no
// password either [MQTT-3.1.2-22].
func (c Config) validateLogin() error {
	var given []string
	for key, set := range map[string]bool{"password": c.Password != "", "password_file": c.PasswordFile != "", "password_env": c.PasswordEnv != ""} {
		if set {
			given = append(given, key)
		}
	}
	slices.Sort(given)
	switch {
	case len(given) > 1:
		return fmt.Errorf("%s: %s is written too; keep one of them", given[1], given[0])
	case len(given) == 1 && c.Username == "":
		return fmt.Errorf("%s: there is no username; MQTT sends a password only with one", given[0])
	}
	return nil
}

func (r Route) validate(key string) error {
	var errs []error
	if err := oneOf(key+".direction", r.Direction, Out, In, Both); err != nil {
		return err
	}
	switch {
	case r.Filter == "" && r.LocalPrefix != "" && r.RemotePrefix != "":
		errs = append(errs, checkTopic(key+".local_prefix", r.LocalPrefix), checkTopic(key+".remote_prefix", r.RemotePrefix))
	case r.Filter == "":
		errs = append(errs, fmt.Errorf(`%s.filter: is missing; "#" is everything, home/+/outdoor one sensor in every room`, key))
	case strings.HasPrefix(r.Filter, topic.SharePrefix):
		errs = append(errs, fmt.Errorf("%s.filter: %q is a shared subscription, which would split the messages; write what follows its group", key, r.Filter))
	default:
		errs = append(errs, r.validateFilters(key))
	}
	if r.QoS < 0 || r.QoS > 2 {
		errs = append(errs, fmt.Errorf("%s.qos: %d is not possible; 2, 1, or 0 for messages that may get lost", key, r.QoS))
	}
	errs = append(errs, oneOf(key+".retain", r.Retain, "keep", Never, Always))
	if r.LatestOnly && !r.out() {
		errs = append(errs, fmt.Errorf("%s.latest_only: is about what waits to go out, and nothing does with direction: in", key))
	}
	return errors.Join(errs...)
}

// validateFilters checks the filter with either prefix: a prefix that does not
// end with / must be followed by what can go on there.
func (r Route) validateFilters(key string) error {
	if err := topic.CheckFilter(r.Filter); err != nil {
		return fmt.Errorf("%s.filter: %w", key, err)
	}
	for _, p := range []struct{ key, prefix string }{{"local_prefix", r.LocalPrefix}, {"remote_prefix", r.RemotePrefix}} {
		if p.prefix == "" {
			continue
		}
		// A prefix is a topic as soon as something follows it.
		if err := topic.CheckName(p.prefix + "x"); err != nil {
			return fmt.Errorf("%s.%s: %q cannot begin a topic: %w", key, p.key, p.prefix, err)
		}
		if err := topic.CheckFilter(p.prefix + r.Filter); err != nil {
			return fmt.Errorf("%s.%s: %q followed by %q is no filter; write a / at its end", key, p.key, p.prefix, r.Filter)
		}
	}
	return nil
}

func checkTopic(key, s string) error {
	if err := topic.CheckName(s); err != nil {
		return fmt.Errorf("%s: without a filter it is a topic: %w", key, err)
	}
	return nil
}

// validateSession checks what concerns a connection.
func (c Config) validateSession() error {
	errs := []error{oneOf("catch_up", c.CatchUp, InOrder, LiveFirst), oneOf("start", c.Start, Automatic, Lazy), c.Line.Validate(), c.Budget.Validate()}
	if _, err := timetable.Parse(c.Windows); err != nil {
		errs = append(errs, err)
	}
	if c.Start == Lazy && c.LazyMessages < 1 {
		errs = append(errs, fmt.Errorf("lazy_messages: %d is too few; at least 1 message", c.LazyMessages))
	}
	if c.Start == Lazy && c.IdleTimeout < time.Second {
		errs = append(errs, fmt.Errorf("idle_timeout: %v is too short; at least 1s", c.IdleTimeout))
	}
	for _, err := range lines(c.Batch.Validate()) {
		errs = append(errs, fmt.Errorf("batch.%s", err))
	}
	if most := c.profile().MaxMessageSize; c.Batch.Topic != "" && most > 0 && c.Batch.MaxBytes > most {
		errs = append(errs, fmt.Errorf("batch.max_bytes: %d is more than max_message_size, %d, which the upstream does not take", c.Batch.MaxBytes, most))
	}
	if c.StatusTopic != "" {
		if err := topic.CheckName(c.StatusTopic); err != nil {
			errs = append(errs, fmt.Errorf("status_topic: %w", err))
		}
	}
	if c.SessionExpiry < 0 {
		errs = append(errs, fmt.Errorf("session_expiry: %v is negative", c.SessionExpiry))
	}
	if q := c.MaxQoS; q != nil && (*q < 0 || *q > 2) {
		errs = append(errs, fmt.Errorf("max_qos: %d is not possible; 0, 1 or 2", *q))
	}
	for key, n := range map[string]*int{"max_message_size": c.MaxMessageSize, "max_topic_levels": c.MaxTopicLevels} {
		if n != nil && *n < 0 {
			errs = append(errs, fmt.Errorf("%s: %d is negative; 0 is for no bound", key, *n))
		}
	}
	if s := c.ReplaceInTopics; s != nil && strings.ContainsAny(*s, "/+#_") {
		errs = append(errs, fmt.Errorf("replace_in_topics: %q has one of / + # _ in it, which cannot be replaced", *s))
	}
	return errors.Join(errs...)
}

// lines returns the errors that are joined in err, as texts.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func (c Config) validateLimits() error {
	var errs []error
	if c.KeepAlive < time.Second || c.KeepAlive > maxKeepAlive {
		errs = append(errs, fmt.Errorf("keep_alive: %v is out of range, 1s to %v", c.KeepAlive, maxKeepAlive))
	}
	switch {
	case c.ReconnectMin <= 0:
		errs = append(errs, fmt.Errorf("reconnect_min: %v is too short; more than 0s", c.ReconnectMin))
	case c.ReconnectMax < c.ReconnectMin:
		errs = append(errs, fmt.Errorf("reconnect_max: %v is shorter than reconnect_min, %v", c.ReconnectMax, c.ReconnectMin))
	}
	if c.AckTimeout < time.Second {
		errs = append(errs, fmt.Errorf("ack_timeout: %v is too short; at least 1s", c.AckTimeout))
	}
	if c.MaxInflight < 1 || c.MaxInflight > maxInflight {
		errs = append(errs, fmt.Errorf("max_inflight: %d is out of range, 1 to %d messages", c.MaxInflight, maxInflight))
	}
	if c.Queue.MaxMessages < 1 {
		errs = append(errs, fmt.Errorf("queue.max_messages: %d is too few; at least 1 message", c.Queue.MaxMessages))
	}
	if c.Queue.MaxBytes < 1 {
		errs = append(errs, fmt.Errorf("queue.max_bytes: %d is too few; at least 1 byte", c.Queue.MaxBytes))
	}
	if c.Queue.MaxAge < 0 {
		errs = append(errs, fmt.Errorf("queue.max_age: %v is negative; 0s is for ever", c.Queue.MaxAge))
	}
	if w := c.Queue.WhenFull; w != "" {
		errs = append(errs, broker.CheckQueueFull("queue.when_full", w))
	}
	return errors.Join(errs...)
}

// Conflicts tells what is wrong with several bridges together, each error with
// the key of the one that comes later, bridges[i].
func Conflicts(all []Config) error {
	var errs []error
	for i, b := range all {
		for j, a := range all[:i] {
			upstream, shared := sharedUpstream(a, b)
			if shared && b.ClientID != "" && a.ClientID == b.ClientID {
				errs = append(errs, fmt.Errorf("bridges[%d].client_id: %q is that of %s, too, and %s would throw one out for the other, for ever; leave it out, or write another one",
					i, b.ClientID, cmp.Or(a.Name, fmt.Sprint(j)), upstream))
			}
			if shared && (loops(a, b) || loops(b, a)) {
				errs = append(errs, fmt.Errorf("bridges[%d].transit: %s brings in from %s what would go out to it again by %s, for ever; leave transit out, or put the topics into one bridge",
					i, cmp.Or(a.Name, fmt.Sprint(j)), upstream, b.Name))
			}
		}
	}
	return errors.Join(errs...)
}

func sharedUpstream(a, b Config) (string, bool) {
	for _, x := range a.addresses() {
		if slices.Contains(b.addresses(), x) {
			return x, true
		}
	}
	return "", false
}

// loops tells whether something that in brings in is sent by out, which forwards
// what other bridges bring in.
func loops(in, out Config) bool {
	if !out.Transit {
		return false
	}
	for _, i := range in.Topics {
		for _, o := range out.Topics {
			if i.in() && o.out() && topic.Overlap(i.localFilter(), o.localFilter()) {
				return true
			}
		}
	}
	return false
}
