package broker

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestInflightAgainstModel puts random work to a window and to a model that
// is too simple to be wrong: a list.
func TestInflightAgainstModel(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var f inflight
		var model []uint16 // in flight, oldest first
		again := 0         // of model, sent on this connection so far
		f.restart(50)
		f.last = uint64(maxSpan - r.IntN(100)) // the identifiers wrap around soon
		for range 20_000 {
			switch op := r.IntN(100); {
			case op < 50:
				if !f.room() {
					if len(model) < 50 && again == len(model) {
						t.Fatalf("no room with %d in flight", len(model))
					}
					continue
				}
				id := f.add(flying{qos: 1, size: 10}, f.last+1)
				if id == 0 || slices.Contains(model, id) { // [MQTT-2.2.1-3] [MQTT-2.2.1-4]
					t.Fatalf("packet identifier %d is in flight already, or 0", id)
				}
				model = append(model, id)
				again = len(model)
			case op < 95:
				if len(model) == 0 || again == 0 {
					continue
				}
				i := 0 // mostly in order, as clients do
				if r.IntN(4) == 0 {
					i = r.IntN(again)
				}
				e := f.find(model[i])
				if e == nil {
					t.Fatalf("%d is not found", model[i])
				}
				f.remove(e)
				if f.find(model[i]) != nil {
					t.Fatalf("%d is found after it was removed", model[i])
				}
				model = slices.Delete(model, i, i+1)
				again--
			case op < 96:
				f.restart(1 + r.IntN(100))
				again = 0
			default:
				for {
					e, id := f.nextResend()
					if e == nil {
						break
					}
					if id != model[again] {
						t.Fatalf("sent %d again, want %d", id, model[again])
					}
					again++
				}
				f.window = 50
			}
			if f.open != len(model) || f.bytes != int64(10*len(model)) {
				t.Fatalf("%d open, %d bytes; want %d", f.open, f.bytes, len(model))
			}
		}
		for _, id := range model {
			f.remove(f.find(id))
		}
		if f.open != 0 || f.span != 0 || f.bytes != 0 {
			t.Fatalf("something is left: %+v", f)
		}
	}
}

// TestInflightAll uses every packet identifier there is, at once.
func TestInflightAll(t *testing.T) {
	var f inflight
	f.restart(65_535)
	seen := make(map[uint16]bool)
	for range maxSpan {
		if !f.room() {
			t.Fatal("no room")
		}
		seen[f.add(flying{qos: 1}, f.last+1)] = true
	}
	if len(seen) != maxSpan || f.room() {
		t.Fatalf("%d identifiers, room %v", len(seen), f.room())
	}
	// The newest ones are complete, the oldest is not: its identifier must not
	// be given again.
	for i := maxSpan - 1; i > 0; i-- {
		f.remove(f.find(f.id(i)))
	}
	if f.room() {
		t.Error("room for an identifier that is in flight")
	}
	f.remove(f.at(0))
	if !f.room() || f.ring != nil {
		t.Error("not empty again")
	}
	if f.find(0) != nil || f.find(5) != nil {
		t.Error("finds something in nothing")
	}
}
