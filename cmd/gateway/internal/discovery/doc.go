// Package discovery describes the gateway and its sensors to Home Assistant, so that
// they are there without anybody writing them down: by MQTT discovery, one retained
// message for a device, or one for each of its values.
//
// It is a subscriber of the tree. What a sensor is stands in site/room/sensor/meta;
// nothing is asked of a driver.
//
// # What a device is called
//
// Identifiers are made of the path, site/room/sensor. The path survives a restart, a
// new chip in place of a broken one and a new gateway with the old configuration;
// most chips have no serial number at all. Who gives a sensor another room or name
// gets another device; to be called otherwise in Home Assistant, it is renamed there.
//
// # When a value is unavailable
//
// When the status of its sensor is anything but online. A stale value is the last one
// that there was, and Home Assistant would draw it as if it were measured now.
//
// # What was published before
//
// The retained messages are the memory: those with our origin and the identifiers of
// our site are ours, whatever the prefix and the form, and those that are wanted no
// more are cleared, though that was decided while the gateway was off. Nobody else's
// are touched. Which sites are ours stands in a small file, since a message of another
// site may be of another gateway: after the site was renamed, what is retained of the
// old one is cleared. Where nothing outlives a restart there is nothing to clear.
package discovery
