//go:build !race

package sensors

// raceEnabled makes tests smaller.
const raceEnabled = false
