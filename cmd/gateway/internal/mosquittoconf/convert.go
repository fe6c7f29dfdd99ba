package mosquittoconf

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gateway/broker"
	"gateway/broker/store"
	"gateway/cmd/gateway/internal/config"
)

// Result is what a configuration of Mosquitto has become.
type Result struct {
	// Config is valid, and the files it names can be read.
	Config *config.Config
	// Notes tell what was not carried over, in the order of the files.
	Notes []Note
	// PIDFile is where the number of the process is to be written, "" for
	// nowhere.
	PIDFile string
	// Origins are the lines that keys of Config come from.
	Origins map[string]Place
	// Parts are listeners and bridges in the order of Config.
	Parts []Part

	about map[Place]string // the key of the part that a line is about
}

// Load reads a configuration, and the files that it names. ports are listened
// on, this machine only, if the configuration names no listener; without any
// that is port 1883. file may be "", which is an empty configuration. What is
// wrong is an *[Error].
func Load(file string, ports ...int) (*Result, error) {
	c := newConversion(machine{devices: interfaceAddresses, hostname: os.Hostname, loopback: loopback})
	if file != "" {
		lines, err := c.readAll(file)
		if err != nil {
			return nil, err
		}
		c.lines = lines
	}
	c.convert(ports)
	c.trace(under("broker.", c.out.Config.Broker.CheckFiles()))
	for i, b := range c.out.Config.Bridges {
		c.trace(under(fmt.Sprintf("bridges[%d].", i), b.Line.Check()))
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return &c.out, nil
}

// machine is what a conversion asks of the machine it runs on.
type machine struct {
	devices  func(name string) ([]net.IP, error) // of a network interface
	hostname func() (string, error)
	loopback func() []string // the addresses of this machine for itself
}

func interfaceAddresses(name string) ([]net.IP, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	addrs, err := device.Addrs()
	if err != nil {
		return nil, err
	}
	var ips []net.IP
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			ips = append(ips, n.IP)
		}
	}
	return ips, nil
}

// loopback returns 127.0.0.1 and, if this machine has it, ::1: clients try one
// or the other for localhost.
func loopback() []string {
	hosts := []string{"127.0.0.1"}
	addrs, err := net.InterfaceAddrs()
	if err == nil && slices.ContainsFunc(addrs, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(net.IPv6loopback)
	}) {
		hosts = append(hosts, "::1")
	}
	return hosts
}

// conversion is a configuration on its way to ours.
type conversion struct {
	machine  machine
	lines    []line
	now      line // the one being looked at
	out      Result
	problems []Problem
	origins  map[string]line // of our keys, below the configuration

	holders     map[Place]holder // of lines that are about a listener or a bridge
	perListener bool
	shared      rights // of all listeners
	doors       []*door
	first       *door // the one on the default port, or nil
	links       []*upstream
	place            // where we are
	verbosity   int  // of log_type; see logType
	opened      bool // something makes listeners more than this machine's
	sealed      bool // no listener is opened; a note says why
}

// place is what lines of a file are about.
type place struct {
	current *door     // the one below whose line we are, nil before the first
	link    *upstream // the one below whose line we are, or nil
}

// rights are who may come in and what they may do. Its words stand where they
// were written.
type rights struct {
	anonymous *bool
	passwords written
	rules     written
}

// written is a text and the line it stands in.
type written struct {
	text string
	at   line
}

// decided is a flag and the line it stands in.
type decided struct {
	yes bool
	at  line
}

// here remembers a text with the line it stands in.
func (c *conversion) here(text string) written { return written{text, c.now} }

// set remembers a flag with the line it stands in.
func (c *conversion) set(yes bool) decided { return decided{yes, c.now} }

func newConversion(m machine) *conversion {
	b := broker.Default()
	// As Mosquitto has it; see the package comment.
	b.Auth.MaxFailedLogins = 0
	b.MaxConnections = 0
	b.MaxQueuedMessages = 1000
	b.MaxQueuedBytes = 0
	b.SessionExpiry = 0
	b.MaxSubscriptions = 0
	c := &conversion{machine: m, origins: make(map[string]line), holders: make(map[Place]holder)}
	p := store.Default()
	p.Enabled, p.Path = false, storeFolder
	cfg := config.Default() // but for what a broker alone does not do
	cfg.Broker, cfg.Persistence = b, p
	cfg.Sensors.Sensors = nil
	cfg.History.Enabled = false
	cfg.Dashboard.Address = ""
	cfg.MDNS.Enabled = false
	c.out.Config = cfg
	return c
}

// convert turns the lines into the configuration.
func (c *conversion) convert(ports []int) {
	c.readPerListener()
	var outer place // of the main file, while others are read
	inside := false // of one of those
	for _, l := range c.lines {
		c.now = l
		switch {
		case l.included && !inside:
			outer = c.place
		case !l.included && inside: // it goes on where it was
			c.place = outer
		}
		if inside = l.included; l.first { // a file goes on with nothing of the one before
			c.place = place{}
		}
		c.directive(l)
	}
	c.now = line{}
	c.finishListeners(ports)
	c.finishLinks()
	c.finishLog()
	c.trace(under("broker.", c.out.Config.Broker.Validate()))
	c.sortNotes()
	c.finishParts()
}

// directive looks at one line.
func (c *conversion) directive(l line) {
	e, ok := lookUp(l.name)
	if !ok {
		c.unknown(l)
		return
	}
	if e.scope == link && c.link == nil {
		c.wrong(l, "belongs to a bridge; a line `connection NAME` has to come before it")
		return
	}
	v, err := e.value(l.rest)
	if err != nil {
		c.wrong(l, "%v", err)
		return
	}
	if v.extra != "" {
		c.note(true, "%q is not read; the value ends before it", v.extra)
	}
	switch {
	case e.set != nil:
		e.set(c, v)
	case e.harmless != "":
		c.note(false, "%s", e.harmless)
	default:
		c.note(true, "%s", e.missing)
	}
	c.hold(l, e)
}

// holder is a listener or a bridge that lines are about.
type holder interface {
	// becomes returns where it begins, and the keys it has become.
	becomes() (at Place, keys []string)
}

func (d *door) becomes() (Place, []string)     { return d.at.Place, d.keys }
func (l *upstream) becomes() (Place, []string) { return l.at.Place, l.keys }

// hold remembers what a line is about, if that is one listener or bridge.
func (c *conversion) hold(l line, e entry) {
	switch {
	case l.name == "connection", e.scope == link:
		c.holders[l.Place] = c.link
	case c.current == nil:
	case e.scope == listener, e.scope == security && c.perListener, l.name == "listener", l.name == "port", l.name == "bind_address":
		c.holders[l.Place] = c.current
	}
}

// finishParts tells which lines have become what.
func (c *conversion) finishParts() {
	c.out.Origins, c.out.about = make(map[string]Place), make(map[Place]string)
	for key, l := range c.origins {
		c.out.Origins[key] = l.Place
	}
	for at, h := range c.holders {
		if _, keys := h.becomes(); len(keys) > 0 {
			c.out.about[at] = keys[0]
		}
	}
	for i, l := range c.out.Config.Broker.Listeners {
		key := fmt.Sprintf("broker.listeners[%d]", i)
		c.out.Parts = append(c.out.Parts, Part{c.origins[key].Place, key, l.Address})
	}
	for i, b := range c.out.Config.Bridges {
		key := fmt.Sprintf("bridges[%d]", i)
		c.out.Parts = append(c.out.Parts, Part{c.origins[key].Place, key, b.Name})
	}
}

// lookUp finds a directive in the table.
func lookUp(name string) (entry, bool) {
	for _, prefix := range []string{"plugin_opt_", "auth_opt_"} {
		if strings.HasPrefix(name, prefix) {
			name = prefix + "*"
		}
	}
	e, ok := table[name]
	return e, ok
}

// unknown says that there is no such directive, and what it might have been.
func (c *conversion) unknown(l line) {
	names := make([]string, 0, len(table))
	for name := range table {
		names = append(names, name)
	}
	slices.Sort(names)
	hint := "see mosquitto.conf(5)"
	if near := config.Nearest(l.name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	c.wrong(l, "there is no such directive; %s", hint)
}

// note notes something about the line being looked at.
func (c *conversion) note(warning bool, format string, args ...any) {
	c.noteAt(c.now, warning, format, args...)
}

func (c *conversion) noteAt(l line, warning bool, format string, args ...any) {
	c.out.Notes = append(c.out.Notes, Note{l.Place, l.name, fmt.Sprintf(format, args...), warning})
}

// broker returns the broker's part, of which the line sets a key.
func (c *conversion) broker(key string) *broker.Config {
	c.origins["broker."+key] = c.now
	return &c.out.Config.Broker
}

// readPerListener finds per_listener_settings, which Mosquitto wants before
// what it is about.
func (c *conversion) readPerListener() {
	var before line // a directive that it is about
	for _, l := range c.lines {
		if l.name == "per_listener_settings" {
			if v, err := yesNo(l.rest); err == nil {
				if v.yes != c.perListener && before.name != "" {
					c.wrong(l, "has to stand before %s in line %d, which it is about", before.name, before.Line)
				}
				c.perListener = v.yes
			}
		}
		if e, ok := lookUp(l.name); ok && e.scope == security && before.name == "" {
			before = l
		}
	}
}

// security returns what security directives are about here.
func (c *conversion) security() *rights {
	if c.perListener {
		return &c.door().rights
	}
	return &c.shared
}

func (c *conversion) assignIDs(yes bool) {
	if b := c.broker("assign_client_ids"); b.AssignClientIDs != yes {
		b.AssignClientIDs = yes
		c.onlyForAll()
	}
}

func (c *conversion) idPrefix(prefix string) {
	if b := c.broker("client_id_prefix"); b.ClientIDPrefix != prefix {
		b.ClientIDPrefix = prefix
		c.onlyForAll()
	}
}

// onlyForAll warns of a directive that the gateway has for all listeners only.
func (c *conversion) onlyForAll() {
	if c.perListener || strings.HasPrefix(c.now.name, "listener_") {
		c.note(true, "counts for all listeners")
	}
}

func (c *conversion) retainSource(v value) {
	if v.yes {
		c.note(true, "a retained message stays when its publisher loses the right to publish it; clear it by publishing an empty one")
	} else {
		c.note(false, "is how the gateway does it")
	}
}

// plugin leaves closed what a plugin guards: almost all of them are there to
// keep somebody out, and who keeps somebody out cannot be told by a name.
func (c *conversion) plugin(v value) {
	why := noPlugins
	switch file := v.text; {
	case strings.Contains(file, "persist_sqlite"):
		c.out.Config.Persistence.Enabled = true
		c.note(false, "what is kept is written before it is acknowledged, to the gateway's own store in persistence_location")
		return
	case strings.Contains(file, "dynamic_security"):
		why = noDynsec
	}
	switch {
	case c.now.name == "plugin_load":
		c.note(true, "%s", why) // it guards the listeners that have a plugin_use
	case c.perListener && c.now.name != "global_plugin":
		c.shut(why)
	default:
		c.seal(why)
	}
}

func (c *conversion) inflight(v value) {
	n := int(v.number)
	if n <= 0 {
		n = 65535
	}
	b := c.broker("max_inflight")
	b.MaxInflight, b.ReceiveMaximum = n, n
}

// packetSize takes what MQTT can say at most for what is larger.
func (c *conversion) packetSize(v value) {
	c.broker("max_packet_size").MaxPacketSize = int(min(v.number, 268_435_455))
}

func (c *conversion) memory(v value) {
	if v.number == 0 {
		return // no limit
	}
	c.broker("max_queue_memory").MaxQueueMemory = v.number
	c.broker("max_retained_bytes").MaxRetainedBytes = v.number
	c.note(false, "bounds what waits for clients, and what is retained, to that many bytes each")
}

func (c *conversion) upgradeQoS(v value) {
	if v.yes {
		c.note(true, "messages are delivered with the QoS they were published with at most, as the specification wants")
	}
}

func (c *conversion) control(v value) {
	if v.yes {
		c.note(true, "the gateway has no $CONTROL topics; it loads no plugins that could be asked for there")
	}
}

// persistence is on at once where Mosquitto would write now and then.
func (c *conversion) persistence(v value) {
	c.out.Config.Persistence.Enabled = v.yes
	if v.yes {
		c.note(false, "what is kept is written before it is acknowledged, to a folder of the gateway's own, gateway-store, in persistence_location")
	}
}

// persistenceLocation is a folder, or with Mosquitto the beginning of a name.
func (c *conversion) persistenceLocation(v value) {
	c.out.Config.Persistence.Path = filepath.Join(v.text, storeFolder)
}

// storeFolder is what Mosquitto does not use in its persistence_location.
const storeFolder = "gateway-store"

func (c *conversion) retainedPersistence(v value) {
	if !v.yes {
		c.note(true, "what is retained is kept with everything else")
	}
}

func (c *conversion) logDestination(v value) {
	switch where := v.words[0]; where {
	case "stderr":
	case "stdout", "syslog", "dlt", "android":
		c.note(false, "%s", ownLog)
	case "file":
		c.note(true, "%s", ownLog)
	case "topic":
		c.note(true, "%s", topicLog)
	case "none":
		c.verbosity = max(c.verbosity, 1)
	default:
		c.wrong(c.now, "%q is unknown; stderr, stdout, syslog, file FILE, topic, dlt or none", where)
	}
}

// logType remembers the most talkative of all types that are named: 1 is
// errors, 4 is everything.
func (c *conversion) logType(v value) {
	levels := map[string]int{"none": 1, "error": 1, "warning": 2, "notice": 3, "information": 3, "debug": 4, "all": 4}
	level, ok := levels[v.text]
	if !ok {
		c.note(false, "is part of level debug (log_type debug, or -v)")
	}
	c.verbosity = max(c.verbosity, level)
}

func (c *conversion) finishLog() {
	if c.verbosity > 0 {
		c.out.Config.Log.Level = []string{"error", "warn", "info", "debug"}[c.verbosity-1]
	}
}

// trace turns what a part says about its configuration into problems of the
// lines that its keys come from. Each error begins with a key.
func (c *conversion) trace(err error) {
	if err == nil {
		return
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			c.trace(e)
		}
		return
	}
	key, text, ok := strings.Cut(err.Error(), ": ")
	if !ok {
		key, text = "", err.Error()
	}
	for {
		if l, ok := c.origins[key]; ok {
			if !slices.ContainsFunc(c.problems, func(p Problem) bool { return p.Place == l.Place }) { // one will do
				c.wrong(l, "%s", text)
			}
			return
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			c.problems = append(c.problems, Problem{Text: err.Error()})
			return
		}
		key = key[:i]
	}
}

// under puts a prefix before every error of a part's Validate.
func under(prefix string, err error) error {
	if err == nil {
		return nil
	}
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return errors.New(prefix + err.Error())
	}
	var errs []error
	for _, e := range many.Unwrap() {
		errs = append(errs, under(prefix, e))
	}
	return errors.Join(errs...)
}
