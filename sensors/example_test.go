package sensors_test

import (
	"context"
	"fmt"
	"log/slog"

	"gateway/sensors"
	"gateway/sensors/reading"
)

// A house with one sensor, which is read until its first reading has come.
func Example() {
	cfg := sensors.Config{Site: "home", Sensors: []sensors.SensorConfig{{
		Driver: "sim", Room: "kitchen", Name: "climate",
		Derive: []string{"dew_point"},
	}}}
	if err := cfg.Validate(); err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	s, err := sensors.New(cfg, sensors.Deps{
		Log: slog.New(slog.DiscardHandler),
		Publish: func(r sensors.Report) {
			for _, v := range r.Reading.Values {
				fmt.Println(r.Reading.Path, v.Quantity, v.Quantity.Unit())
			}
			stop()
		},
		Status: func(p reading.Path, s reading.Status) { fmt.Println(p, s) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := s.Run(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// home/kitchen/climate temperature °C
	// home/kitchen/climate humidity %
	// home/kitchen/climate dew_point °C
	// home/kitchen/climate online
	// home/kitchen/climate offline
}

func ExampleSensors_ReadOnce() {
	s, err := sensors.New(sensors.Demo(), sensors.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range s.ReadOnce(context.Background())[:3] {
		fmt.Println(r.Path, r.Driver.Name, r.Err)
	}
	// Output:
	// demo/living_room/climate sim <nil>
	// demo/living_room/co2 sim <nil>
	// demo/living_room/light sim <nil>
}

func ExampleConfig_Validate() {
	cfg := sensors.Config{Sensors: []sensors.SensorConfig{
		{Driver: "bme280", Room: "kitchen", Address: 0x75},
		{Driver: "sim"},
	}}
	fmt.Println(cfg.Validate())
	// Output:
	// sensors[0].address: 0x75 is not an address of bme280 (0x76 or 0x77)
	// sensors[1].room: is missing; the room is the second level of the topic site/room/sensor
}

func ExampleDewPoint() {
	fmt.Printf("%.2f °C\n", sensors.DewPoint(22, 64))
	// Output: 14.87 °C
}
