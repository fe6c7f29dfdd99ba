//go:build linux

package board

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"gateway/broker/client"
	"gateway/broker/packet"
	"gateway/deploy/raspberrypi/emulated/agent"
	"gateway/deploy/raspberrypi/emulated/kernels"
	"gateway/deploy/raspberrypi/emulated/usbredir"
)

// Board is a board that runs. Its methods may be called concurrently.
type Board struct {
	MQTT string // host:port of the gateway's broker, on this machine
	Page string // http://host:port of its page
	// Adapter is the I²C adapter, to wedge it or slow it down; nil without a bus.
	Adapter *usbredir.Adapter
	Times   Times
	Release string // of the kernel

	agent   string // host:port
	cmd     *exec.Cmd
	console *console
	ended   chan struct{} // closed when QEMU has ended and all is collected

	mu       sync.Mutex
	switches *switches
	monitor  *monitor
	usb      net.Listener
}

// Times are when things were so far, from the start of QEMU.
type Times struct {
	Started time.Duration // the board had started the gateway
	Ready   time.Duration // the gateway answered an MQTT client on this machine
}

// Boot boots a board and returns when the gateway answers MQTT there, or says
// why it does not, with what was on the console.
func Boot(ctx context.Context, o Options) (*Board, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	k, err := kernels.Find(o.Arch.Name)
	if err != nil {
		return nil, err
	}
	if err := o.makeInitrd(k, filepath.Join(o.Dir, "initrd")); err != nil {
		return nil, err
	}
	if err := o.makeDeviceTree(ctx, filepath.Join(o.Dir, "board.dtb")); err != nil {
		return nil, err
	}
	b := &Board{Release: k.Release, console: newConsole(), ended: make(chan struct{})}
	if err := b.start(o, k); err != nil {
		return nil, err
	}
	if err := b.arrive(ctx, o, time.Now()); err != nil {
		b.Kill()
		return nil, fmt.Errorf("%s board: %w; it wrote:\n%s", o.Arch.Name, err, b.console.string())
	}
	return b, nil
}

// start starts QEMU, and the adapter that it connects to.
func (b *Board) start(o Options, k kernels.Kernel) error {
	var serving sync.WaitGroup
	if o.Bus != nil {
		l, err := net.Listen("unix", filepath.Join(o.Dir, "usb.sock"))
		if err != nil {
			return err
		}
		b.usb, b.Adapter = l, usbredir.New(o.Bus)
		serving.Go(func() { b.serveUSB(l) })
	}
	b.cmd = o.command(k)
	b.cmd.Stdout, b.cmd.Stderr = b.console, b.console
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a test that panics leaves none
	if err := b.cmd.Start(); err != nil {
		if b.usb != nil {
			b.usb.Close()
		}
		serving.Wait()
		return err
	}
	go func() {
		_ = b.cmd.Wait() // why it ended is on the console
		if b.usb != nil {
			b.usb.Close()
		}
		serving.Wait()
		close(b.ended)
	}()
	return nil
}

// serveUSB is the adapter on each connection of QEMU's, which is one.
func (b *Board) serveUSB(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if err := b.Adapter.Serve(conn); err != nil {
			fmt.Fprintf(b.console, "I²C adapter: %v\n", err)
		}
		conn.Close()
	}
}

// started is what the board says when it is up, or is not.
var started = regexp.MustCompile(`(?m)^guest: (gateway started|FAILED.*)\r?$`)

// arrive waits until the gateway answers.
func (b *Board) arrive(ctx context.Context, o Options, begin time.Time) error {
	m, err := openMonitor(ctx, filepath.Join(o.Dir, "qmp.sock"))
	if err != nil {
		return err
	}
	b.monitor = m
	ports, err := m.ports()
	if err != nil {
		return err
	}
	b.MQTT, b.Page, b.agent = ports[mqttPort], "http://"+ports[pagePort], ports[agent.Port]
	chip, err := m.gpio()
	if err != nil {
		return err
	}
	q, err := dialUnix(ctx, filepath.Join(o.Dir, "qtest.sock"))
	if err != nil {
		return err
	}
	b.switches = &switches{q, bufio.NewReader(q), chip}
	said, err := b.console.await(ctx, started, b.ended)
	if err != nil {
		return err
	}
	if strings.HasPrefix(said[1], "FAILED") {
		return errors.New(said[1])
	}
	b.Times.Started = time.Since(begin)
	if err := b.awaitMQTT(ctx); err != nil {
		return err
	}
	b.Times.Ready = time.Since(begin)
	return nil
}

// gatewayEnded is what the board says when the gateway has gone by itself.
var gatewayEnded = regexp.MustCompile(`(?m)^guest: gateway ended: .*$`)

// awaitMQTT waits until the broker takes a client.
func (b *Board) awaitMQTT(ctx context.Context) error {
	for {
		err := b.tryMQTT(ctx)
		if err == nil {
			return nil
		}
		if said := gatewayEnded.FindString(b.console.string()); said != "" {
			return errors.New(strings.TrimSpace(said))
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-b.ended:
			return errors.New("the board went off")
		case <-ctx.Done():
			return fmt.Errorf("the gateway does not answer MQTT: %w", err)
		}
	}
}

// tryMQTT connects once. QEMU takes a connection before the board does, so only
// an answer counts.
func (b *Board) tryMQTT(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", b.MQTT)
	if err != nil {
		return err
	}
	c, err := client.Connect(ctx, conn, client.Options{CleanStart: true})
	if err != nil {
		return err
	}
	return c.Disconnect(packet.Success)
}

// Serial returns what the board has written on its serial console so far: the
// kernel's warnings, what the guest does, and the gateway's log.
func (b *Board) Serial() string { return b.console.string() }

// Await waits until the serial console matches, and returns the match.
func (b *Board) Await(ctx context.Context, pattern *regexp.Regexp) ([]string, error) {
	return b.console.await(ctx, pattern, b.ended)
}

// Set drives a GPIO line of [Lines] high or low from outside.
func (b *Board) Set(line string, high bool) error {
	n := slices.Index(Lines, line)
	if n < 0 {
		return fmt.Errorf("GPIO line %q: the board has %v", line, Lines)
	}
	level := 0
	if high {
		level = 1
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.switches.set(n, level)
}

// Ask has the board's first process do something.
func (b *Board) Ask(ctx context.Context, r agent.Request) (agent.Answer, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", b.agent)
	if err != nil {
		return agent.Answer{}, err
	}
	return agent.Ask(ctx, conn, r)
}

// Run runs the gateway's program on the board with arguments, besides the one
// that runs, and returns what it printed and its exit status.
func (b *Board) Run(ctx context.Context, args ...string) (out string, status int, err error) {
	a, err := b.Ask(ctx, agent.Request{Run: append([]string{Gateway}, args...)})
	return a.Output, a.Status, err
}

// Memory returns what the gateway takes on the board.
func (b *Board) Memory(ctx context.Context) (agent.Memory, error) {
	a, err := b.Ask(ctx, agent.Request{Memory: true})
	return a.Memory, err
}

// PowerOff stops the gateway by SIGTERM, unmounts the disk and turns the board
// off; it returns when that is done. An error of the gateway's end is returned.
func (b *Board) PowerOff(ctx context.Context) error {
	if _, err := b.Ask(ctx, agent.Request{PowerOff: true}); err != nil {
		return err
	}
	select {
	case <-b.ended:
		b.close()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the board does not go off: %w", context.Cause(ctx))
	}
}

// Kill cuts the power: QEMU is killed. What it has written to a disk that is a
// file stays; what it did not flush to one that is an NBD server is up to that.
// It returns when all has ended, and may be called again.
func (b *Board) Kill() {
	_ = b.cmd.Process.Kill() // it may have ended
	<-b.ended
	b.close()
}

func (b *Board) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.monitor != nil {
		b.monitor.conn.Close()
	}
	if b.switches != nil {
		b.switches.conn.Close()
	}
}
