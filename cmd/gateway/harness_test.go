package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gateway/broker/bench/machine"
)

// The end-to-end tests start the real binary and talk to it with the programs
// that people use. What is missing on this machine skips a test with the name
// of the Debian package, unless GATEWAY_TEST_ALL says that nothing may skip.

// patience is how long a condition may take to come true before a test
// fails. It is never waited for when all is well.
const patience = 30 * time.Second

// need returns the path of a program, or skips the test.
func need(t testing.TB, program, debianPackage string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		p := filepath.Join(dir, program)
		if st, err := os.Stat(p); err == nil && !st.IsDir() {
			return p
		}
	}
	skipOrFail(t, "%s is not installed: apt-get install %s, or run make test", program, debianPackage)
	return ""
}

// needNode returns the path of node with an npm package that scripts find
// through GATEWAY_NPM, or skips the test.
func needNode(t testing.TB, npmPackage string) string {
	t.Helper()
	node := need(t, "node", "nodejs")
	npm := os.Getenv("GATEWAY_NPM")
	if npm == "" {
		npm = filepath.Join(repositoryRoot(t), ".cache/npm/node_modules")
	}
	if _, err := os.Stat(filepath.Join(npm, npmPackage)); err != nil {
		skipOrFail(t, "npm's package %s is not installed: run make setup", npmPackage)
	}
	t.Setenv("GATEWAY_NPM", npm)
	return node
}

func skipOrFail(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("GATEWAY_TEST_ALL") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// binary builds the gateway once for all tests, as users get it.
var binary = sync.OnceValues(func() (string, error) {
	return buildBinary(filepath.Join(buildDir, "gateway"))
})

// buildDir is removed when the tests end.
var buildDir string

func TestMain(m *testing.M) {
	// In the scripts of testdata/script, gateway is this test binary.
	testscript.Main(cleaningUp{m}, map[string]func(){"gateway": main})
}

// cleaningUp removes what the tests have built.
type cleaningUp struct{ m *testing.M }

func (c cleaningUp) Run() int {
	var err error
	if buildDir, err = os.MkdirTemp("", "gateway-test"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(buildDir)
	return c.m.Run()
}

func buildBinary(to string, env ...string) (string, error) {
	cmd := exec.Command("go", "build", "-trimpath", "-o", to, ".")
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return to, nil
}

// process is a program under test; it is stopped when the test ends.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // of Wait, after done

	mu     sync.Mutex
	output bytes.Buffer
	grown  chan struct{} // closed and replaced when output grows
}

// spawn starts a program and collects what it prints.
func spawn(t testing.TB, name string, args ...string) *process {
	t.Helper()
	return spawnIn(t, t.TempDir(), name, args...)
}

// spawnIn is spawn in a folder, which has the program's state, too.
func spawnIn(t testing.TB, folder, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(name, args...), done: make(chan struct{}), grown: make(chan struct{})}
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	p.cmd.Dir = folder
	p.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+p.cmd.Dir) // a store of its own
	p.cmd.WaitDelay = 5 * time.Second                             // only if a child of it keeps its output open; less is an error on a busy machine
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		lines := bufio.NewReader(r)
		for {
			line, err := lines.ReadBytes('\n')
			p.mu.Lock()
			p.output.Write(line)
			close(p.grown)
			p.grown = make(chan struct{})
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	go func() {
		p.err = p.cmd.Wait()
		w.Close()
		reading.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s printed:\n%s", filepath.Base(name), p.text())
		}
	})
	return p
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// await waits until the output matches and returns the match.
func (p *process) await(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	for {
		p.mu.Lock()
		match, grown := re.FindStringSubmatch(p.output.String()), p.grown
		p.mu.Unlock()
		if match != nil {
			return match
		}
		select {
		case <-grown:
		case <-p.done:
			if match := re.FindStringSubmatch(p.text()); match != nil {
				return match
			}
			p.t.Fatalf("%s ended (%v) without printing %q", filepath.Base(p.cmd.Path), p.err, pattern)
		case <-deadline:
			p.t.Fatalf("%s did not print %q", filepath.Base(p.cmd.Path), pattern)
		}
	}
}

// stop sends SIGTERM and waits for the end.
func (p *process) stop() error {
	p.t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%s did not stop", filepath.Base(p.cmd.Path))
	}
	return p.err
}

// kill ends it as a power cut does.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// running is a gateway under test and where it listens.
type gatewayProcess struct {
	*process
	page, mqtt, ws string // "http://…", "host:port", "ws://…"
}

// freePorts are listeners on ports that the system chooses.
const freePorts = `
broker:
  listeners:
    - {protocol: tcp, address: "127.0.0.1:0"}
    - {protocol: ws, address: "127.0.0.1:0"}
dashboard:
  address: "127.0.0.1:0"
`

// startGateway runs the gateway with a configuration on free ports.
func startGateway(t testing.TB, config string, args ...string) *gatewayProcess {
	t.Helper()
	return awaitGateway(spawn(t, needBinary(t), append([]string{"run", "-c", writeConfig(t, config+freePorts)}, args...)...))
}

// awaitGateway waits for the lines that say where to look.
func awaitGateway(p *process) *gatewayProcess {
	p.t.Helper()
	g := &gatewayProcess{process: p}
	g.page = p.await(`(?m)^ *[Pp]age\s+(http://\S+)$`)[1]
	m := p.await(`(?m)^ *MQTT\s+(\S+:\d+)\s.*(ws://[^\s)]+)`)
	g.mqtt, g.ws = m[1], m[2]
	return g
}

func needBinary(t testing.TB) string {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

func writeConfig(t testing.TB, config string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// hostPort splits an address into mosquitto_pub's options.
func hostPort(t testing.TB, address string) []string {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"-h", host, "-p", port}
}

// givenPorts are those that freePort has given to somebody.
var givenPorts sync.Map

// freePort returns a loopback port on which nobody listens, another one each time.
func freePort(t testing.TB) string {
	t.Helper()
	for {
		port, err := machine.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		if _, given := givenPorts.LoadOrStore(port, true); !given {
			return port
		}
	}
}

// command runs a program to its end and returns what it printed.
func command(t testing.TB, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// pagePassword is what browser.mjs sets, too.
const pagePassword = "correct horse battery"

// admin is a client that has set the password of the gateway's page, or has
// logged in.
func (g *gatewayProcess) admin(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	t.Cleanup(c.CloseIdleConnections)
	for _, step := range []string{"setup", "login"} { // refused if there is a password
		resp, err := c.Post(g.page+"/api/v1/"+step, "application/json", strings.NewReader(`{"password":"`+pagePassword+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return c
		}
	}
	t.Fatal("the page lets nobody in")
	return nil
}
