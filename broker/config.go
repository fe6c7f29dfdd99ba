package broker

import (
	"time"

	"gateway/broker/auth"
	"gateway/broker/door"
)

// Config is the broker part of the configuration. Begin with [Default]: some
// zero values are settings.
type Config struct {
	// Listeners are the doors. None at all means the in-process API only.
	Listeners []Listener `yaml:"listeners"`
	// Auth says who may come in, by listeners that have no auth of their own,
	// and what clients may do.
	Auth auth.Config `yaml:"auth"`

	// MaxPacketSize is the largest packet a client may send, bytes.
	MaxPacketSize int `yaml:"max_packet_size"`
	// MaxMessageSize is the largest payload, bytes; 0 is any that fits a packet.
	// A larger one is acknowledged, with a reason code in MQTT 5, and goes
	// nowhere.
	MaxMessageSize int `yaml:"max_message_size"`
	// MaxConnections is the number of clients connected at once.
	MaxConnections int `yaml:"max_connections"`
	// MaxConnectionsPerAddress is the number of clients of one address
	// connected at once by one listener.
	MaxConnectionsPerAddress int `yaml:"max_connections_per_address"`
	// MaxInflight and MaxInflightBytes bound the QoS 1 and 2 messages on their
	// way to one client at once; a client of MQTT 5 may ask for fewer.
	MaxInflight      int   `yaml:"max_inflight"`
	MaxInflightBytes int64 `yaml:"max_inflight_bytes"`
	// ReceiveMaximum is the number of QoS 2 messages that a client of MQTT 5
	// may have on their way to us at once.
	ReceiveMaximum int `yaml:"receive_maximum"`
	// MaxQueuedMessages and MaxQueuedBytes bound what waits for one client,
	// connected or not. MaxQueueMemory bounds what of it is in memory for all of
	// them, bytes, and for one to as much as is left: what is in the store is read
	// again when it is sent, what is not is dropped.
	MaxQueuedMessages int   `yaml:"max_queued_messages"`
	MaxQueuedBytes    int64 `yaml:"max_queued_bytes"`
	MaxQueueMemory    int64 `yaml:"max_queue_memory"`
	// QueueFull says what happens when what waits for a client has reached a bound
	// of its own: drop_newest, drop_oldest, or refuse: the publisher is told, or
	// disconnected before MQTT 5, and has to send the message again.
	QueueFull string `yaml:"queue_full"`
	// Queues are other bounds for some clients: the first that fits.
	Queues []QueueBounds `yaml:"queues"`
	// QueueQoS0 keeps QoS 0 messages too for a client that is away.
	QueueQoS0 bool `yaml:"queue_qos0"`
	// MaxQoS is the highest QoS that clients may publish with and are granted.
	MaxQoS int `yaml:"max_qos"`
	// RetainAvailable lets clients retain messages. MaxRetained and
	// MaxRetainedBytes bound them.
	RetainAvailable  bool  `yaml:"retain_available"`
	MaxRetained      int   `yaml:"max_retained"`
	MaxRetainedBytes int64 `yaml:"max_retained_bytes"`
	// MaxSubscriptions is the number of subscriptions of one client.
	MaxSubscriptions int `yaml:"max_subscriptions"`
	// MaxTopicLevels is the number of levels of a topic or filter.
	MaxTopicLevels int `yaml:"max_topic_levels"`
	// MaxTopicAlias is the number of topic aliases that a client may set, and
	// that it is given if it takes that many.
	MaxTopicAlias int `yaml:"max_topic_alias"`
	// MaxPublishRate is the number of messages that a client may publish each
	// second in the long run. More is not lost: it is read later.
	MaxPublishRate int `yaml:"max_publish_rate"`
	// MaxKeepAlive is the longest keep-alive a client of MQTT 5 gets; older ones
	// could not be told.
	MaxKeepAlive time.Duration `yaml:"max_keep_alive"`
	// SessionExpiry is how long the session of a client that is gone is kept
	// at most.
	SessionExpiry time.Duration `yaml:"session_expiry"`
	// ConnectTimeout is the time a connection has for its CONNECT.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	// WriteTimeout is the time one write to a client may take.
	WriteTimeout time.Duration `yaml:"write_timeout"`
	// SysInterval is how often the figures below $SYS are published; 0 is never.
	SysInterval time.Duration `yaml:"sys_interval"`
	// SubscribeRefusal is what SUBACK says about a subscription that is not
	// allowed: not_authorized (0x87), or unspecified (0x80), the only failure of
	// MQTT 3.1.1, which some test suites want in MQTT 5 too.
	SubscribeRefusal string `yaml:"subscribe_refusal"`
	// AssignClientIDs lets clients in that have no client id; theirs begins with
	// ClientIDPrefix.
	AssignClientIDs bool   `yaml:"assign_client_ids"`
	ClientIDPrefix  string `yaml:"client_id_prefix"`
	// ReasonStrings tells clients of MQTT 5 in words too why something failed.
	ReasonStrings bool `yaml:"reason_strings"`
	// ResponseInformation is what a client of MQTT 5 gets that asks where to
	// have responses sent; %c in it is its client id, %u its user name.
	ResponseInformation string `yaml:"response_information"`
}

// Listener is one door, and the terms for those who come in by it. What it
// leaves out is as the broker has it.
type Listener struct {
	// Protocol is tcp; tls; ws or wss for MQTT over WebSocket, the second
	// encrypted; or unix for a socket file.
	Protocol string `yaml:"protocol"`
	// Address is host:port to listen on; an empty host means all addresses. It
	// is the path of the file where Protocol is unix.
	Address string `yaml:"address"`
	// SocketMode is who may connect to a socket file, "0660".
	SocketMode string `yaml:"socket_mode"`
	// AllowAnonymous lets in who gives no user name. A listener on any other
	// address than loopback where nobody is asked for a password refuses to
	// start without it.
	AllowAnonymous bool `yaml:"allow_anonymous"`
	// Auth is in place of the broker's, as a whole.
	Auth *auth.Config `yaml:"auth"`
	// TLS is for tls and wss.
	TLS *door.TLS `yaml:"tls"`
	// ProxyProtocol expects every connection to begin with a PROXY header, of
	// version 1 or 2.
	ProxyProtocol bool `yaml:"proxy_protocol"`
	// Versions are the versions of MQTT that are spoken, "3.1", "3.1.1" and
	// "5.0"; none named is all.
	Versions []string `yaml:"versions"`
	// MaxConnections is the number of clients connected by this listener.
	MaxConnections int `yaml:"max_connections"`
	// MaxConnectionsPerAddress is in place of the broker's.
	MaxConnectionsPerAddress int `yaml:"max_connections_per_address"`
	// MaxPacketSize, MaxQoS, MaxTopicAlias and MaxKeepAlive are in place of the
	// broker's.
	MaxPacketSize int           `yaml:"max_packet_size"`
	MaxQoS        *int          `yaml:"max_qos"`
	MaxTopicAlias *int          `yaml:"max_topic_alias"`
	MaxKeepAlive  time.Duration `yaml:"max_keep_alive"`
	// MountPoint is put before every topic of these clients: they see and use
	// only what lies below it. It ends with a slash unless it is to run into the
	// first level of each topic.
	MountPoint string `yaml:"mount_point"`
	// UsernameAsClientID replaces the client id by the user name.
	UsernameAsClientID bool `yaml:"username_as_client_id"`
	// Origins are the hosts of pages that may connect by WebSocket, besides
	// pages of the same host; "*" is any.
	Origins []string `yaml:"origins"`
}
