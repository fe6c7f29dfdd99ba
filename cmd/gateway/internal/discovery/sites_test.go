package discovery

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"gateway/broker"
)

const cabin = "homeassistant/device/gateway_cabin-kitchen-climate/config"

// renamed announces home, and then what there is after a restart as cabin, with
// another configuration. meanwhile is called between the two, after the second has
// looked at what is retained.
func renamed(t *testing.T, cfg Config, folder string, meanwhile func(*testing.T, *broker.Broker)) *broker.Broker {
	t.Helper()
	b := newTree()
	put(t, b, metaTopic, meta)
	start(t, makeAt(b, Default(), "home", folder))()
	if retained(b, climate) == "" || retained(b, hubs) == "" {
		t.Fatalf("announced %v", topics(b))
	}
	put(t, b, metaTopic, "")
	put(t, b, "cabin/kitchen/climate/meta", meta)
	second := makeAt(b, cfg, "cabin", folder)
	meanwhile(t, b)
	start(t, second)()
	return b
}

func nothing(*testing.T, *broker.Broker) {}

func TestSiteIsRenamedWhileOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		b := renamed(t, Default(), folder, nothing)
		if got := topics(b); len(got) != 2 || retained(b, cabin) == "" {
			t.Errorf("announced %v, want the two of cabin", got)
		}
		if got, err := os.ReadFile(filepath.Join(folder, sitesFile)); string(got) != "[\"cabin\"]\n" || err != nil {
			t.Errorf("the sites are %s, %v", got, err)
		}
		other := Default()
		other.Prefix, other.Discovery = "a/b", ByComponent
		for _, cfg := range []Config{other, {Off, "a/b", "x"}} {
			for _, topic := range topics(renamed(t, cfg, t.TempDir(), nothing)) {
				if cfg.Discovery == Off || topic[:4] != "a/b/" {
					t.Errorf("%s: %s is there", cfg.Discovery, topic)
				}
			}
		}
	})
}

// What nobody noted, or somebody else has put there, is not ours to clear.
func TestAnotherSiteOfSomebodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const foreign = `{"origin":{"name":"zigbee2mqtt"},"device":{"identifiers":["gateway_home"]}}`
		b := renamed(t, Default(), t.TempDir(), func(t *testing.T, b *broker.Broker) { put(t, b, hubs, foreign) })
		if retained(b, hubs) != foreign || retained(b, climate) != "" || retained(b, cabin) == "" {
			t.Errorf("announced %v", topics(b))
		}
		if b := renamed(t, Default(), "", nothing); retained(b, climate) == "" || retained(b, cabin) == "" {
			t.Errorf("nothing was noted, and there is %v", topics(b))
		}
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, sitesFile), []byte("[\"home"), 0o600); err != nil {
			t.Fatal(err)
		}
		b = newTree()
		put(t, b, climate, `{"origin":{"name":"gateway"},"device":{"identifiers":["gateway_home-kitchen-climate"]}}`)
		start(t, makeAt(b, Default(), "cabin", folder))()
		if retained(b, climate) == "" {
			t.Error("a damaged list had something cleared")
		}
	})
}
