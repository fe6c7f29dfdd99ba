// Package upstreams starts real brokers on loopback, for the bridge to be
// tested and measured against: Mosquitto, RabbitMQ with its MQTT plugin (one
// node or a cluster), ActiveMQ, aedes and mosca.
//
//	u, err := upstreams.Start(ctx, upstreams.Mosquitto, upstreams.Options{})
//	...
//	defer u.Close()
//	conn, err := net.Dial("tcp", u.Address())
//	...
//	u.Kill()             // as a power cut does
//	err = u.Restart(ctx) // the same port, what was on the disk
//
// [StartCluster] starts RabbitMQ on several nodes.
//
// It is for tests, benchmarks and what generates their tables; the gateway
// itself never imports it. It knows no bridge: an upstream is a process that
// accepts MQTT.
//
// # What is left of it
//
// Nothing. A process ends with [Upstream.Close], with the context of [Start],
// and, on Linux, with the process that started it, even one that is killed.
// Files are in a temporary folder that Close removes. All listeners are on
// 127.0.0.1, Erlang's too (its name server cannot but listen on ::1 as well), and
// on ports that are not for outgoing connections, so that nobody takes a port
// while its broker is down.
//
// # What a broker keeps when it is killed
//
// Not everything that it has acknowledged, and that is the upstream's to answer
// for; [Upstream.Durable] says who tries.
//
//	mosquitto   writes all it has to its file after what it has acknowledged in
//	            one turn of its loop: that may be gone, one message of 1,000 as
//	            measured. With a long queue it is slow
//	rabbitmq    acknowledges what waits for a persistent session after storing
//	            it; retained messages are written every 2 s
//	activemq    acknowledges after storing it
//	aedes       keeps all in memory
//	mosca       keeps all in memory; nothing beyond a connection with
//	            [Options.Forget]
//
// What a [Cluster] keeps when a node is killed stands in its comment.
//
// # Programs
//
// They come from Debian and npm; make setup installs them. The error is a
// [*Missing], with the name of the package, when one is not there.
package upstreams
