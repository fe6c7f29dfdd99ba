package main

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"gateway/broker/client"
	"gateway/broker/packet"
)

func TestWhatToDoAboutAConnection(t *testing.T) {
	refused := func(code packet.ReasonCode) error {
		return fmt.Errorf("connect: %w", &client.ConnectError{Version: packet.V311, Code: code})
	}
	for _, tt := range []struct {
		user string
		err  error
		want string
	}{
		{"", refused(packet.NotAuthorized), "; -u NAME and -P PASSWORD say who you are"},
		{"ann", refused(packet.NotAuthorized), "; are the user name and the password right?"},
		{"ann", refused(packet.BadUserNameOrPassword), "; are the user name and the password right?"},
		{"", refused(packet.ServerUnavailable), "; else"},
		{"", &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}, "; is the name right? (-h)"},
		{"", &net.OpError{Op: "dial", Err: errors.New("connection refused")}, "; else"},
	} {
		if got := (&clientFlags{Username: tt.user}).whatToDo(tt.err, "; else"); got != tt.want {
			t.Errorf("%v, user %q: %q, want %q", tt.err, tt.user, got, tt.want)
		}
	}
}
