package sensors

import (
	"maps"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

func TestDemoIsAHouse(t *testing.T) {
	c := Demo()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if c.Site != "demo" || len(c.Sensors) != 15 {
		t.Fatalf("site %q, %d sensors", c.Site, len(c.Sensors))
	}
	rooms, topics, seeds := map[string]bool{}, map[reading.Path]bool{}, map[string]bool{}
	profiles, failing, silent := map[string]int{}, 0, 0
	for i, s := range c.Sensors {
		p, err := reading.NewPath(c.Site, s.Room, s.Name)
		if err != nil {
			t.Fatalf("sensor %d: %v", i, err)
		}
		if topics[p] {
			t.Errorf("%s is there twice", p)
		}
		if seeds[s.Options["seed"]] {
			t.Errorf("%s: another sensor has the seed %s", p, s.Options["seed"])
		}
		rooms[s.Room], topics[p], seeds[s.Options["seed"]] = true, true, true
		if s.Interval < 2*time.Second || s.Interval > 10*time.Second {
			t.Errorf("%s: interval %v", p, s.Interval)
		}
		profiles[s.Options["profile"]]++
		switch s.Options["fail"] {
		case "", "never":
		case "sometimes":
			failing++
		case "silent":
			silent++
		default:
			t.Errorf("%s: fail is %q", p, s.Options["fail"])
		}
	}
	want := []string{"bathroom", "bedroom", "cellar", "garden", "kitchen", "living_room"}
	if got := slices.Sorted(maps.Keys(rooms)); !slices.Equal(got, want) {
		t.Errorf("rooms %v, want %v", got, want)
	}
	if failing != 1 || silent != 1 {
		t.Errorf("%d sensors fail at times, and %d are silent; want 1 and 1", failing, silent)
	}
	if profiles["motion"] < 2 || profiles["power"] != 1 || profiles["outdoor"] != 1 {
		t.Errorf("profiles %v", profiles)
	}
}

// What the demo shows is what the driver can do.
func TestDemoShowsEveryProfile(t *testing.T) {
	d, ok := driver.Lookup("sim")
	if !ok {
		t.Fatal("no driver sim")
	}
	shown := map[string]bool{}
	for _, s := range Demo().Sensors {
		shown[s.Options["profile"]] = true
	}
	for _, o := range d.Options {
		for _, name := range o.Allowed {
			if o.Name == "profile" && !shown[name] {
				t.Errorf("profile %s is nowhere in the house", name)
			}
		}
	}
}

func TestDemoIsTheCallers(t *testing.T) {
	Demo().Sensors[0].Options["fail"] = "always"
	if fail := Demo().Sensors[0].Options["fail"]; fail != "" {
		t.Errorf("what one caller changed, the next one gets: fail %q", fail)
	}
}

func TestDemoMeasures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range Demo().Sensors {
			out, channels := measureDemo(t, c)
			for i, v := range out {
				if ch := channels[i]; math.IsNaN(v) || v < ch.Min || v > ch.Max {
					t.Errorf("%s/%s: %s is %v, range %v to %v", c.Room, c.Name, ch.Quantity, v, ch.Min, ch.Max)
				}
			}
		}
	})
}

// measureDemo opens the sensor as the scheduler would, with the defaults of
// its driver, and returns its first measurement that does not fail.
func measureDemo(t *testing.T, c SensorConfig) ([]float64, []driver.Channel) {
	t.Helper()
	d, ok := driver.Lookup(c.Driver)
	if !ok || !d.Simulated || d.Bus != bus.None {
		t.Fatalf("%s/%s: driver %q needs more than a computer", c.Room, c.Name, c.Driver)
	}
	slot := &bus.Slot{Name: c.Bus, Options: map[string]string{}}
	for _, o := range d.Options {
		slot.Options[o.Name] = o.Default
	}
	maps.Copy(slot.Options, c.Options)
	s, err := d.Open(t.Context(), slot)
	if err != nil {
		t.Fatalf("%s/%s: %v", c.Room, c.Name, err)
	}
	channels := s.(driver.Channeler).Channels()
	out := make([]float64, len(channels))
	for range 3 * time.Minute / c.Interval {
		if err = s.Measure(t.Context(), out); err == nil {
			return out, channels
		}
		time.Sleep(c.Interval)
	}
	t.Fatalf("%s/%s: %v for three minutes", c.Room, c.Name, err)
	return nil, nil
}
