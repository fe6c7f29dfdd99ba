// Package reading is the vocabulary of a measurement: what was measured
// ([Quantity] and its unit), where ([Path]), when and how much ([Reading]),
// and the form all of it takes in the topic tree.
//
// A reading made by a chip on this board, by an ESP32 on the Wi-Fi or by a
// script is the same thing in the tree:
//
//	topic    site/room/sensor
//	payload  {"time":"2026-11-23T04:05:06.789Z","temperature":21.53,"humidity":43.7}
//
// The package knows nothing of chips, buses, MQTT or files, and imports the
// standard library only. All its types are values and safe for concurrent
// use as long as nobody writes to a shared Values slice.
package reading
