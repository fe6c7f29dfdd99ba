//go:build linux

// Command soak kills brokers under load, again and again, and counts what they
// forget.
//
//	go run ./broker/soak [-rounds N] [-broker gateway|mosquitto|both] [-tear]
//	    [-gateway PATH] [-out FILE] [-seed S]
package main

func main() {}
