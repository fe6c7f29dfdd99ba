//go:build !linux && !darwin && !freebsd

package machine

import "errors"

func diskSize(string) (total, free float64, err error) {
	return 0, 0, errors.New("how full a disk is cannot be asked on this system")
}
