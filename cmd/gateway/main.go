// Command gateway reads sensors, serves them over MQTT and in the browser,
// and forwards them to an upstream broker.
package main

func main() {}
