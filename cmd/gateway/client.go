package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/coder/websocket"

	"gateway/broker/client"
	"gateway/broker/packet"
)

// clientFlags are what pub and sub have in common, with the letters of
// mosquitto_pub and mosquitto_sub.
type clientFlags struct {
	Host      string `short:"h" default:"127.0.0.1" help:"Broker to connect to."`
	Port      int    `short:"p" help:"Port of the broker; default 1883, or 9001 with --ws."`
	WebSocket bool   `name:"ws" help:"Connect over WebSocket."`
	ID        string `short:"i" help:"Client id; default chosen by chance."`
	Username  string `short:"u" help:"User name."`
	Password  string `short:"P" help:"Password."`
	QoS       byte   `name:"qos" short:"q" default:"0" enum:"0,1,2" help:"QoS of messages: 0, 1 or 2."`
	Version   string `name:"protocol-version" short:"V" default:"311" enum:"31,311,5,mqttv31,mqttv311,mqttv5" help:"MQTT version: 31, 311 or 5."`
	KeepAlive int    `name:"keepalive" short:"k" default:"60" help:"Keep-alive, s."`
}

// connectTimeout is how long a broker may take to accept a connection.
const connectTimeout = 15 * time.Second

var versions = map[string]packet.Version{
	"31": packet.V31, "311": packet.V311, "5": packet.V5,
	"mqttv31": packet.V31, "mqttv311": packet.V311, "mqttv5": packet.V5,
}

// connect connects as the flags say.
func (f *clientFlags) connect(ctx context.Context, cleanStart bool) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	o := client.Options{
		Version:    versions[f.Version],
		ClientID:   f.ID,
		CleanStart: cleanStart,
		KeepAlive:  time.Duration(f.KeepAlive) * time.Second,
	}
	if f.ID == "" {
		o.ClientID = fmt.Sprintf("gateway-%d-%d", os.Getpid(), time.Now().UnixNano()%1e6)
	}
	if f.Username != "" {
		o.Username = packet.Some(f.Username)
	}
	if f.Password != "" {
		o.Password = []byte(f.Password)
	}
	conn, where, err := f.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w; is a broker running there?", where, err)
	}
	c, err := client.Connect(ctx, conn, o)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", where, err)
	}
	return c, nil
}

// dial opens the connection and tells where to.
func (f *clientFlags) dial(ctx context.Context) (conn net.Conn, where string, err error) {
	port := f.Port
	switch {
	case port != 0:
	case f.WebSocket:
		port = 9001
	default:
		port = 1883
	}
	where = net.JoinHostPort(f.Host, fmt.Sprint(port))
	if f.WebSocket {
		where = "ws://" + where + "/mqtt"
		ws, _, err := websocket.Dial(ctx, where, &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
		if err != nil {
			return nil, where, err
		}
		ws.SetReadLimit(-1)
		return websocket.NetConn(context.WithoutCancel(ctx), ws, websocket.MessageBinary), where, nil
	}
	var d net.Dialer
	conn, err = d.DialContext(ctx, "tcp", where)
	return conn, where, err
}
