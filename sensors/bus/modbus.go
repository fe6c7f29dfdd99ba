package bus

import (
	"fmt"
	"syscall"
	"time"
)

// ModbusTimer is a [ModbusClient] whose patience can be set for each slave.
type ModbusTimer interface {
	// SetTiming is about the requests to unit from now on: answer is the time
	// until the slave has to begin its answer, pause the silence that it needs
	// before a request. 0 is the client's own value.
	SetTiming(unit byte, answer, pause time.Duration)
}

// ModbusException is the error of a slave that has understood a request and
// does not fulfil it: the code of its answer. Modbus application protocol
// V1.1b3, section 7.
type ModbusException byte

// The exceptions that a reader branches on.
const (
	ModbusIllegalAddress ModbusException = 2 // no such register among those asked for
	ModbusIllegalValue   ModbusException = 3 // too many of them at once
)

// modbusExceptions are the specification's names, and what they mean to who
// reads. 7 is of older editions.
var modbusExceptions = map[ModbusException][2]string{
	1:  {"illegal function", "the slave does not have this table; try another, input or holding"},
	2:  {"illegal data address", "the slave has no such register; check table and address in its manual"},
	3:  {"illegal data value", "the slave does not give that many at once"},
	4:  {"server device failure", "the slave failed to read it"},
	5:  {"acknowledge", "the slave takes long and has no answer yet"},
	6:  {"server device busy", "the slave does something else at the moment"},
	7:  {"negative acknowledge", "the slave cannot do it"},
	8:  {"memory parity error", "the slave's memory is damaged"},
	10: {"gateway path unavailable", "the gateway knows no way to this slave; check the gateway's settings"},
	11: {"gateway target device failed to respond", "the slave does not answer the gateway; check its address, power and wires"},
}

func (e ModbusException) Error() string {
	if text, ok := modbusExceptions[e]; ok {
		return fmt.Sprintf("exception %d, %s: %s", byte(e), text[0], text[1])
	}
	return fmt.Sprintf("exception %d, which is not in the specification", byte(e))
}

// Is makes a gateway's word that a slave is silent the same as silence.
func (e ModbusException) Is(target error) bool {
	return e == 11 && target == error(syscall.ETIMEDOUT)
}
