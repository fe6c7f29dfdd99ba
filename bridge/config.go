package bridge

import (
	"time"

	"gateway/bridge/batch"
	"gateway/bridge/budget"
	"gateway/bridge/link/dial"
)

// Values of Route.Retain beside keep, which is the default, and of
// Config.CatchUp.
const (
	Never     = "never"
	Always    = "always"
	InOrder   = "in_order"
	LiveFirst = "live_first"
)

// Config is one upstream broker and what goes to it and comes from it.
//
// Where a pointer is nil or a text empty the preset decides, see [Preset].
type Config struct {
	// Name is the bridge's name in topics, metrics and logs.
	Name string `yaml:"name"`
	// Preset names the kind of upstream; "" is generic.
	Preset string `yaml:"preset"`
	// Address is the upstream broker: mqtt://host:1883, mqtts://host:8883,
	// ws://host/path or wss://host/path. Addresses are others to try, in their
	// order, when it does not answer.
	Address   string   `yaml:"address"`
	Addresses []string `yaml:"addresses"`
	// RoundRobin goes on with the next address after a lost connection. Without
	// it the first one is tried first each time.
	RoundRobin bool `yaml:"round_robin"`
	// Protocol is the version of MQTT: 3.1, 3.1.1 or 5.
	Protocol string `yaml:"protocol"`
	// ClientID is the client id upstream; default "gateway-<host name>-<name>".
	ClientID string `yaml:"client_id"`
	// Username and Password log in upstream; PasswordFile names a file that
	// holds the password instead, PasswordEnv an environment variable.
	Username     string `yaml:"username"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"password_file"`
	PasswordEnv  string `yaml:"password_env"`
	// How connections are made: TLS, and a proxy.
	Line dial.Config `yaml:",inline"`
	// KeepAlive is the longest silence on the connection, s.
	KeepAlive time.Duration `yaml:"keep_alive"`
	// CleanStart begins a new session upstream with each connection.
	CleanStart bool `yaml:"clean_start"`
	// SessionExpiry is how long the upstream keeps our session; MQTT 5 only.
	SessionExpiry time.Duration `yaml:"session_expiry"`
	// BridgeBit tells the upstream that we are a bridge, as Mosquitto does: auto
	// tries it where it is of use and remembers a refusal, on and off. Only the
	// preset mosquitto says auto.
	BridgeBit string `yaml:"bridge_bit"`
	// StatusTopic is where "online" and "offline" are retained upstream, the
	// second as the will; "" for nowhere.
	StatusTopic string `yaml:"status_topic"`
	// Topics say what goes out and what comes in.
	Topics []Route `yaml:"topics"`
	// Transit forwards what other bridges have brought in, too.
	Transit bool `yaml:"transit"`
	// Demo forwards the simulated house (demo/…) also by routes that begin with a
	// wildcard. Those that name it always do.
	Demo bool `yaml:"demo"`
	// Queue bounds what waits while the line is down.
	Queue Queue `yaml:"queue"`
	// CatchUp is the order after an outage: in_order, or live_first.
	CatchUp string `yaml:"catch_up"`
	// Start is automatic, for a connection that is always there, or lazy: made when
	// LazyMessages wait, and closed when nothing was to be sent for IdleTimeout.
	Start        string        `yaml:"start"`
	LazyMessages int           `yaml:"lazy_messages"`
	IdleTimeout  time.Duration `yaml:"idle_timeout"`
	// Windows are when there may be a connection, see package timetable; none is
	// always.
	Windows []string `yaml:"windows"`
	// Budget is what the line may carry.
	Budget budget.Config `yaml:",inline"`
	// Batch puts several readings into one message, if it has a topic.
	Batch batch.Config `yaml:"batch"`
	// ReconnectMin and ReconnectMax bound the wait between two attempts to
	// connect; in between it grows at random.
	ReconnectMin time.Duration `yaml:"reconnect_min"`
	ReconnectMax time.Duration `yaml:"reconnect_max"`
	// MaxInflight is the number of messages that may wait for the upstream's
	// acknowledgement at once.
	MaxInflight int `yaml:"max_inflight"`
	// AckTimeout is how long the upstream may take to acknowledge a message before
	// the line is taken for dead.
	AckTimeout time.Duration `yaml:"ack_timeout"`
	// MaxQoS is the highest QoS that the upstream has. Messages of a route with a
	// higher one go with this.
	MaxQoS *int `yaml:"max_qos"`
	// MaxMessageSize is the largest payload that the upstream takes, bytes; 0 for
	// any. What is larger is set aside.
	MaxMessageSize *int `yaml:"max_message_size"`
	// MaxTopicLevels is how many levels a topic may have upstream; 0 for any
	// number. What has more is set aside.
	MaxTopicLevels *int `yaml:"max_topic_levels"`
	// RetainAvailable says whether the upstream keeps retained messages. Without it
	// nothing is sent as retained.
	RetainAvailable *bool `yaml:"retain_available"`
	// ReplaceInTopics are characters that the upstream gives another meaning: each
	// becomes an underscore.
	ReplaceInTopics *string `yaml:"replace_in_topics"`
}

// addresses are all of them, in the order in which they are tried.
func (c Config) addresses() []string {
	if c.Address == "" {
		return c.Addresses
	}
	return append([]string{c.Address}, c.Addresses...)
}

// Route is one mapping of topics. A topic is a prefix and what follows it; that
// has to match Filter, and gets the other side's prefix in place of this one.
type Route struct {
	// Filter chooses topics by what follows the prefix, wildcards allowed. "" maps
	// the one topic LocalPrefix to the one topic RemotePrefix.
	Filter string `yaml:"filter"`
	// Direction is out, in or both.
	Direction string `yaml:"direction"`
	// QoS is the QoS of messages that go out, and the highest of those that come
	// in.
	QoS int `yaml:"qos"`
	// LocalPrefix is put before the topic here, RemotePrefix upstream.
	LocalPrefix  string `yaml:"local_prefix"`
	RemotePrefix string `yaml:"remote_prefix"`
	// Retain says what becomes of the RETAIN flag: keep, never, always.
	Retain string `yaml:"retain"`
	// LatestOnly keeps no more than the newest message of each topic while it
	// waits.
	LatestOnly bool `yaml:"latest_only"`
}

// Queue bounds the messages that wait for the upstream.
type Queue struct {
	MaxMessages int   `yaml:"max_messages"`
	MaxBytes    int64 `yaml:"max_bytes"`
	// MaxAge is how long a message may wait; 0 for ever.
	MaxAge time.Duration `yaml:"max_age"`
	// WhenFull says what happens then: drop_oldest, drop_newest, or refuse, which
	// tells the publisher, as [broker.Config].QueueFull does.
	WhenFull string `yaml:"when_full"`
}
