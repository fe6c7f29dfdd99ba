//go:build linux

package board

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dialUnix connects to a socket that QEMU will make soon.
func dialUnix(ctx context.Context, path string) (net.Conn, error) {
	for {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// monitor is QEMU's QMP: commands and answers in JSON, a line each.
type monitor struct {
	conn  net.Conn
	lines *bufio.Reader
}

func newMonitor(conn net.Conn) *monitor { return &monitor{conn, bufio.NewReader(conn)} }

func openMonitor(ctx context.Context, path string) (*monitor, error) {
	conn, err := dialUnix(ctx, path)
	if err != nil {
		return nil, err
	}
	m := newMonitor(conn)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err = m.lines.ReadString('\n'); err == nil { // its greeting
		err = m.do("qmp_capabilities", nil, nil)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("QMP: %w", err)
	}
	return m, nil
}

// do executes a command; events that come meanwhile are nobody's.
func (m *monitor) do(command string, arguments, result any) error {
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := json.NewEncoder(m.conn).Encode(request); err != nil {
		return err
	}
	for {
		line, err := m.lines.ReadBytes('\n')
		if err != nil {
			return err
		}
		var answer struct {
			Return json.RawMessage
			Error  *struct{ Desc string }
		}
		if err := json.Unmarshal(line, &answer); err != nil {
			return err
		}
		switch {
		case answer.Error != nil:
			return fmt.Errorf("%s: %s", command, answer.Error.Desc)
		case answer.Return != nil && result != nil:
			return json.Unmarshal(answer.Return, result)
		case answer.Return != nil:
			return nil
		}
	}
}

// forwarded matches a line of "info usernet": host address and port, board's
// address and port.
var forwarded = regexp.MustCompile(`TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+10\.0\.2\.15\s+(\d+)`)

// ports returns the ports of the host by those of the board.
func (m *monitor) ports() (map[int]string, error) {
	var text string
	if err := m.do("human-monitor-command", map[string]string{"command-line": "info usernet"}, &text); err != nil {
		return nil, err
	}
	ports := make(map[int]string)
	for _, f := range forwarded.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(f[2])
		ports[n] = "127.0.0.1:" + f[1]
	}
	if len(ports) == 0 {
		return nil, fmt.Errorf("QEMU forwards no port: %q", text)
	}
	return ports, nil
}

// gpio returns where the PL061 is in the machine.
func (m *monitor) gpio() (string, error) {
	const folder = "/machine/unattached"
	var all []struct{ Name, Type string }
	if err := m.do("qom-list", map[string]string{"path": folder}, &all); err != nil {
		return "", err
	}
	for _, p := range all {
		if p.Type == "child<pl061>" {
			return folder + "/" + p.Name, nil
		}
	}
	return "", errors.New("the machine has no PL061")
}

// switches drives GPIO lines from outside, over QEMU's qtest.
type switches struct {
	conn  net.Conn
	lines *bufio.Reader
	chip  string
}

// set drives an input of the PL061.
func (s *switches) set(line, level int) error {
	if _, err := fmt.Fprintf(s.conn, "set_irq_in %s unnamed-gpio-in %d %d\n", s.chip, line, level); err != nil {
		return err
	}
	answer, err := s.lines.ReadString('\n')
	if err == nil && !strings.HasPrefix(answer, "OK") {
		err = fmt.Errorf("qtest: %s", strings.TrimSpace(answer))
	}
	return err
}
