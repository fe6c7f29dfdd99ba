package upstreams

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// rabbitMQ is a single node with its MQTT plugin, and the name server that
// Erlang needs.
func rabbitMQ(o Options) (p, names plan, version string, err error) {
	ports, err := freePorts(2)
	if err != nil {
		return p, names, "", err
	}
	n := rabbitNode{name: "upstream@localhost", dir: o.Dir, mqtt: o.Port, dist: ports[0], names: ports[1], cookie: rand.Text(), config: o.Config}
	if p, version, err = n.plan(); err != nil {
		return p, names, "", err
	}
	names, err = epmd(ports[1])
	return p, names, version, err
}

// epmd is Erlang's name server, which tells where the nodes of this machine
// listen. Ours is not the machine's, on port 4369 of every address.
func epmd(port int) (plan, error) {
	path, err := program("epmd", "erlang-base")
	address := loopback(port)
	return plan{path: path, args: []string{"-address", "127.0.0.1", "-port", strconv.Itoa(port)}, address: address}, err
}

// rabbitNode is a node of RabbitMQ and its ports.
type rabbitNode struct {
	name              string // "upstream@localhost"
	dir               string // for all its files
	mqtt, dist, names int    // ports: for clients, for other nodes, of the name server
	cookie            string // the secret of the cluster, unless dir has one
	config            string // lines of rabbitmq.conf
}

// rabbitConf has no listener for AMQP. The memory is what it may use before it
// stops reading from publishers.
const rabbitConf = `listeners.tcp = none
mqtt.listeners.tcp.default = 127.0.0.1:%d
log.file = false
log.console = true
log.console.level = warning
log.console.use_colors = off
vm_memory_high_watermark.absolute = 384MiB
disk_free_limit.absolute = 50MB
raft.wal_max_size_bytes = 16777216
`

// plan writes the node's files and says how it is started: by RabbitMQ's own
// script, as systemd does, so that the process is the broker and no shell. The
// one in Debian's /usr/sbin changes to another user.
func (n *rabbitNode) plan() (p plan, version string, err error) {
	script, err := debianFile("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server", "rabbitmq-server")
	if err != nil {
		return p, "", err
	}
	version = strings.TrimPrefix(filepath.Base(filepath.Dir(filepath.Dir(script))), "rabbitmq_server-")
	file := func(name string) string { return filepath.Join(n.dir, name) }
	for name, content := range map[string]string{
		"rabbitmq.conf":     fmt.Sprintf(rabbitConf, n.mqtt) + n.config,
		"rabbitmq-env.conf": "", // instead of the one in /etc
		"advanced.config":   "[].\n",
		"enabled_plugins":   "[rabbitmq_mqtt].\n",
	} {
		if err := os.WriteFile(file(name), []byte(content), 0o600); err != nil {
			return p, "", err
		}
	}
	if err := n.writeCookie(file(".erlang.cookie")); err != nil {
		return p, "", err
	}
	env := []string{
		"HOME=" + n.dir, // of the cookie
		"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C.UTF-8",
		"RUNNING_UNDER_SYSTEMD=true",
		"RABBITMQ_NODENAME=" + n.name,
		"RABBITMQ_CONF_ENV_FILE=" + file("rabbitmq-env.conf"),
		"RABBITMQ_CONFIG_FILE=" + file("rabbitmq.conf"),
		"RABBITMQ_ADVANCED_CONFIG_FILE=" + file("advanced.config"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + file("enabled_plugins"),
		"RABBITMQ_GENERATED_CONFIG_DIR=" + file("generated"),
		"RABBITMQ_MNESIA_BASE=" + file("data"),
		"RABBITMQ_LOG_BASE=" + file("log"),
		"RABBITMQ_DIST_PORT=" + strconv.Itoa(n.dist),
		"ERL_EPMD_ADDRESS=127.0.0.1",
		"ERL_EPMD_PORT=" + strconv.Itoa(n.names),
		// Without inet_dist_use_interface it listens to everybody, and so does a
		// second Erlang that it starts for a moment, to have a name server; the
		// environment is for both.
		"ERL_AFLAGS=-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
		// One scheduler is enough for a test, and threads are dear on two cores.
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 1:1 +A 4",
	}
	return plan{path: script, args: []string{"-noinput"}, env: env, dir: n.dir, address: loopback(n.mqtt), mqtt: true}, version, nil
}

// writeCookie leaves one that is there: Erlang wants it read-only.
func (n *rabbitNode) writeCookie(file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(n.cookie)
	return errors.Join(err, f.Close())
}
