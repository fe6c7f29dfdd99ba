package upstreams

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// mosquitto is Eclipse Mosquitto with queues that have no bound, so that what is
// missing behind it was not dropped by it; with 1,000, its default, it drops in
// silence. Its store is written, as a whole, whenever something has changed: that
// is as good as it gets. Run by root it would change to a user who may not write
// there, hence user.
func mosquitto(o Options) (p plan, version string, err error) {
	path, err := program("mosquitto", "mosquitto")
	if err != nil {
		return p, "", err
	}
	conf := fmt.Sprintf(`listener %d 127.0.0.1
allow_anonymous true
user root
log_dest stderr
log_type error
log_type warning
log_type notice
max_queued_messages 0
max_inflight_messages 500
`, o.Port)
	if !o.Forget {
		conf += "persistence true\npersistence_location " + o.Dir + "/\nautosave_interval 1\nautosave_on_changes true\n"
	}
	file := filepath.Join(o.Dir, "mosquitto.conf")
	if err := os.WriteFile(file, []byte(conf+o.Config), 0o600); err != nil {
		return p, "", err
	}
	// mosquitto -h, its only way to tell its version, exits with an error.
	out, _ := exec.Command(path, "-h").Output()
	if m := regexp.MustCompile(`version (\S+)`).FindSubmatch(out); m != nil {
		version = string(m[1])
	}
	return plan{path: path, args: []string{"-c", file}, dir: o.Dir}, version, nil
}
