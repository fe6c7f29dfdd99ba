package door

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// program returns the path of a program that the test needs. Without it the
// test is skipped, or fails if GATEWAY_TEST_ALL is set.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("GATEWAY_TEST_ALL") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// Other TLS stacks than Go's come in, with the user name of their certificate.
func TestOtherClients(t *testing.T) {
	p := newPKI(t)
	p.askClients(t)
	p.tls.RequireCertificate, p.tls.UsernameFrom = true, "cn"
	d := open(t, Options{TLS: &p.tls})
	host, port, _ := strings.Cut(d.Addr().String(), ":")
	cert := p.ca.issue(t, "pump 1", nil)
	certFile, keyFile := write(t, p.folder, "client.pem", certPEM(cert)), write(t, p.folder, "client.key", keyPEM(t, cert.PrivateKey))

	for name, args := range map[string][]string{
		"openssl": {"s_client", "-quiet", "-verify_return_error", "-connect", host + ":" + port, "-CAfile", p.tls.ClientCA, "-cert", certFile, "-key", keyFile,
			"-verify_ip", host, "-alpn", "x-amzn-mqtt-ca"},
		"mosquitto_sub": {"-h", host, "-p", port, "--cafile", p.tls.ClientCA, "--cert", certFile, "--key", keyFile, "-t", "x", "-i", "test", "-V", "311"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, program(t, name), args...)
			cmd.Stdin = strings.NewReader("\x10") // of openssl, which goes on reading from us
			var said strings.Builder
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			server := accept(t, d)
			first := make([]byte, 1)
			err := server.Handshake(ctx)
			if err == nil {
				_, err = io.ReadFull(server, first)
			}
			peer := server.Peer()
			server.Close()
			cancel()
			_ = cmd.Wait() // we hung up, which is an error to it
			if err != nil {
				t.Fatalf("%v; it says\n%s", err, said.String())
			}
			if first[0] != 0x10 || peer.Certificate != "pump 1" {
				t.Errorf("first byte is %#x, user name %q", first[0], peer.Certificate)
			}
		})
	}
}
