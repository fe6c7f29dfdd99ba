package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/coder/websocket"
)

// subprotocols of MQTT [MQTT-6.0.0-3]; old servers of MQTT 3.1 know the second
// only. A server that names none is believed to speak MQTT all the same.
var subprotocols = []string{"mqtt", "mqttv3.1"}

// upgrade makes a WebSocket of nc, and a byte stream of its binary messages.
func upgrade(ctx context.Context, nc net.Conn, to target) (net.Conn, error) {
	taken := false
	client := &http.Client{
		Transport: &http.Transport{
			// TLS, if there is any, has been agreed on below.
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				if taken {
					return nil, errors.New("the connection is used")
				}
				taken = true
				return nc, nil
			},
			MaxResponseHeaderBytes: 64 << 10,
		},
		// The address is the person's to correct, and the certificate was for this one.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	ws, answer, err := websocket.Dial(ctx, "ws://"+to.httpHost()+to.uri, &websocket.DialOptions{HTTPClient: client, Subprotocols: subprotocols})
	switch {
	case err == nil:
		return websocket.NetConn(context.WithoutCancel(ctx), ws, websocket.MessageBinary), nil
	case answer != nil && answer.StatusCode != http.StatusSwitchingProtocols:
		return nil, &upgradeError{uri: to.uri, status: answer.StatusCode, location: answer.Header.Get("Location")}
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err // what is before it names the address in another way
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return nil, fmt.Errorf("WebSocket handshake: %w", err)
}

// upgradeError is that the server did not want to speak WebSocket.
type upgradeError struct {
	uri      string
	status   int
	location string
}

func (e *upgradeError) Error() string {
	return fmt.Sprintf("WebSocket handshake: the server answers %d %s for %s", e.status, http.StatusText(e.status), e.uri)
}

// withAsked notes with an end of the connection that the server wanted a
// certificate: in TLS 1.3 it says only later what it thinks of having got none.
func withAsked(err error, asked bool) error {
	if asked && (isEnd(err) || isAlert(err)) {
		return &handshakeError{err, true}
	}
	return err
}
