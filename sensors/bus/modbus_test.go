package bus

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

func TestModbusException(t *testing.T) {
	for code, says := range map[ModbusException]string{
		1:                    "exception 1, illegal function: ",
		ModbusIllegalAddress: "no such register",
		ModbusIllegalValue:   "that many",
		11:                   "check its address",
		9:                    "exception 9, which is not in the specification",
	} {
		err := fmt.Errorf("slave 3: %w", code)
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q does not say %q", err, says)
		}
		if got := errors.Is(err, syscall.ETIMEDOUT); got != (code == 11) {
			t.Errorf("%v is a timeout: %v", err, got)
		}
		if !errors.Is(err, code) || errors.Is(err, code+1) {
			t.Errorf("%v is not told from others", err)
		}
	}
	for code := ModbusException(1); code <= 11; code++ {
		if text, ok := modbusExceptions[code]; ok != (code != 9) || ok && (text[0] == "" || text[1] == "") {
			t.Errorf("exception %d has the texts %q", byte(code), text)
		}
	}
}
