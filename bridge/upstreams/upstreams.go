package upstreams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// Kind is a broker.
type Kind string

// The brokers that there are.
const (
	Mosquitto Kind = "mosquitto"
	RabbitMQ  Kind = "rabbitmq"
	ActiveMQ  Kind = "activemq"
	Aedes     Kind = "aedes"
	Mosca     Kind = "mosca"
)

// Kinds returns all of them, the quickest to start first.
func Kinds() []Kind { return []Kind{Mosquitto, Aedes, Mosca, ActiveMQ, RabbitMQ} }

// Options of [Start]. The zero value is a broker on a free port that keeps all
// it can, in a temporary folder.
type Options struct {
	Dir    string    // an existing folder for its files, which stay; "": a temporary one, which Close removes
	Port   int       // of 127.0.0.1; 0: a free one
	Log    io.Writer // gets what the broker prints; nil: nobody does, but an error has its end
	Forget bool      // store nothing: mosquitto and mosca without persistence, the others know no such thing
	Config string    // lines for mosquitto.conf and rabbitmq.conf, after ours; the others have no such file
}

// Upstream is a broker on loopback. Its methods may be called concurrently.
type Upstream struct {
	kind    Kind
	version string
	durable bool
	broker  server
	names   *server // Erlang's name server, nil if it needs none
	folder  string  // to remove in the end; ""
}

// Start starts a broker and returns when it accepts MQTT's CONNECT. That takes
// RabbitMQ ten seconds, half of which it waits for other nodes, and the others one
// at most. Its processes end with ctx at the latest.
//
// The error is a [*Missing] if the broker is not installed.
func Start(ctx context.Context, kind Kind, o Options) (*Upstream, error) {
	if !slices.Contains(Kinds(), kind) {
		return nil, fmt.Errorf("no upstream is called %q; there are %q", kind, Kinds())
	}
	const tries = 3 // a free port may be taken before the broker listens on it
	for try := 1; ; try++ {
		u, err := start(ctx, kind, o)
		if err == nil || o.Port != 0 || try == tries || ctx.Err() != nil || errors.As(err, new(*Missing)) {
			return u, err
		}
	}
}

func start(ctx context.Context, kind Kind, o Options) (_ *Upstream, err error) {
	u := &Upstream{kind: kind}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start %s: %w", kind, err), u.Close())
		}
	}()
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "upstream-"+string(kind)); err != nil {
			return nil, err
		}
		u.folder = o.Dir
	}
	if o.Port == 0 {
		ports, err := freePorts(1)
		if err != nil {
			return nil, err
		}
		o.Port = ports[0]
	}
	if err := u.prepare(ctx, o); err != nil {
		return nil, err
	}
	return u, u.Restart(ctx)
}

// prepare writes the broker's configuration and finds its programs.
func (u *Upstream) prepare(ctx context.Context, o Options) (err error) {
	var p plan
	switch u.kind {
	case Mosquitto:
		u.durable = !o.Forget
		p, u.version, err = mosquitto(o)
	case RabbitMQ:
		u.durable = true
		var names plan
		if p, names, u.version, err = rabbitMQ(o); err == nil {
			u.names = &server{plan: names, ctx: ctx, log: o.Log}
		}
	case ActiveMQ:
		u.durable = true
		p, u.version, err = activeMQ(o)
	case Aedes, Mosca:
		p, u.version, err = node(u.kind, o)
	}
	u.broker.plan, u.broker.ctx, u.broker.log = p, ctx, o.Log
	u.broker.address, u.broker.mqtt = loopback(o.Port), true
	return err
}

// Kind returns which broker it is.
func (u *Upstream) Kind() Kind { return u.kind }

// Version returns that of the broker, "2.0.11".
func (u *Upstream) Version() string { return u.version }

// Durable says whether the broker stores on the disk what it acknowledges, as
// well as it can; see the package comment.
func (u *Upstream) Durable() bool { return u.durable }

// Address returns where it listens, or did and will again: "127.0.0.1:20123".
func (u *Upstream) Address() string { return u.broker.address }

// Kill ends the broker as a power cut does, with SIGKILL, and returns when it
// has ended. It does nothing if the broker does not run.
func (u *Upstream) Kill() { u.broker.kill() }

// Stop asks the broker to end, with SIGTERM, and returns when it has, after half
// a minute with SIGKILL. It does nothing if the broker does not run.
func (u *Upstream) Stop() { u.broker.stop() }

// Restart starts the broker that was killed or stopped, on the same port, with
// what it has stored, and returns when it accepts CONNECT. ctx is for the waiting
// only: the process still ends with the context of [Start].
func (u *Upstream) Restart(ctx context.Context) error {
	if u.names != nil {
		if _, err := u.names.running(); err != nil {
			if err := u.names.start(ctx); err != nil {
				return err
			}
		}
	}
	return u.broker.start(ctx)
}

// Close kills the broker and removes the folder if it is a temporary one. The
// Upstream is of no use any more.
func (u *Upstream) Close() error {
	u.broker.kill()
	if u.names != nil {
		u.names.kill()
	}
	if u.folder == "" {
		return nil
	}
	return os.RemoveAll(u.folder)
}

// Pid returns the process that is the broker, and an error if it does not run.
func (u *Upstream) Pid() (int, error) {
	p, err := u.broker.running()
	if err != nil {
		return 0, err
	}
	return p.cmd.Process.Pid, nil
}

// CPUTime returns what the broker's process has used since it was started, user
// and system, in steps of 10 ms. It is an error if the broker does not run, or
// on a system other than Linux.
func (u *Upstream) CPUTime() (time.Duration, error) {
	pid, err := u.Pid()
	if err != nil {
		return 0, err
	}
	return cpuTime(pid)
}
