package door

import (
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is how often handshakes look at most whether files have changed.
const lookEvery = 2 * time.Second

// keyring holds the credentials in force, and takes over new ones.
type keyring struct {
	files   TLS
	protos  []string
	log     *slog.Logger
	every   time.Duration
	current atomic.Pointer[credentials]

	mu      sync.Mutex // held while files are looked at and read
	looked  time.Time
	trouble string // why files that changed are not used; logged when it changes
}

func newKeyring(files TLS, protos []string, log *slog.Logger) (*keyring, error) {
	k := &keyring{files: files, protos: protos, log: log, every: lookEvery, looked: time.Now()}
	if err := k.readLocked(); err != nil {
		return nil, err
	}
	return k, nil
}

// server returns the configuration whose handshakes always use the newest
// credentials. It holds the keys of session tickets, which outlive them.
func (k *keyring) server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			return k.fresh().config(hello), nil
		},
	}
}

// reload reads the files. On an error the credentials before stay in force.
func (k *keyring) reload() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.readLocked()
}

// fresh returns the newest credentials there are. One handshake looks at the
// files, and reads them if they have changed; others do not wait for it.
func (k *keyring) fresh() *credentials {
	if !k.mu.TryLock() {
		return k.current.Load()
	}
	defer k.mu.Unlock()
	if time.Since(k.looked) < k.every {
		return k.current.Load()
	}
	k.looked = time.Now()
	if sameStamps(stampsOf(k.files), k.current.Load().files) {
		k.trouble = ""
		return k.current.Load()
	}
	if err := k.readLocked(); err != nil {
		// A pair that is being replaced, perhaps: the next look is soon.
		if text := err.Error(); text != k.trouble {
			k.trouble = text
			k.log.Warn("TLS files have changed and cannot be used; those before stay in force", "error", err)
		}
	} else {
		k.log.Info("TLS files have changed and were read again", "certificate", k.files.Certificate, "expires", k.current.Load().expires)
	}
	return k.current.Load()
}

// readLocked takes over what the files hold now, and warns of what it doubts.
func (k *keyring) readLocked() error {
	c, err := load(k.files, k.protos)
	if err != nil {
		return err
	}
	for _, w := range c.warnings {
		k.log.Warn("TLS: " + w)
	}
	k.trouble = ""
	k.current.Store(c)
	return nil
}
