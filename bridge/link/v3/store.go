package v3

import "github.com/eclipse/paho.mqtt.golang/packets"

// noStore keeps nothing. Paho writes to its store what it would send again on
// the next connection; there is none for this client, and what has to outlive
// it is the session's.
type noStore struct{}

func (noStore) Open()                             {}
func (noStore) Put(string, packets.ControlPacket) {}
func (noStore) Get(string) packets.ControlPacket  { return nil }
func (noStore) All() []string                     { return nil }
func (noStore) Del(string)                        {}
func (noStore) Close()                            {}
func (noStore) Reset()                            {}
