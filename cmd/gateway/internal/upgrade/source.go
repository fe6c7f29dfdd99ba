package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// How many bytes the parts of a release may have.
const (
	maxSignature = 4 << 10
	maxSums      = 1 << 20
	maxArchive   = 64 << 20
	maxBinary    = 128 << 20
)

// maxWait is how long a download may take, on a slow line.
const maxWait = time.Hour

// source is a folder with a release, and which file of it is wanted ("": the
// best one).
type source struct {
	folder string   // on disk
	url    *url.URL // else
	want   string
}

// parseSource reads FILE, FOLDER or URL. What ends in .tar.gz is an archive; a
// folder has its SHA256SUMS beside it.
func parseSource(arg string) (source, error) {
	if !strings.Contains(arg, "://") {
		info, err := os.Stat(arg)
		if err != nil {
			return source{}, err
		}
		if info.IsDir() {
			return source{folder: arg}, nil
		}
		return source{folder: filepath.Dir(arg), want: filepath.Base(arg)}, nil
	}
	u, err := url.Parse(arg)
	if err != nil {
		return source{}, err
	}
	if err := safe(u); err != nil {
		return source{}, err
	}
	s := source{url: u}
	if path, file := splitURL(u.Path); strings.HasSuffix(file, ".tar.gz") {
		u.Path, s.want = path, file
	} else if file != "" {
		u.Path += "/"
	}
	u.RawPath = ""
	return s, nil
}

// splitURL parts a path after the last slash.
func splitURL(path string) (folder, file string) {
	i := strings.LastIndexByte(path, '/') + 1
	return path[:i], path[i:]
}

// safe lets through what nobody on the way can read or change. The signature
// would tell, but not who sees which version a gateway has.
func safe(u *url.URL) error {
	switch {
	case u.Scheme == "https" && u.Host != "":
		return nil
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%s: want https://, or http:// of this machine itself", u.Redacted())
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// read returns a file of the release, of at most so many bytes.
func (s source) read(ctx context.Context, name string, most int64) ([]byte, error) {
	where := s.name(name)
	r, err := s.open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes, which no release has", where, most)
	}
	return b, nil
}

// name is where a file of the release is, without a password.
func (s source) name(file string) string {
	if s.url == nil {
		return filepath.Join(s.folder, file)
	}
	return s.at(file).Redacted()
}

func (s source) at(file string) *url.URL {
	u := *s.url
	u.Path += file
	return &u
}

func (s source) open(ctx context.Context, name string) (io.ReadCloser, error) {
	if s.url == nil {
		return os.Open(filepath.Join(s.folder, name))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.at(name).String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := client().Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s: the server says %s", s.name(name), resp.Status)
	}
	return resp.Body, nil
}

// client follows no redirection to where the first URL may not be; it uses the
// proxy that the environment names.
func client() *http.Client {
	return &http.Client{Timeout: maxWait, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return errors.New("redirected ten times")
		}
		return safe(r.URL)
	}}
}
