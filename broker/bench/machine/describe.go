//go:build linux

package machine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Describe names the processor, its cores and the system.
func Describe() string {
	cpu, cores := "unknown processor", 0
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch strings.TrimSpace(name) {
		case "model name":
			cpu = strings.TrimSpace(value)
		case "processor":
			cores++
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s, %d cores, Linux %s", cpu, cores, strings.TrimSpace(string(kernel)))
}

// Mosquitto returns the path of the program, which Debian has where the PATH of
// few users leads.
func Mosquitto() (string, error) {
	for _, p := range []string{"mosquitto", "/usr/sbin/mosquitto"} {
		if path, err := exec.LookPath(p); err == nil {
			return path, nil
		}
	}
	return "", errors.New("mosquitto is not installed (Debian's package mosquitto)")
}

// MosquittoVersion is what Mosquitto calls itself.
func MosquittoVersion() string {
	program, err := Mosquitto()
	if err != nil {
		return "Mosquitto"
	}
	out, _ := exec.Command(program, "-h").Output() // whose exit status is 3
	first, _, _ := strings.Cut(string(out), "\n")
	if first == "" {
		return "Mosquitto"
	}
	return strings.TrimSpace(strings.Replace(first, "mosquitto version", "Mosquitto", 1))
}

// Number writes three significant digits, or all before the point.
func Number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}
