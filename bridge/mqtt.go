package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// connectTimeout is how long the upstream may take to accept a connection.
const connectTimeout = 20 * time.Second

// writeTimeout is how long one packet may take to leave.
const writeTimeout = 30 * time.Second

// pahoUpstream is an upstream of MQTT 3.1.1.
type pahoUpstream struct {
	cfg Config
	log *slog.Logger
}

// defaultPorts are those of the schemes an address may have.
var defaultPorts = map[string]string{"mqtt": "1883", "tcp": "1883", "mqtts": "8883", "ssl": "8883", "ws": "80", "wss": "443"}

// brokerURL returns the address with its port.
func brokerURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	port, ok := defaultPorts[u.Scheme]
	if !ok {
		return nil, fmt.Errorf("scheme %q of %q: want mqtt, mqtts, ws or wss", u.Scheme, address)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	return u, nil
}

func (p *pahoUpstream) connect(ctx context.Context) (link, error) {
	u, err := brokerURL(p.cfg.Address)
	if err != nil {
		return nil, err
	}
	password, err := p.password()
	if err != nil {
		return nil, err
	}
	l := &pahoLink{gone: make(chan struct{})}
	o := mqtt.NewClientOptions()
	o.Servers = []*url.URL{u}
	o.SetClientID(p.clientID()).
		SetProtocolVersion(4).
		SetCleanSession(true).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetKeepAlive(p.cfg.KeepAlive).
		SetConnectTimeout(connectTimeout).
		SetWriteTimeout(writeTimeout).
		SetOrderMatters(false).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { l.lose(err) })
	if p.cfg.Username != "" {
		o.SetUsername(p.cfg.Username).SetPassword(password)
	}
	l.client = mqtt.NewClient(o)
	token := l.client.Connect()
	select {
	case <-token.Done():
	case <-ctx.Done():
		l.client.Disconnect(0)
		return nil, ctx.Err()
	}
	if err := token.Error(); err != nil {
		l.client.Disconnect(0)
		return nil, explainConnect(p.cfg.Address, err)
	}
	return l, nil
}

// clientID returns what is configured, or a name that differs between
// gateways: two clients of one id would throw each other out for ever.
func (p *pahoUpstream) clientID() string {
	if p.cfg.ClientID != "" {
		return p.cfg.ClientID
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return "gateway-" + host + "-" + p.cfg.Name
}

func (p *pahoUpstream) password() (string, error) {
	if p.cfg.PasswordFile == "" {
		return p.cfg.Password, nil
	}
	b, err := os.ReadFile(p.cfg.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("password_file: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// explainConnect names the address in what the client says; url.Error and
// net.OpError would say it twice.
func explainConnect(address string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("connect to %s: %w", address, op.Err)
	}
	return fmt.Errorf("connect to %s: %w", address, err)
}

// pahoLink is one connection of one Paho client.
type pahoLink struct {
	client mqtt.Client

	once sync.Once
	gone chan struct{}
	err  error // why, set before gone is closed
}

func (l *pahoLink) lose(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.gone)
	})
}

// publish hands the message to the client. Where the line is lost meanwhile the
// client would wait for writeTimeout: nobody reads the channel any more that it
// writes to. That is not waited for, and ends by itself.
func (l *pahoLink) publish(topic string, qos byte, retain bool, payload []byte) receipt {
	token := make(chan mqtt.Token, 1)
	go func() { token <- l.client.Publish(topic, qos, retain, payload) }()
	select {
	case t := <-token:
		return t
	case <-l.gone:
		return notSent{l}
	}
}

// notSent is the receipt of a message that was not sent because the line was
// lost.
type notSent struct{ l *pahoLink }

func (n notSent) Done() <-chan struct{} { return n.l.gone }
func (n notSent) Error() error          { return n.l.err }

func (l *pahoLink) lost() <-chan struct{} { return l.gone }

func (l *pahoLink) cause() error { return l.err }

// close gives the client a moment to say DISCONNECT.
func (l *pahoLink) close() {
	l.client.Disconnect(100)
	l.lose(errors.New("closed"))
}
