// Package mosquittoconf reads the configuration file of Mosquitto,
// mosquitto.conf(5), and makes the gateway's configuration of it, so that
//
//	gateway run --mosquitto-conf /etc/mosquitto/mosquitto.conf
//
// does what mosquitto -c does with the same file.
//
// # How a file is read
//
//	file, include_dir → lines → table → conversion → config.Config, notes
//
// table.go has every directive of Mosquitto 2.0 and 2.1: where it may stand,
// what its value is, and what becomes of it. There are three fates:
//
//   - carried: it sets something of ours;
//   - harmless: it changes nothing that a client could notice, and is noted;
//   - missing: the gateway does not do that. It is noted as a warning, with the
//     reason and what to do.
//
// Nothing is passed over in silence, and nothing that keeps somebody out is
// dropped so that he gets in: a listener whose protection cannot be had, such
// as pre-shared keys, is not opened.
//
// # Defaults
//
// What the file leaves out is as Mosquitto has it where clients see it: no
// listener means this machine only and anybody there, a listener means nobody
// without a name unless allow_anonymous says so, 1000 queued messages, packets
// of 2,000,000 bytes (2.1), any number of connections, sessions that never
// expire. Bounds that Mosquitto does not have stay ours: all queues together,
// retained messages, the number of messages in flight to a client unless
// max_inflight_messages is written, the time for CONNECT. So does what waits for
// an upstream, a million messages, unless max_queued_messages is written.
//
// # Bridges
//
// A bridge sends what Mosquitto's sends, with the preset for Mosquitto. Where
// one brings in what another sends it goes on, as with Mosquitto, unless both
// have the same upstream. One whose protection cannot be had, such as OCSP or
// authorities in a folder, is not opened.
//
// # A file of ours
//
// [Result.YAML] writes what a file has become, for gateway import, with the
// notes as comments where they belong.
//
// # Where errors point
//
// Values are checked here as Mosquitto checks them. The rest is left to the
// parts' own Validate; their keys are traced back to the line that set them.
package mosquittoconf
