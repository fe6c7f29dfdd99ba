package mosquittoconf

// notify is what a bridge tells about its state. Here it always stands in
// $SYS/broker/connection/NAME/state, as 1 or 0.
type notify struct {
	silent      bool // notifications false
	onlyHere    bool // notifications_local_only true
	statusTopic written
}

const stateHere = "here the state is always in $SYS/broker/connection/NAME/state"

func (c *conversion) notifications(v value) {
	if c.link.silent = !v.yes; !v.yes {
		c.note(false, "%s", stateHere)
	}
}

func (c *conversion) onlyHere(v value) { c.link.onlyHere = v.yes }

// finishNotify tells the upstream where a topic is named for it. Mosquitto's own
// topic below $SYS is none that a client may write to.
func (c *conversion) finishNotify(l *upstream) {
	t := l.statusTopic
	switch upstream := !l.silent && !l.onlyHere; {
	case upstream && t.text != "":
		l.StatusTopic, l.origins["status_topic"] = t.text, t.at
		c.noteAt(t.at, true, "upstream it has online and offline, and not 1 and 0; %s, as 1 or 0", stateHere)
	case t.text != "":
		c.noteAt(t.at, true, "%s, as 1 or 0", stateHere)
	case upstream:
		c.noteAt(l.at, false, "the upstream is not told the state of %s; notification_topic TOPIC has online and offline retained there", l.name)
	}
}
