package reading_test

import (
	"fmt"
	"time"

	"gateway/sensors/reading"
)

func Example() {
	path, err := reading.NewPath("home", "kitchen", "climate")
	if err != nil {
		fmt.Println(err)
		return
	}
	r := reading.Reading{
		Path:   path,
		Time:   time.Date(2026, 11, 23, 4, 5, 6, 789_000_000, time.UTC),
		Values: []reading.Value{{Quantity: reading.Temperature, Number: 21.53}},
	}
	payload, err := r.AppendPayload(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %s\n", path, payload)
	// Output: home/kitchen/climate {"time":"2026-11-23T04:05:06.789Z","temperature":21.53}
}
