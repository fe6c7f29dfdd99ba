// Package batch makes one payload of many readings, for lines that are paid by the
// byte, and takes such payloads apart again.
//
// # A batch
//
// is an array in JSON, in UTF-8, without white space around its own brackets,
// colons and commas, of an object for each message, in the order in which they
// were published:
//
//	[{"topic":"pi/home/kitchen/climate","payload":{"time":"2026-11-28T18:01:08.310Z","temperature":20.04}},
//	 {"topic":"pi/home/cellar/power/value","payload":280,"retain":true}]
//
// (on one line). The keys stand in this order, and retain only if it is true. The
// payload is the message's own, byte for byte but for white space at its ends, and
// not a text with JSON in it: jq has '.[] | .payload.temperature'; Node-RED a json
// node and a split node, after which msg.payload.topic and msg.payload.payload are
// the message; Telegraf json_v2 with an object of path "@this". With compression
// the payload is that text in gzip (RFC 1952), and never anything else.
//
// Objects, arrays and numbers go into batches. Any other payload, and one for which
// a batch has no room, goes by itself, to its own topic, after the batch so far:
// messages of a topic keep their order. MQTT properties have no place in a batch.
//
// # What it saves
//
// 200 readings of a simulated house, 83 bytes each with their topic; bytes for each
// reading, with PUBLISH and PUBACK of QoS 1 in MQTT, and on the wire with TLS 1.3,
// TCP and IPv4 where each packet goes alone, both ways:
//
//	messages in a batch    MQTT            wire
//	no batches             95.8            243.8
//	10                    111.8  117 %     126.6  52 %
//	100                   110.0  115 %     115.1  47 %
//	10, gzip               35.8   37 %      50.6  21 %
//	50, gzip               14.9   16 %      17.8   7 %
//	100, gzip              11.0   11 %      12.5   5 %
//
// So batches alone save packets and not bytes, and a budget of 20 MB a day has room
// for 82,000 readings without them and 1.6 million in batches of 100 with gzip. It
// costs 3 µs for each reading on a PC, and 10 µs with gzip.
package batch
