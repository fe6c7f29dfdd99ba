package bustest

import (
	"fmt"
	"syscall"
)

// Fault is something that goes wrong on the bus.
type Fault struct {
	When  func(Tx) bool  // which transactions, asked before they happen; nil for all
	Err   error          // if not nil, the transaction does not reach the chip and fails with it
	Spoil func(r []byte) // changes what was read, in place; needed if Err is nil
}

// faultsOf returns those of the faults that spoil what tx reads, or the error
// of the first that prevents it.
func faultsOf(faults []Fault, tx Tx) (spoil []Fault, err error) {
	for _, f := range faults {
		if f.When != nil && !f.When(tx) {
			continue
		}
		if f.Err != nil {
			return nil, f.Err
		}
		spoil = append(spoil, f)
	}
	return spoil, nil
}

func spoilAll(faults []Fault, r []byte) {
	for _, f := range faults {
		f.Spoil(r)
	}
}

// Nth picks the transaction number n, counting from 0.
func Nth(n int) func(Tx) bool {
	return func(tx Tx) bool { return tx.N == n }
}

// From picks the transaction number n and all after it.
func From(n int) func(Tx) bool {
	return func(tx Tx) bool { return tx.N >= n }
}

// Wrote picks transactions that begin by writing prefix: a register's number,
// or a command.
func Wrote(prefix ...byte) func(Tx) bool {
	return func(tx Tx) bool {
		return len(tx.W) >= len(prefix) && string(tx.W[:len(prefix)]) == string(prefix)
	}
}

// NACK is a chip that does not answer.
func NACK(when func(Tx) bool) Fault {
	return Fault{When: when, Err: fmt.Errorf("injected: no acknowledgement: %w", ErrNACK)}
}

// Timeout is a bus that hangs. The error comes at once: a fake that took the
// kernel's second would test nothing more.
func Timeout(when func(Tx) bool) Fault {
	return Fault{When: when, Err: fmt.Errorf("injected: bus hangs: %w", syscall.ETIMEDOUT)}
}

// Fill makes every byte that is read v: 0xFF is a bus that nobody drives, 0
// one that is held low.
func Fill(when func(Tx) bool, v byte) Fault {
	return Fault{When: when, Spoil: func(r []byte) {
		for i := range r {
			r[i] = v
		}
	}}
}

// Flip inverts one bit of what is read: bit 0 is the first on the wire, the
// most significant of the first byte. Bits beyond the end are none.
func Flip(when func(Tx) bool, bit int) Fault {
	return Fault{When: when, Spoil: func(r []byte) {
		if bit/8 < len(r) {
			r[bit/8] ^= 0x80 >> (bit % 8)
		}
	}}
}

// Fails is a transaction that fails with err.
func Fails(when func(Tx) bool, err error) Fault {
	return Fault{When: when, Err: err}
}
