package mosquittoconf

import (
	"math"
	"time"
)

// scope is where a directive counts.
type scope int

const (
	global   scope = iota
	security       // of the listener it stands below with per_listener_settings, else of all
	listener       // the one it stands below; before the first, that on the default port
	link           // the bridge it stands below
)

// entry is what is known about a directive. It has a set function, or a text
// that says why not.
type entry struct {
	scope scope
	value kind
	set   func(c *conversion, v value)

	harmless string // nothing that a client notices
	missing  string // why not, and what to do
}

// Reasons that several directives share.
const (
	noPlugins  = "the gateway loads no plugins, which are C code; use password_file, acl_file or client certificates, and take this line out"
	noDynsec   = "the gateway loads no plugins; write the users of the dynamic security plugin into a password_file and an acl_file, and take this line out"
	noPrefixes = "the gateway lets in any client id; use_username_as_clientid, or an acl_file with %c, ties clients to what they may do; take this line out then"
	noPSK      = "pre-shared keys are not supported: Go's TLS does not have them; use certificates"
	goTLS      = "is left to Go's TLS, which has no weak ones to choose from"
	ownLog     = "the log goes to standard error; systemd and containers collect it from there"
	topicLog   = "the gateway does not log to topics; the log goes to standard error"
)

// table has every directive of Mosquitto 2.0 and 2.1.
var table = map[string]entry{
	// Who may come in, and what they may do.
	"allow_anonymous":            {scope: security, value: yesNo, set: func(c *conversion, v value) { c.security().anonymous = &v.yes }},
	"listener_allow_anonymous":   {scope: listener, value: yesNo, set: func(c *conversion, v value) { c.door().anonymous = &v.yes }},
	"password_file":              {scope: security, value: text, set: func(c *conversion, v value) { c.security().passwords = c.here(v.text) }},
	"acl_file":                   {scope: security, value: text, set: func(c *conversion, v value) { c.security().rules = c.here(v.text) }},
	"allow_zero_length_clientid": {scope: security, value: yesNo, set: func(c *conversion, v value) { c.assignIDs(v.yes) }},
	"auto_id_prefix":             {scope: security, value: text, set: func(c *conversion, v value) { c.idPrefix(v.text) }},
	"listener_auto_id_prefix":    {scope: listener, value: text, set: func(c *conversion, v value) { c.idPrefix(v.text) }},
	"per_listener_settings":      {scope: global, value: yesNo, set: func(c *conversion, v value) {}}, // read before the others
	"clientid_prefixes":          {scope: global, value: text, set: func(c *conversion, _ value) { c.seal(noPrefixes) }},
	"psk_file":                   {scope: security, value: text, missing: noPSK},
	"check_retain_source":        {scope: global, value: yesNo, set: (*conversion).retainSource},
	"auth_plugin":                {scope: security, value: text, set: (*conversion).plugin},
	"plugin":                     {scope: security, value: text, set: (*conversion).plugin},
	"global_plugin":              {scope: global, value: text, set: (*conversion).plugin},
	"plugin_load":                {scope: global, value: words, set: (*conversion).plugin},
	"plugin_use":                 {scope: listener, value: words, set: func(c *conversion, _ value) { c.shut(noPlugins) }},
	"plugin_opt_*":               {scope: global, value: anything, harmless: "belongs to a plugin"},
	"auth_opt_*":                 {scope: global, value: anything, harmless: "belongs to a plugin"},

	"auth_plugin_deny_special_chars": {scope: global, value: yesNo, harmless: "belongs to a plugin"},

	// Limits.
	"max_inflight_messages": {scope: global, value: number(math.MinInt32, 65535), set: (*conversion).inflight},
	"max_inflight_bytes":    {scope: global, value: number(math.MinInt32, math.MaxInt32), set: func(c *conversion, v value) { c.broker("max_inflight_bytes").MaxInflightBytes = max(0, v.number) }},
	"max_queued_messages": {scope: global, value: number(math.MinInt32, 100_000_000), set: func(c *conversion, v value) {
		c.broker("max_queued_messages").MaxQueuedMessages = int(max(0, v.number))
	}},
	"max_queued_bytes":             {scope: global, value: number(math.MinInt32, math.MaxInt32), set: func(c *conversion, v value) { c.broker("max_queued_bytes").MaxQueuedBytes = max(0, v.number) }},
	"message_size_limit":           {scope: global, value: number(0, 268_435_455), set: func(c *conversion, v value) { c.broker("max_message_size").MaxMessageSize = int(v.number) }},
	"max_packet_size":              {scope: global, value: number(20, math.MaxInt32), set: (*conversion).packetSize},
	"max_keepalive":                {scope: global, value: number(0, 65535), set: func(c *conversion, v value) { c.broker("max_keep_alive").MaxKeepAlive = seconds(v.number) }},
	"global_max_connections":       {scope: global, value: number(math.MinInt32, 1_000_000), set: func(c *conversion, v value) { c.broker("max_connections").MaxConnections = int(max(0, v.number)) }},
	"global_max_clients":           {scope: global, value: number(math.MinInt32, math.MaxInt32), missing: "sessions are not counted; global_max_connections bounds clients, and persistent_client_expiration ends sessions of those who are gone"},
	"memory_limit":                 {scope: global, value: number(0, 1<<40), set: (*conversion).memory},
	"queue_qos0_messages":          {scope: global, value: yesNo, set: func(c *conversion, v value) { c.broker("queue_qos0").QueueQoS0 = v.yes }},
	"retain_available":             {scope: global, value: yesNo, set: func(c *conversion, v value) { c.broker("retain_available").RetainAvailable = v.yes }},
	"persistent_client_expiration": {scope: global, value: duration, set: func(c *conversion, v value) { c.broker("session_expiry").SessionExpiry = seconds(v.number) }},
	"sys_interval":                 {scope: global, value: number(0, 65535), set: func(c *conversion, v value) { c.broker("sys_interval").SysInterval = seconds(v.number) }},
	"retain_expiry_interval":       {scope: global, value: number(0, math.MaxInt32), harmless: "the gateway removes retained messages that have expired by itself"},
	"upgrade_outgoing_qos":         {scope: global, value: yesNo, set: (*conversion).upgradeQoS},
	"allow_duplicate_messages":     {scope: global, value: yesNo, harmless: "a client with overlapping subscriptions gets one copy of a message, with all subscription identifiers"},
	"set_tcp_nodelay":              {scope: global, value: yesNo, harmless: "is always on: the gateway collects small packets itself"},
	"packet_buffer_size":           {scope: global, value: number(0, 65535), harmless: "buffers grow and shrink by themselves"},
	"retry_interval":               {scope: global, value: anything, harmless: "is without effect in Mosquitto 2 too: messages are sent again when a client reconnects"},
	"enable_control_api":           {scope: global, value: yesNo, set: (*conversion).control},

	// What is kept.
	"persistence":          {scope: global, value: yesNo, set: (*conversion).persistence},
	"retained_persistence": {scope: global, value: yesNo, set: (*conversion).retainedPersistence},
	"persistence_file":     {scope: global, value: text, harmless: "the gateway's store is a folder, gateway-store, in persistence_location"},
	"persistence_location": {scope: global, value: text, set: (*conversion).persistenceLocation},
	"autosave_interval":    {scope: global, value: number(math.MinInt32, math.MaxInt32), harmless: "what is acknowledged is on disk already"},
	"autosave_on_changes":  {scope: global, value: yesNo, harmless: "what is acknowledged is on disk already"},

	// The log and the process.
	"log_dest":                {scope: global, value: words, set: (*conversion).logDestination},
	"log_type":                {scope: global, value: oneOf("none", "information", "notice", "warning", "error", "debug", "subscribe", "unsubscribe", "internal", "websockets", "all"), set: (*conversion).logType},
	"log_facility":            {scope: global, value: number(0, 7), harmless: ownLog},
	"log_timestamp":           {scope: global, value: yesNo, harmless: "every line of the log has its time"},
	"log_timestamp_format":    {scope: global, value: text, harmless: "every line of the log has its time, as RFC 3339 writes it"},
	"connection_messages":     {scope: global, value: yesNo, harmless: "connections are logged at level debug (-v)"},
	"websockets_log_level":    {scope: global, value: number(math.MinInt32, math.MaxInt32), harmless: "WebSocket connections are logged like others"},
	"websockets_headers_size": {scope: global, value: number(0, 65535), harmless: "headers of up to 4 kB are read"},
	"pid_file":                {scope: global, value: text, set: func(c *conversion, v value) { c.out.PIDFile = v.text }},
	"user":                    {scope: global, value: text, harmless: "the gateway does not change its user; start it as the one it is to run as (systemd: User=)"},
	"include_dir":             {scope: global, value: text, missing: "only counts in the main file, as with Mosquitto"},

	// Listeners.
	"listener":                        {scope: global, value: words, set: (*conversion).beginListener},
	"port":                            {scope: global, value: number(1, 65535), set: (*conversion).port},
	"bind_address":                    {scope: global, value: text, set: (*conversion).bindAddress},
	"bind_interface":                  {scope: listener, value: text, set: func(c *conversion, v value) { c.door().device = c.here(v.text) }},
	"socket_domain":                   {scope: listener, value: oneOf("ipv4", "ipv6"), set: func(c *conversion, v value) { c.door().family = v.text }},
	"protocol":                        {scope: listener, value: oneOf("mqtt", "websockets", "http_api", "mqttsn"), set: (*conversion).protocol},
	"accept_protocol_versions":        {scope: listener, value: text, set: (*conversion).versions},
	"mount_point":                     {scope: listener, value: text, set: (*conversion).mountPoint},
	"max_connections":                 {scope: listener, value: number(math.MinInt32, 1_000_000), set: func(c *conversion, v value) { c.listener("max_connections").MaxConnections = int(max(0, v.number)) }},
	"max_qos":                         {scope: listener, value: number(0, 2), set: (*conversion).maxQoS},
	"maximum_qos":                     {scope: listener, value: number(0, 2), set: (*conversion).maxQoS},
	"max_topic_alias":                 {scope: listener, value: number(0, 65535), set: (*conversion).maxAlias},
	"max_topic_alias_broker":          {scope: listener, value: number(0, 65535), set: func(c *conversion, v value) { c.door().aliasBroker = v.number }},
	"use_username_as_clientid":        {scope: listener, value: yesNo, set: func(c *conversion, v value) { c.listener("username_as_client_id").UsernameAsClientID = v.yes }},
	"enable_proxy_protocol":           {scope: listener, value: number(1, 2), set: func(c *conversion, v value) { c.listener("proxy_protocol").ProxyProtocol = true }},
	"proxy_protocol_v2_require_tls":   {scope: listener, value: yesNo, set: (*conversion).proxyTLS},
	"websockets_origin":               {scope: listener, value: text, set: (*conversion).origin},
	"http_dir":                        {scope: listener, value: text, missing: "the gateway serves no files; a web server can, and its pages can connect here"},
	"cafile":                          {scope: listener, value: text, set: func(c *conversion, v value) { c.door().ca = c.here(v.text) }},
	"capath":                          {scope: listener, value: text, set: func(c *conversion, v value) { c.door().caFolder = c.here(v.text) }},
	"certfile":                        {scope: listener, value: text, set: func(c *conversion, v value) { c.door().cert = c.here(v.text) }},
	"keyfile":                         {scope: listener, value: text, set: func(c *conversion, v value) { c.door().key = c.here(v.text) }},
	"crlfile":                         {scope: listener, value: text, set: (*conversion).revocations},
	"require_certificate":             {scope: listener, value: yesNo, set: func(c *conversion, v value) { c.door().require = c.set(v.yes) }},
	"use_identity_as_username":        {scope: listener, value: yesNo, set: func(c *conversion, v value) { c.door().identity = c.set(v.yes) }},
	"use_subject_as_username":         {scope: listener, value: yesNo, set: func(c *conversion, v value) { c.door().subject = c.set(v.yes) }},
	"disable_client_cert_date_checks": {scope: listener, value: yesNo, set: (*conversion).dateChecks},
	"tls_version":                     {scope: listener, value: oneOf("tlsv1", "tlsv1.0", "tlsv1.1", "tlsv1.2", "tlsv1.3"), set: (*conversion).tlsVersion},
	"ciphers":                         {scope: listener, value: text, harmless: goTLS},
	"ciphers_tls1.3":                  {scope: listener, value: text, harmless: goTLS},
	"dhparamfile":                     {scope: listener, value: text, harmless: "keys are exchanged on elliptic curves, which need no file"},
	"tls_keyform":                     {scope: listener, value: oneOf("pem", "engine"), set: (*conversion).keyForm},
	"tls_engine":                      {scope: listener, value: text, set: (*conversion).engine},
	"tls_engine_kpass_sha1":           {scope: listener, value: text, harmless: "see tls_engine"},
	"psk_hint":                        {scope: listener, value: text, set: (*conversion).psk},

	// Bridges.
	"connection":         {scope: global, value: text, set: (*conversion).beginBridge},
	"address":            {scope: link, value: words, set: (*conversion).addresses},
	"addresses":          {scope: link, value: words, set: (*conversion).addresses},
	"topic":              {scope: link, value: text, set: (*conversion).topic},
	"remote_clientid":    {scope: link, value: text, set: func(c *conversion, v value) { c.to("client_id").ClientID = v.text }},
	"clientid":           {scope: link, value: text, set: func(c *conversion, v value) { c.to("client_id").ClientID = v.text }},
	"remote_username":    {scope: link, value: text, set: func(c *conversion, v value) { c.to("username").Username = v.text }},
	"username":           {scope: link, value: text, set: func(c *conversion, v value) { c.to("username").Username = v.text }},
	"remote_password":    {scope: link, value: text, set: func(c *conversion, v value) { c.to("password").Password = v.text }},
	"password":           {scope: link, value: text, set: func(c *conversion, v value) { c.to("password").Password = v.text }},
	"keepalive_interval": {scope: link, value: number(5, 65535), set: func(c *conversion, v value) { c.to("keep_alive").KeepAlive = seconds(v.number) }},
	"restart_timeout":    {scope: link, value: words, set: (*conversion).restart},
	"start_type":         {scope: link, value: oneOf("automatic", "lazy", "manual", "once"), set: (*conversion).startType},
	"notifications":      {scope: link, value: yesNo, set: (*conversion).notifications},
	"bridge_insecure":    {scope: link, value: yesNo, set: (*conversion).insecure},

	"bridge_protocol_version":        {scope: link, value: oneOf("mqttv31", "mqttv311", "mqttv50"), set: (*conversion).bridgeVersion},
	"bridge_cafile":                  {scope: link, value: text, set: (*conversion).linkFile},
	"bridge_capath":                  {scope: link, value: text, set: (*conversion).linkFolder},
	"bridge_tls_use_os_certs":        {scope: link, value: yesNo, set: (*conversion).systemCertificates},
	"bridge_certfile":                {scope: link, value: text, set: func(c *conversion, v value) { c.link.certificate = c.here(v.text) }},
	"bridge_keyfile":                 {scope: link, value: text, set: func(c *conversion, v value) { c.link.key = c.here(v.text) }},
	"bridge_identity":                {scope: link, value: text, set: (*conversion).linkPSK},
	"bridge_psk":                     {scope: link, value: text, set: (*conversion).linkPSK},
	"bridge_tls_version":             {scope: link, value: oneOf("tlsv1", "tlsv1.0", "tlsv1.1", "tlsv1.2", "tlsv1.3"), set: (*conversion).linkVersion},
	"bridge_ciphers":                 {scope: link, value: text, harmless: goTLS},
	"bridge_ciphers_tls1.3":          {scope: link, value: text, harmless: goTLS},
	"bridge_alpn":                    {scope: link, value: text, set: (*conversion).linkALPN},
	"bridge_require_ocsp":            {scope: link, value: yesNo, set: (*conversion).requireOCSP},
	"bridge_attempt_unsubscribe":     {scope: link, value: yesNo, set: (*conversion).unsubscribe},
	"bridge_bind_address":            {scope: link, value: text, missing: "the system chooses the address, and with it the interface; a route to the upstream does what this line did"},
	"bridge_max_packet_size":         {scope: link, value: number(0, math.MaxInt32), set: (*conversion).bridgePacketSize},
	"bridge_max_topic_alias":         {scope: link, value: number(0, 65535), harmless: "topics are written out, which costs some bytes"},
	"bridge_outgoing_retain":         {scope: link, value: yesNo, set: (*conversion).outgoingRetain},
	"bridge_receive_maximum":         {scope: link, value: number(1, 65535), set: (*conversion).receiveMaximum},
	"bridge_reload_type":             {scope: link, value: oneOf("lazy", "immediate"), harmless: "bridges are read at the start only"},
	"bridge_session_expiry_interval": {scope: link, value: number(0, math.MaxUint32), set: (*conversion).sessionExpiry},
	"bridge_tcp_keepalive":           {scope: link, value: words, missing: "the system's settings count; keepalive_interval notices a dead line"},
	"bridge_tcp_user_timeout":        {scope: link, value: anything, missing: "the system's settings count; keepalive_interval notices a dead line"},
	"cleansession":                   {scope: link, value: yesNo, set: (*conversion).cleanSession},
	"local_cleansession":             {scope: link, value: yesNo, set: (*conversion).localCleanSession},
	"local_clientid":                 {scope: link, value: text, harmless: "the bridge is part of this broker, not a client"},
	"local_username":                 {scope: link, value: text, set: (*conversion).localUser},
	"local_password":                 {scope: link, value: text, harmless: "the bridge is part of this broker and does not log in"},
	"notifications_local_only":       {scope: link, value: yesNo, set: (*conversion).onlyHere},
	"notification_topic":             {scope: link, value: text, set: func(c *conversion, v value) { c.link.statusTopic = c.here(v.text) }},
	"round_robin":                    {scope: link, value: yesNo, set: func(c *conversion, v value) { c.to("round_robin").RoundRobin = v.yes }},
	"idle_timeout":                   {scope: link, value: number(math.MinInt32, math.MaxInt32), set: func(c *conversion, v value) { c.to("idle_timeout").IdleTimeout = seconds(atLeastOne(v.number)) }},
	"threshold":                      {scope: link, value: number(math.MinInt32, math.MaxInt32), set: func(c *conversion, v value) { c.to("lazy_messages").LazyMessages = int(atLeastOne(v.number)) }},
	"try_private":                    {scope: link, value: yesNo, set: (*conversion).tryPrivate},
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
