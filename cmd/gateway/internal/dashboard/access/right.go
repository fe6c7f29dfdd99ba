package access

// Right is what a request needs.
type Right int

// The rights, each of which includes those before it.
const (
	Open  Right = iota // anybody who reaches the address: the page's own files, the watchdog, the login
	Read               // to see what the gateway knows
	Admin              // to change something
)

// String returns the right as it is written in texts.
func (r Right) String() string {
	switch r {
	case Open:
		return "open"
	case Read:
		return "read"
	}
	return "admin"
}
