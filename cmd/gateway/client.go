package main

import (
	"context"
	"errors"
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
	Host      string
	Port      int
	WebSocket bool
	ID        string
	Username  string
	Password  string
	QoS       byte
	Version   string
	KeepAlive int
}

func (c *clientFlags) flags(f *flagSet) {
	f.StringVarP(&c.Host, "host", "h", "127.0.0.1", "`HOST` of the broker to connect to.")
	f.IntVarP(&c.Port, "port", "p", 0, "`PORT` of the broker; default 1883, or 9001 with --ws.")
	f.BoolVar(&c.WebSocket, "ws", false, "Connect over WebSocket.")
	f.StringVarP(&c.ID, "id", "i", "", "Client `ID`; default chosen by chance.")
	f.StringVarP(&c.Username, "username", "u", "", "User `NAME`.")
	f.StringVarP(&c.Password, "password", "P", "", "`PASSWORD` of the user.")
	f.VarP(oneOf(&c.QoS, 0, 1, 2), "qos", "q", "`QOS` of messages: 0, 1 or 2; default 0.")
	c.Version = "311"
	f.VarP(oneOf(&c.Version, "31", "311", "5", "mqttv31", "mqttv311", "mqttv5"), "protocol-version", "V", "MQTT `VERSION`: 31, 311 or 5.")
	f.IntVarP(&c.KeepAlive, "keepalive", "k", 60, "Keep-alive, `SECONDS`.")
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
		return nil, fmt.Errorf("connect to %s: %w%s", where, err, f.whatToDo(err, "; is a broker running there?"))
	}
	c, err := client.Connect(ctx, conn, o)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w%s", where, err, f.whatToDo(err, ""))
	}
	return c, nil
}

// whatToDo is what somebody can do who could not connect; otherwise if nothing
// special is known.
func (f *clientFlags) whatToDo(err error, otherwise string) string {
	var refused *client.ConnectError
	var unknown *net.DNSError
	switch {
	case errors.As(err, &refused):
		switch {
		case refused.Code != packet.NotAuthorized && refused.Code != packet.BadUserNameOrPassword:
			return otherwise
		case f.Username == "":
			return "; -u NAME and -P PASSWORD say who you are"
		}
		return "; are the user name and the password right?"
	case errors.As(err, &unknown) && unknown.IsNotFound:
		return "; is the name right? (-h)"
	}
	return otherwise
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
