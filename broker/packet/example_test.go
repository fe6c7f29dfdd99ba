package packet_test

import (
	"bytes"
	"fmt"

	"gateway/broker/packet"
)

func Example() {
	wire, err := (&packet.Publish{QoS: 1, ID: 7, Topic: "home/kitchen/climate", Payload: []byte("21.5")}).Append(nil, packet.V311)
	if err != nil {
		fmt.Println(err)
		return
	}
	r := packet.NewReader(bytes.NewReader(wire), 1000)
	first, body, err := r.Next()
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := packet.Decode(first, body, packet.V311)
	if err != nil {
		fmt.Println(err)
		return
	}
	m := p.(*packet.Publish)
	fmt.Printf("%v %s %s, QoS %d, id %d\n", m.Type(), m.Topic, m.Payload, m.QoS, m.ID)
	// Output: PUBLISH home/kitchen/climate 21.5, QoS 1, id 7
}
