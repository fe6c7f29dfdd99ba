//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// process is a program that is measured.
type process struct {
	cmd    *exec.Cmd
	output bytes.Buffer // read when it has ended only
	ended  chan struct{}
}

func start(ctx context.Context, command, env []string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, command[0], command[1:]...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// stop ends the program and waits for it.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// failure is why it has ended by itself, nil if it runs.
func (p *process) failure() error {
	select {
	case <-p.ended:
		return fmt.Errorf("it has ended: %s\n%s", p.cmd.ProcessState, p.output.String())
	default:
		return nil
	}
}

// cpu returns the CPU time of the process so far, of threads that have ended,
// too.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseCPU(string(text))
}

// parseCPU reads utime and stime of proc_pid_stat(5), the 14th and 15th field,
// in ticks of 10 ms. The second field, the name in parentheses, may hold
// anything.
func parseCPU(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("stat of a process is %q", stat)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}

// resident returns the resident memory, MiB.
func (p *process) resident() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	return pages * float64(os.Getpagesize()) / (1 << 20), err
}

// measure measures p, which publishes readings at address, after a warm-up.
// broker is Mosquitto, nil if p is the broker; count is where a plugin counts.
func (b *bench) measure(ctx context.Context, m machine, p, broker *process, address, count string) (figures, error) {
	if err := awaitListener(ctx, address); err != nil {
		return figures{}, errors.Join(err, p.failure())
	}
	readings, err := subscribe(ctx, address)
	if err != nil {
		return figures{}, err
	}
	defer readings.Close()
	for deadline := time.Now().Add(3 * time.Minute); readings.n.Load() < uint64(2*b.sensors); {
		if err := p.failure(); err != nil {
			return figures{}, err
		}
		if time.Now().After(deadline) {
			return figures{}, fmt.Errorf("only %d readings within 3 minutes", readings.n.Load())
		}
		sleep(ctx, 0.1)
	}
	sleep(ctx, b.warmup)
	before, err := snapshot(m, p, broker, readings, count)
	if err != nil {
		return figures{}, err
	}
	sleep(ctx, b.seconds)
	after, err := snapshot(m, p, broker, readings, count)
	if err != nil {
		return figures{}, errors.Join(err, p.failure())
	}
	after.readings -= before.readings
	after.time -= before.time
	after.cpu -= before.cpu
	after.instructions -= before.instructions
	after.broker -= before.broker
	if after.readings == 0 {
		return figures{}, errors.New("no readings while it was measured")
	}
	return after, ctx.Err()
}

// snapshot is what was used until now; time is that of the day.
func snapshot(m machine, p, broker *process, readings *readings, count string) (f figures, err error) {
	f = figures{machine: m, readings: readings.n.Load(), time: time.Duration(time.Now().UnixNano())}
	if f.cpu, err = p.cpu(); err != nil {
		return f, err
	}
	if broker != nil {
		cpu, err := broker.cpu()
		if err != nil {
			return f, err
		}
		f.broker = uint64(cpu)
	}
	if m.counts {
		if f.instructions, err = readCount(count); err != nil {
			return f, err
		}
	}
	f.resident, err = p.resident()
	return f, err
}

// readings counts what a subscriber gets.
type readings struct {
	n   atomic.Uint64
	cmd *exec.Cmd
}

// subscribe has mosquitto_sub print a line for each reading.
func subscribe(ctx context.Context, address string) (*readings, error) {
	host, port, _ := net.SplitHostPort(address)
	r := &readings{cmd: exec.CommandContext(ctx, "mosquitto_sub", "-h", host, "-p", port, "-R", "-F", "%t", "-t", "bench/+/+")}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w (Debian's package mosquitto-clients)", err)
	}
	go func() {
		lines := bufio.NewReader(out)
		for {
			if _, err := lines.ReadSlice('\n'); err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				_, _ = io.Copy(io.Discard, out)
				return
			}
			r.n.Add(1)
		}
	}()
	return r, nil
}

func (r *readings) Close() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

func sleep(ctx context.Context, seconds float64) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(seconds * float64(time.Second))):
	}
}

func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// awaitListener waits until a program listens.
func awaitListener(ctx context.Context, address string) error {
	for deadline := time.Now().Add(time.Minute); ; {
		nc, err := net.Dial("tcp", address)
		if err == nil {
			return nc.Close()
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return fmt.Errorf("does not listen on %s: %w", address, err)
		}
		sleep(ctx, 0.05)
	}
}
