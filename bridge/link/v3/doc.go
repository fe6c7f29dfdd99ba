// Package v3 speaks MQTT 3.1 and 3.1.1 to an upstream, with eclipse/paho.mqtt.golang.
package v3
