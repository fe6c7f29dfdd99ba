package scan_test

import (
	"context"
	"fmt"
	"testing/fstest"

	"periph.io/x/conn/v3/i2c"

	"gateway/sensors/bus/bustest"
	"gateway/sensors/scan"
)

// A bus with one chip, and the configuration for it.
func Example() {
	chips := bustest.New(map[uint16]bustest.Chip{0x44: bustest.NewSHT4x()})
	places, err := scan.Scan(context.Background(), scan.Deps{
		OpenI2C: func(string) (i2c.BusCloser, error) { return chips, nil },
		Root:    fstest.MapFS{},
		Buses:   []string{"i2c-1"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var names scan.Names
	for _, p := range places {
		fmt.Print(p.Block("kitchen", &names))
	}
	// Output:
	// # SHT4x, serial number 12345678
	// - driver: sht4x
	//   room: kitchen
	//   name: sht4x
	//   bus: i2c-1
	//   address: 0x44
}
