package driver

import (
	"encoding/binary"
	"fmt"
)

// unhexedRegisters returns the n registers of 16 bits of a vector.
func unhexedRegisters(in string, n int) ([]uint16, error) {
	b, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	if len(b) != 2*n {
		return nil, fmt.Errorf("%d bytes, want %d registers", len(b), n)
	}
	all := make([]uint16, n)
	for i := range all {
		all[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return all, nil
}

// oneRegister makes a vector's decode of a conversion that cannot fail.
func oneRegister(convert func(uint16) float64) func(string) ([]float64, error) {
	return func(in string) ([]float64, error) {
		r, err := unhexedRegisters(in, 1)
		if err != nil {
			return nil, err
		}
		return []float64{convert(r[0])}, nil
	}
}
