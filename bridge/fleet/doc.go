// Package fleet shows what happens when many gateways forward into one cluster
// and its nodes are killed: its test runs gateways with stores on disk, publishes
// to them as sensors do, kills a node of RabbitMQ after the other under that load,
// and keeps the books of every message that a gateway has acknowledged.
//
//	publisher ─ PUBACK ─ gateway ─ bridge ─┐
//	publisher ─ PUBACK ─ gateway ─ bridge ─┼─ node0 node1 node2 ─ collector
//	      …                                ┘
//
// go test -gateways, -rate and -rounds make the fleet larger and the test longer.
// deploy/raspberrypi/FLEET.md tells users what follows from it.
package fleet
