// A page that tells values: of a device in the house, of a service.
//
//	chip      none
//	bus       HTTP/1.1, HTTP/2 over TLS
//	content   JSON, a number, or lines of key and value; see extract.go
//
// Redirects are followed on the same host only, so that what a device says
// cannot make the gateway ask others. Every measurement has a connection of
// its own: small devices have room for few, and some never let go of one.

package driver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gateway/sensors/bus"
)

var _ = register(Driver{
	Name:      "http",
	Title:     "A page that tells values, polled",
	Datasheet: "RFC 9110; the content is JSON, a number, or lines of key and value",
	Bus:       bus.None,
	Channels:  anyChannels(),
	Dynamic:   true,
	Options: []Option{
		{Name: "url", Required: true, Example: "http://192.168.1.20/rpc/Shelly.GetStatus", Doc: "The page, http:// or https://."},
		{Name: "timeout", Default: "10s", Type: Duration, Min: 0.1, Max: 120, Doc: "Time after which an answer is not waited for any longer."},
		{Name: "headers_file", Doc: "A file, from / on, with header lines to send (Authorization: Bearer …), so that no secret is in the configuration; " +
			"a line without a colon is a bearer token."},
		valuesOption(),
	},
	Notes: "Shelly Gen2 and later: url http://ADDRESS/rpc/Shelly.GetStatus, values \"switch:0.apower=power, switch:0.voltage=voltage, temperature:0.tC=temperature\". " +
		"Shelly Gen1: url http://ADDRESS/status, values \"meters.0.power=power, tmp.tC=temperature\". " +
		"Tasmota: url http://ADDRESS/cm?cmnd=Status%208, values \"StatusSNS.ENERGY.Power=power, StatusSNS.AM2301.Temperature=temperature\". " +
		"ESPHome with web_server: url http://ADDRESS/sensor/NAME, values \"value=temperature\". " +
		"A name and password may stand in the url (http://name:password@…); digest authentication is not spoken. Proxies are not used.",
	Open: openHTTP,
	Check: func(o map[string]string) error {
		_, err := pageURL(o)
		if o["headers_file"] != "" {
			_, err2 := filePath(o, "headers_file", "/etc/gateway/weather-token")
			err = errors.Join(err, err2)
		}
		return errors.Join(err, checkValues(o))
	},
})

// page is a page that can be asked for.
type page struct {
	url     *url.URL
	headers http.Header
	timeout time.Duration
	client  *http.Client
}

func openHTTP(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	u, err := pageURL(o)
	if err != nil {
		return nil, err
	}
	p := &page{url: u, headers: make(http.Header), timeout: o.duration("timeout"), client: &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: checkRedirect,
	}}
	if o["headers_file"] != "" {
		name, err := filePath(o, "headers_file", "/etc/gateway/weather-token")
		if err != nil {
			return nil, err
		}
		if err := p.readHeaders(slot.Root, name); err != nil {
			return nil, fmt.Errorf("option headers_file: %w", err)
		}
	}
	return openPolled(ctx, p.String(), o["values"], p.ask)
}

// pageURL returns the option url.
func pageURL(o options) (*url.URL, error) {
	u, err := parsePageURL(o["url"])
	if err != nil {
		return nil, fmt.Errorf("option url: %w", err)
	}
	return u, nil
}

func parsePageURL(s string) (*url.URL, error) {
	if s == "" {
		return nil, errors.New("is missing; write for example http://192.168.1.20/status")
	}
	u, err := url.Parse(s)
	secret := strings.Contains(s, "@") // perhaps: what it is taken for may be a part of it
	switch {
	case err != nil && secret:
		return nil, errors.New("it is no url: in name and password of http://name:password@host/ write / as %2F, # as %23, ? as %3F, @ as %40, and % as %25")
	case err != nil:
		var reason *url.Error
		if errors.As(err, &reason) {
			err = reason.Err // without the url, which may hold a password
		}
		return nil, fmt.Errorf("it is no url: %w", err)
	}
	wrong := u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == ""
	switch {
	case wrong && secret:
		return nil, errors.New("it is neither http://host/… nor https://host/…")
	case wrong:
		return nil, fmt.Errorf("%q is neither http://host/… nor https://host/…", u.Redacted())
	}
	return u, nil
}

// String is the page for people, without what may be secret in it: name and
// password, the query, and the path, in which a Philips Hue has its key. Errors
// are published.
func (p *page) String() string { return fmt.Sprintf("page %s://%s/…", p.url.Scheme, p.url.Host) }

// readHeaders reads the file with headers.
func (p *page) readHeaders(root fs.FS, name string) error {
	b, err := content(root, name)
	if err != nil {
		return err
	}
	number := 0
	for line := range strings.Lines(string(b)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			key, value = "Authorization", "Bearer "+line
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if key == "" || strings.ContainsAny(key, " \t\"(),/;<=>?@[]{}") || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("/%s: line %d is no header, which is Name: value", name, number) // not what it is: it may be secret
		}
		p.headers.Add(key, value)
	}
	return nil
}

// ask gets the page.
func (p *page) ask(ctx context.Context) (polledDocument, error) {
	began := time.Now()
	late := fmt.Errorf("no answer within the option timeout, %v", p.timeout)
	limited, cancel := context.WithTimeoutCause(ctx, p.timeout, late)
	defer cancel()
	b, err := p.get(limited)
	if err == nil {
		return polledDocument{b, began}, nil
	}
	switch {
	case ctx.Err() != nil:
		return polledDocument{}, ctx.Err()
	case errors.Is(context.Cause(limited), late):
		err = late
	}
	return polledDocument{}, fmt.Errorf("%s: %w", p, err)
}

func (p *page) get(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header = p.headers.Clone()
	if request.Header.Get("Accept") == "" {
		request.Header.Set("Accept", "application/json, text/plain;q=0.9, */*;q=0.5")
	}
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "gateway")
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
	}
	answer, err := p.client.Do(request)
	if err != nil {
		var reason *url.Error
		if errors.As(err, &reason) {
			err = reason.Err // without the url, whose query may be secret
		}
		return nil, err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("it answers %s; put what it wants to see into a file and name that in the option headers_file", status(answer))
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers %s", status(answer))
	}
	return readDocument(answer.Body)
}

// status is the status of an answer in the words of the RFC, not of whoever
// answers.
func status(answer *http.Response) string {
	return strings.TrimSpace(fmt.Sprint(answer.StatusCode, " ", http.StatusText(answer.StatusCode)))
}

// checkRedirect lets a page move on its own host, and from http to https.
func checkRedirect(to *http.Request, via []*http.Request) error {
	if len(via) > 3 {
		return errors.New("it redirects more than 3 times")
	}
	if from := via[0].URL; !samePlace(from, to.URL) {
		return fmt.Errorf("it redirects to %s://%s, which is another host; write that into the option url if you trust it", to.URL.Scheme, to.URL.Host)
	}
	return nil
}

// samePlace tells whether to is on the host and port of from, or on the same
// host over TLS, on the ports that are usual for both.
func samePlace(from, to *url.URL) bool {
	if from.Scheme == to.Scheme {
		return strings.EqualFold(hostPort(from), hostPort(to))
	}
	return from.Scheme == "http" && to.Scheme == "https" && strings.EqualFold(from.Hostname(), to.Hostname()) &&
		strings.HasSuffix(hostPort(from), ":80") && strings.HasSuffix(hostPort(to), ":443")
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
