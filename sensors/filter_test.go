package sensors

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

func number(x float64) *float64 { return &x }

func digits(n int) *int { return &n }

// through passes values through the filters of one quantity.
func through(t *testing.T, cfg FilterConfig, values ...float64) []float64 {
	t.Helper()
	p, err := newPipeline(SensorConfig{Filters: map[string]FilterConfig{"temperature": cfg}}, []driver.Channel{{Quantity: reading.Temperature, Decimals: 4}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []float64
	for _, x := range values {
		v := p.run([]float64{x}, time.Time{})
		if len(v) == 0 {
			got = append(got, math.NaN())
			continue
		}
		got = append(got, v[0].Number)
	}
	return got
}

func TestFilters(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct {
		name string
		cfg  FilterConfig
		in   []float64
		want []float64
	}{
		{"none", FilterConfig{}, []float64{1.23456, -0.00001}, []float64{1.2346, 0}},
		{"clamp", FilterConfig{Clamp: &ClampConfig{MinValue: number(0), MaxValue: number(10)}}, []float64{-1, 0, 5, 10, 11}, []float64{0, 0, 5, 10, 10}},
		{"clamp one side", FilterConfig{Clamp: &ClampConfig{MaxValue: number(10)}}, []float64{-100, 11}, []float64{-100, 10}},
		{"clamp drops", FilterConfig{Clamp: &ClampConfig{MinValue: number(0), MaxValue: number(10), IgnoreOutOfRange: true}}, []float64{-1, 0, 10, 11}, []float64{nan, 0, 10, nan}},
		{"median", FilterConfig{Median: &WindowConfig{3}}, []float64{1, 9, 2, 100, 3, 4}, []float64{1, 5, 2, 9, 3, 4}},
		{"offset", FilterConfig{Offset: -0.4}, []float64{20}, []float64{19.6}},
		{"multiply and offset", FilterConfig{Multiply: number(2), Offset: 1}, []float64{20}, []float64{41}},
		{"multiply by nothing", FilterConfig{Multiply: number(0)}, []float64{20}, []float64{0}},
		{"two points", FilterConfig{CalibrateLinear: []string{"0.3 -> 0", "99.1->100"}}, []float64{0.3, 99.1, 49.7, -98.5}, []float64{0, 100, 50, -100}},
		{"many points", FilterConfig{CalibrateLinear: []string{"10 -> 100", "0 -> 0", "20 -> 400"}}, []float64{-1, 0, 5, 10, 15, 20, 30}, []float64{-10, 0, 50, 100, 250, 400, 700}},
		{"polynomial", FilterConfig{CalibratePolynomial: &PolynomialConfig{2, []string{"0 -> 1", "1 -> 6", "2 -> 17", "-1 -> 2"}}}, []float64{3, -2}, []float64{34, 9}},
		{"mean", FilterConfig{SlidingWindowMovingAverage: &WindowConfig{3}}, []float64{3, 6, 9, 12}, []float64{3, 4.5, 6, 9}},
		{"exponential", FilterConfig{ExponentialMovingAverage: &AverageConfig{0.5}}, []float64{10, 20, 20, 20}, []float64{10, 15, 17.5, 18.75}},
		{"round", FilterConfig{Round: digits(1)}, []float64{21.25, -21.25, 1e300}, []float64{21.3, -21.3, 1e300}},
		{"round to tens", FilterConfig{Round: digits(-1)}, []float64{21.25}, []float64{20}},
		{"unit", FilterConfig{Unit: "°F"}, []float64{-40, 100}, []float64{-40, 212}},
		{"order", FilterConfig{
			Clamp: &ClampConfig{MaxValue: number(50), IgnoreOutOfRange: true}, Median: &WindowConfig{3}, Offset: 1, Unit: "°F",
			ExponentialMovingAverage: &AverageConfig{1}, Round: digits(0),
		}, []float64{20, 90, 20.4, 24}, []float64{70, nan, 70, 71}}, // the median of 20, 20.4 is 20.2; of those and 24 it is 20.4
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := through(t, tt.cfg, tt.in...); !near(got, tt.want, 1e-9) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func near(got, want []float64, within float64) bool {
	return slices.EqualFunc(got, want, func(a, b float64) bool {
		return math.IsNaN(a) && math.IsNaN(b) || a == b || math.Abs(a-b) <= within
	})
}

// An invalid value is invalid behind every filter, and leaves no trace in its
// memory: what ESPHome's delta had wrong (esphome #18398).
func TestInvalidPassesThroughAsInvalid(t *testing.T) {
	drop := &ClampConfig{MaxValue: number(100), IgnoreOutOfRange: true}
	for name, cfg := range map[string]FilterConfig{
		"median":      {Median: &WindowConfig{5}},
		"offset":      {Offset: 1},
		"linear":      {CalibrateLinear: []string{"0 -> 1", "1 -> 2"}},
		"polynomial":  {CalibratePolynomial: &PolynomialConfig{1, []string{"0 -> 1", "1 -> 2"}}},
		"mean":        {SlidingWindowMovingAverage: &WindowConfig{5}},
		"exponential": {ExponentialMovingAverage: &AverageConfig{0.1}},
		"unit":        {Unit: "°F"},
		"round":       {Round: digits(0)},
		"delta":       {Delta: 1},
	} {
		with := cfg
		with.Clamp = drop
		got := through(t, with, 20, 21, 1000, 22, 1000, 1000, 20)
		valid := through(t, cfg, 20, 21, 22, 20)
		want := []float64{valid[0], valid[1], math.NaN(), valid[2], math.NaN(), math.NaN(), valid[3]}
		if !near(got, want, 0) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	for _, tt := range []struct {
		cfg  FilterConfig
		want string
	}{
		{FilterConfig{Clamp: &ClampConfig{MinValue: number(5), MaxValue: number(5)}}, "filters.temperature.clamp: min_value 5 is not below max_value 5"},
		{FilterConfig{Median: &WindowConfig{0}}, "filters.temperature.median.window_size: 0 is not from 1 to 1000"},
		{FilterConfig{SlidingWindowMovingAverage: &WindowConfig{1001}}, "filters.temperature.sliding_window_moving_average.window_size: 1001 is not"},
		{FilterConfig{ExponentialMovingAverage: &AverageConfig{0}}, "filters.temperature.exponential_moving_average.alpha: 0 is not above 0"},
		{FilterConfig{CalibrateLinear: []string{"1 -> 2"}}, "filters.temperature.calibrate_linear: one point makes no line"},
		{FilterConfig{CalibrateLinear: []string{"1 -> 2", "1 -> 3"}}, "filters.temperature.calibrate_linear: two points have the measured value 1"},
		{FilterConfig{CalibrateLinear: []string{"1 2"}}, `filters.temperature.calibrate_linear: "1 2" is not a point "measured -> true"`},
		{FilterConfig{CalibrateLinear: []string{"NaN -> 2", "1 -> 1"}}, `filters.temperature.calibrate_linear: "NaN -> 2" is not a point`},
		{FilterConfig{CalibratePolynomial: &PolynomialConfig{0, nil}}, "filters.temperature.calibrate_polynomial: degree 0 is not from 1 to 6"},
		{FilterConfig{CalibratePolynomial: &PolynomialConfig{2, []string{"0 -> 1", "1 -> 2"}}}, "filters.temperature.calibrate_polynomial: degree 2 needs 3 points at least, there are 2"},
		{FilterConfig{As: "time"}, `filters.temperature.as: "time" stands for something else in a payload`},
		{FilterConfig{As: "status"}, `filters.temperature.as: "status" stands for something else among the topics`},
		{FilterConfig{As: "a/b"}, `filters.temperature.as: "a/b" contains '/'`},
		{FilterConfig{Unit: "hPa"}, `filters.temperature.unit: "hPa" is no unit of temperature: °F, K, or °C as it is`},
		{FilterConfig{Round: digits(10)}, "filters.temperature.round: 10 decimals"},
		{FilterConfig{Delta: -1}, "filters.temperature.delta: -1 is no change"},
	} {
		_, err := newPipeline(SensorConfig{Filters: map[string]FilterConfig{"temperature": tt.cfg}}, []driver.Channel{temperature}, nil)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %s", tt.cfg, err, tt.want)
		}
	}
}

func TestPipelineNames(t *testing.T) {
	channels := []driver.Channel{{Quantity: "voltage_0", Max: 5, Decimals: 4}, {Quantity: "voltage_1", Max: 5, Decimals: 4}}
	p, err := newPipeline(SensorConfig{Filters: map[string]FilterConfig{
		"voltage_0": {CalibrateLinear: []string{"2.8 -> 0", "1.2 -> 100"}, As: "moisture", Round: digits(0)},
		"voltage_1": {Internal: true},
	}}, channels, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.run([]float64{2, 1}, time.Time{}); len(got) != 1 || got[0] != (reading.Value{Quantity: reading.Moisture, Number: 50}) {
		t.Errorf("values %v", got)
	}
	for _, tt := range []struct {
		cfg  SensorConfig
		want string
	}{
		{SensorConfig{Filters: map[string]FilterConfig{"voltage_0": {As: "voltage_1"}}}, "filters.voltage_1.as: voltage_0 is published as voltage_1 already"},
		{SensorConfig{Derive: []string{"dew_point"}}, "derive[0]: dew_point needs temperature, which this sensor does not measure"},
		{SensorConfig{Derive: []string{"luck"}}, `derive[0]: "luck" cannot be derived (absolute_humidity, dew_point or sea_level_pressure)`},
	} {
		if _, err := newPipeline(tt.cfg, channels, nil); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}

// A polynomial of the degree of the data is found again, also from badly
// scaled points.
func TestFitFindsThePolynomial(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for degree := 1; degree <= 4; degree++ {
		want := make(polynomial, degree+1)
		for i := range want {
			want[i] = r.Float64()*4 - 2
		}
		var points []point
		for i := range degree + 6 {
			x := float64(i)*3 - 8
			points = append(points, point{x, want.apply(x)})
		}
		if got := fit(points, degree); !near(got, want, 1e-8) {
			t.Errorf("degree %d: %v, want %v", degree, got, want)
		}
	}
}

// Least squares of points that are on no line: the textbook's y = 1.1 + 0.6 x.
func TestFitIsLeastSquares(t *testing.T) {
	got := fit([]point{{1, 2}, {2, 2}, {3, 3}, {4, 3}, {5, 4.5}}, 1)
	if !near(got, []float64{1.1, 0.6}, 1e-12) {
		t.Errorf("%v", got)
	}
}

func TestDerived(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, want float64
		within    float64
	}{
		{"dew point, elixir-sensors calc_test.exs", DewPoint(22, 64), 14.87, 0.01},
		{"dew point of saturated air", DewPoint(-10, 100), -10, 1e-9},
		{"absolute humidity at 20 °C, saturated, 17.3 g/m³ in every table", AbsoluteHumidity(20, 100), 17.3, 0.07},
		{"absolute humidity at 0 °C, saturated, 4.85 g/m³", AbsoluteHumidity(0, 100), 4.85, 0.01},
		{"sea level, elixir-sensors: 49.11 m are 1007.36516 hPa", SeaLevelPressure(1007.36516, 49.11), 1013.25, 0.02},
		{"at the sea", SeaLevelPressure(1000, 0), 1000, 0},
	} {
		if math.Abs(tt.got-tt.want) > tt.within {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	if x := DewPoint(20, 0); !math.IsNaN(x) {
		t.Errorf("dew point of dry air is %v", x)
	}
}

func FuzzParsePoints(f *testing.F) {
	f.Add("0 -> 1", "2.5->-3e2")
	f.Fuzz(func(t *testing.T, a, b string) {
		points, err := parsePoints([]string{a, b})
		if err != nil {
			return
		}
		if y := linear(points).apply(points[0].measured); y != points[0].truth {
			t.Errorf("%q, %q: %v at the first point", a, b, y)
		}
	})
}

func BenchmarkPipeline(b *testing.B) {
	p, err := newPipeline(SensorConfig{Filters: map[string]FilterConfig{
		"temperature": {Median: &WindowConfig{5}, Offset: -0.4, ExponentialMovingAverage: &AverageConfig{0.3}},
	}, Derive: []string{"dew_point"}}, []driver.Channel{temperature, {Quantity: reading.Humidity, Max: 100, Decimals: 1}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	raw := []float64{21.5, 44}
	b.ReportAllocs()
	for b.Loop() {
		p.run(raw, time.Time{})
	}
}
