package sensors

import (
	"errors"
	"math"
	"testing"

	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

func TestPlausible(t *testing.T) {
	channels := []driver.Channel{
		{Quantity: reading.Temperature, Min: -40, Max: 85, Decimals: 2},
		{Quantity: reading.Humidity, Min: 0, Max: 100, Decimals: 1},
	}
	if err := plausible(channels, []float64{21.5349, 43.75}); err != nil {
		t.Error(err)
	}
	for _, test := range []struct {
		raw  []float64
		want string
	}{
		{[]float64{-144.1, 50}, "temperature is -144.1 °C, which it cannot measure (-40 to 85 °C)"},
		{[]float64{20, 100.5}, "humidity is 100.5 %, which it cannot measure (0 to 100 %)"},
		{[]float64{math.NaN(), 50}, "temperature is NaN °C, which it cannot measure (-40 to 85 °C)"},
	} {
		err := plausible(channels, test.raw)
		var implausible *ImplausibleError
		if !errors.As(err, &implausible) || err.Error() != test.want {
			t.Errorf("plausible(%v) = %v; want %q", test.raw, err, test.want)
		}
	}
}

func TestImplausibleWithoutUnit(t *testing.T) {
	err := &ImplausibleError{driver.Channel{Quantity: reading.Load, Max: 100}, -1}
	if got, want := err.Error(), "load is -1, which it cannot measure (0 to 100)"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}

func TestPlausibleIncludesTheBounds(t *testing.T) {
	c := driver.Channel{Min: -40, Max: 85}
	for x, want := range map[float64]bool{
		-40: true, 85: true, 0: true, -40.001: false, 85.001: false, math.Inf(1): false, math.Inf(-1): false,
	} {
		if got := inRange(c, x); got != want {
			t.Errorf("plausible(%v) = %v", x, got)
		}
	}
	if inRange(driver.Channel{Min: math.Inf(-1), Max: math.Inf(1)}, math.Inf(1)) {
		t.Error("infinity is plausible for a channel without bounds")
	}
}

func TestRound(t *testing.T) {
	for _, test := range []struct {
		x        float64
		decimals int
		want     float64
	}{
		{21.53456, 2, 21.53}, {21.535001, 2, 21.54}, {-21.535001, 2, -21.54}, {1013.25, 0, 1013},
		{0.05, 1, 0.1}, {1234567, -3, 1235000}, {1e300, 10, 1e300}, {0.1 + 0.2, 1, 0.3},
	} {
		if got := round(test.x, test.decimals); got != test.want {
			t.Errorf("round(%v, %d) = %v, want %v", test.x, test.decimals, got, test.want)
		}
	}
	if math.Signbit(round(-0.001, 1)) {
		t.Error("-0.001 rounds to -0, which shows as \"-0\"")
	}
}
