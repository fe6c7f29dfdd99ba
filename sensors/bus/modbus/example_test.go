package modbus_test

import (
	"context"
	"errors"
	"fmt"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
	"gateway/sensors/bus/modbus"
)

func Example() {
	line := bustest.NewModbus(map[byte]*bustest.ModbusSlave{
		3: {Input: map[uint16]uint16{0: 2305, 1: 4}},
	})
	client, err := modbus.New("tcp://192.168.1.20", modbus.Options{Dial: line.DialTCP})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	registers, err := client.ReadRegisters(context.Background(), 3, bus.InputRegisters, 0, 2)
	fmt.Println(registers, err)

	_, err = client.ReadRegisters(context.Background(), 3, bus.InputRegisters, 7, 1)
	fmt.Println(err)
	fmt.Println(errors.Is(err, bus.ModbusIllegalAddress))
	// Output:
	// [2305 4] <nil>
	// slave 3, input register 0x0007: exception 2, illegal data address: the slave has no such register; check table and address in its manual
	// true
}
