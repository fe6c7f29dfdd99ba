package bustest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

// A chip that does not acknowledge the second transaction.
func ExampleBus() {
	b := bustest.New(map[uint16]bustest.Chip{0x44: bustest.NewSHT4x()})
	b.Inject(bustest.NACK(bustest.Nth(1)))
	serial := make([]byte, 6)
	for range 2 {
		_ = b.Tx(0x44, []byte{0x89}, serial)
	}
	for _, tx := range b.Log() {
		fmt.Println(tx)
	}
	// Output:
	// 0: 44 W 89 R 12 34 37 56 78 7D
	// 1: 44 W 89 R 00 00 00 00 00 00: injected: no acknowledgement: no such device or address
}

// An HC-SR04 a metre from a wall: the echo lasts as long as its output is
// high, 58 µs for a centimetre.
func ExampleLines() {
	l := bustest.NewLines()
	now := time.Now().Add(-time.Second) // all of it is over
	l.OnSet("GPIO23", func(high bool) {
		if !high {
			l.SetLevel("GPIO24", true, now)
			l.SetLevel("GPIO24", false, now.Add(5800*time.Microsecond))
		}
	})
	echo, _ := l.Input("24", bus.InputOptions{Rising: true, Falling: true})
	trigger, _ := l.Output("23", false)
	trigger.Set(true)
	trigger.Set(false)
	up, _ := echo.Edge(context.Background(), 0)
	down, _ := echo.Edge(context.Background(), 0)
	fmt.Println(down.Time.Sub(up.Time))
	_, err := echo.Edge(context.Background(), 0)
	fmt.Println(errors.Is(err, bus.ErrNoEdge))
	// Output:
	// 5.8ms
	// true
}

// A device that answers, until it is unplugged.
func ExampleSerial() {
	s := bustest.NewSerial()
	s.OnWrite(func(w []byte) { s.Send(0, w[0]^0xFF) })
	port, _ := s.Open(bus.SerialMode{Baud: 9600})
	port.SetReadTimeout(0)
	port.Write([]byte{0x01})
	answer := make([]byte, 8)
	n, err := port.Read(answer)
	fmt.Printf("% X %v\n", answer[:n], err)
	_, err = port.Read(answer)
	fmt.Println(err)
	s.Unplug()
	_, err = port.Read(answer)
	fmt.Println(err)
	// Output:
	// FE <nil>
	// nothing received in time
	// the fake serial port is unplugged: input/output error
}
