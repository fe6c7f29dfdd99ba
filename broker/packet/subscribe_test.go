package packet

import (
	"reflect"
	"testing"
)

// subscribeGoldens are SUBSCRIBE, section 3.8 [MQTT-3.8.1-1] [MQTT-3.8.3-1].
var subscribeGoldens = []golden{
	{"3.1", V31, "82 06 0001 0001 'a' 01", &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a", QoS: 1}}}},
	{"3.1.1", V311, "82 06 ffff 0001 'a' 02", &Subscribe{ID: 65535, Filters: []Subscription{{Filter: "a", QoS: 2}}}},
	{"to two", V31, "82 0e 0001 0003 'a/#' 00 0003 'b/+' 02",
		&Subscribe{ID: 1, Filters: []Subscription{{Filter: "a/#"}, {Filter: "b/+", QoS: 2}}}},
	{"to the same twice", V311, "82 0a 0001 0001 'a' 00 0001 'a' 01",
		&Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}, {Filter: "a", QoS: 1}}}},
	{"to what a broker refuses", V311, "82 0b 0001 0003 'a#b' 00 0000 00",
		&Subscribe{ID: 1, Filters: []Subscription{{Filter: "a#b"}, {}}}},
	{"5.0", V5, "82 07 0001 00 0001 'a' 00", &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}}}},
	{"all options", V5, "82 07 0001 00 0001 'a' 2e",
		&Subscribe{ID: 1, Filters: []Subscription{{Filter: "a", QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2}}}},
	{"an option each", V5, "82 10 0001 00 0001 'a' 04 0001 'b' 08 0002 '$c' 10",
		&Subscribe{ID: 1, Filters: []Subscription{{Filter: "a", NoLocal: true}, {Filter: "b", RetainAsPublished: true}, {Filter: "$c", RetainHandling: 1}}}},
	{"with an identifier", V5, "82 0c 0001 05 0b ffffff7f 0001 'a' 10",
		&Subscribe{ID: 1, Filters: []Subscription{{Filter: "a", RetainHandling: 1}}, Properties: &Properties{SubscriptionIDs: []uint32{268435455}}}},
	{"with all its properties", V5, "82 17 0001 10 0b 01 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c' 0001 'a' 00",
		&Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}}, Properties: &Properties{SubscriptionIDs: []uint32{1}, User: user}}},
}

var subscribeUnusual = []golden{
	{"again 3.1", V31, "8a 06 0001 0001 'a' 00", &Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}}}},
	{"properties in another order", V5, "82 10 0001 09 26 0001 'a' 0001 'b' 0b 01 0001 'a' 00",
		&Subscribe{ID: 1, Filters: []Subscription{{Filter: "a"}}, Properties: &Properties{SubscriptionIDs: []uint32{1}, User: user[:1]}}},
}

func TestSubscribe(t *testing.T)        { testGoldens(t, subscribeGoldens) }
func TestSubscribeUnusual(t *testing.T) { testUnusual(t, subscribeUnusual) }

// TestSubscribeOptions decodes all 256 values of the options in all versions
// [MQTT-3.8.3-5] [MQTT-3-8.3-4 v3].
func TestSubscribeOptions(t *testing.T) {
	for _, v := range []Version{V31, V311, V5} {
		before := "0001 0001 'a'"
		if v == V5 {
			before = "0001 00 0001 'a'"
		}
		for o := range 256 {
			options := byte(o)
			p, err := Decode(0x82, append(unhex(t, before), options), v)
			switch {
			case v < V5 && options > 2:
				wantError(t, err, MalformedPacket, "MQTT-3-8.3-4 v3")
			case options&0xc0 != 0:
				wantError(t, err, MalformedPacket, "MQTT-3.8.3-5")
			case options&3 == 3, options&0x30 == 0x30: // section 3.8.3.1
				wantError(t, err, ProtocolError, "")
			case err != nil:
				t.Errorf("version %v, options %08b: %v", v, options, err)
			default:
				want := []Subscription{{Filter: "a", QoS: QoS(options & 3), NoLocal: options&4 != 0, RetainAsPublished: options&8 != 0, RetainHandling: options >> 4}}
				if got := p.(*Subscribe).Filters; !reflect.DeepEqual(got, want) {
					t.Errorf("version %v, options %08b: %+v", v, options, got)
				}
			}
		}
	}
}
