package broker

import (
	"errors"
	"fmt"

	"gateway/broker/auth"
)

// CheckFiles tells everything that is wrong with the files that c names:
// passwords, rules and certificates. Each error begins with the key, a colon
// and a space. Validate has found nothing.
func (c Config) CheckFiles() error {
	_, err := auth.Open(c.Auth)
	errs := []error{under("auth.", err)}
	for i, l := range c.Listeners {
		key := fmt.Sprintf("listeners[%d].", i)
		if l.Auth != nil {
			_, err := auth.Open(*l.Auth)
			errs = append(errs, under(key+"auth.", err))
		}
		if l.TLS != nil {
			errs = append(errs, under(key+"tls.", l.TLS.Check()))
		}
	}
	return errors.Join(errs...)
}
