package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// runsItself are the commands that go on for ever, and the tests that run them so.
var runsItself = map[string]string{
	"gateway run -c gateway.yaml": "TestTutorial",
	"gateway run -p 1883":         "TestMosquittoPort",
	"gateway run --mosquitto-conf /etc/mosquitto/mosquitto.conf -v": "TestMosquittoConf",
}

// mayFail are those whose exit status is 1 on a machine without sensors.
var mayFail = []string{"gateway doctor", "sudo -u gateway gateway doctor", "gateway read climate --raw", "gateway read -c gateway.yaml"}

// whileStopped are those for which the gateway must not run.
var whileStopped = []string{"gateway store compact", "gateway restore house.tar.gz"}

// stage is what the commands of the documents find: a network of their own, /etc with
// a configuration, a folder with another one, a gateway that runs, and its upstream.
const stage = `
set -e
cd "$1"
ip link set lo up
mount -t tmpfs tmpfs "$1/over"
mkdir "$1/over/u" "$1/over/w"
mount -t overlay overlay -o lowerdir=/etc,upperdir="$1/over/u",workdir="$1/over/w" /etc
mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/usb /etc/gateway /etc/mosquitto
cp gateway.yaml /etc/gateway/gateway.yaml
: >/etc/gateway/users
printf 'listener 1883\nallow_anonymous true\n' >/etc/mosquitto/mosquitto.conf
export HOME="$1" PATH="$1/bin:$PATH"
unset XDG_STATE_HOME STATE_DIRECTORY
STATE_DIRECTORY="$1/up" gateway run -c up.yaml >up.log 2>&1 & up=$!
gateway run -c gateway.yaml >gateway.log 2>&1 & gw=$!
i=0; until gateway health >/dev/null 2>&1 && gateway pub -t ready -m 1 -q 1 -r; do i=$((i+1)); [ $i -lt 300 ] || { cat gateway.log; exit 9; }; sleep 0.1; done
set +e
while read -r line; do
	case "$line" in
	*" backup "*) rm -rf house.tar.gz ;;
	*"import mqtt-io.yml"*) rm -f gateway.yaml ;; # a new folder
	esac
	[ "$line" != STOP ] || { kill $gw; wait $gw; continue; }
	printf 'secret-1\nsecret-1\n' | sh -c "$line" >out 2>&1
	status=$?
	echo "$status	$line"
	[ $status = 0 ] || sed 's/^/	| /' out
done <lines
kill $gw $up 2>/dev/null
wait
head -3 gateway.log
exit 0
`

// TestCommandsRun runs every command of the documents that is one of the gateway, as
// it stands there.
func TestCommandsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	need(t, "unshare", "util-linux")
	if os.Getuid() != 0 {
		t.Skip("needs root, for a network and an /etc of its own")
	}
	dir := t.TempDir()
	for _, d := range []string{"bin", "over", "up"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	bin, err := filepath.Abs(needBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(bin, filepath.Join(dir, "bin", "gateway")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"bin/sudo":     "#!/bin/sh\nif [ \"$1\" = -u ]; then shift 2; fi\nexec \"$@\"\n",
		"gateway.yaml": "site: home\nsensors:\n  - {driver: sim, room: kitchen, name: climate}\nbridges:\n  - {name: cloud, address: \"mqtt://127.0.0.1:2883\", topics: [{filter: home/#}]}\n  - {name: fleet, address: \"mqtt://127.0.0.1:2883\", topics: [{filter: home/#, remote_prefix: pi1/}]}\n",
		"up.yaml":      "sensors: []\ndashboard: {address: \"\"}\nbroker: {listeners: [{protocol: tcp, address: \"127.0.0.1:2883\"}]}\n",
		"mqtt-io.yml":  "mqtt:\n  host: localhost\nsensor_modules:\n  - {name: climate, module: bme280, i2c_bus_num: 1, chip_addr: 0x76}\nsensor_inputs:\n  - {name: temperature, module: climate, type: temperature}\n",
		"lines":        strings.Join(toRun(t), "\n") + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", stage, "sh", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.SplitSeq(string(out), "\n") {
		status, command, ok := strings.Cut(line, "\t")
		if ok && status != "" && status != "0" && !(status == "1" && slices.Contains(mayFail, command)) {
			t.Errorf("%s ends with %s:\n%s", command, status, out)
		}
	}
	for _, line := range toRun(t) {
		if line != "STOP" && !strings.Contains(string(out), "\t"+line+"\n") {
			t.Errorf("not run: %s", line)
		}
	}
}

// toRun are the commands of the documents, those last for which the gateway has to
// stop.
func toRun(t *testing.T) (lines []string) {
	t.Helper()
	var last []string
	for _, file := range documents(t) {
		for _, line := range commandLines(read(t, file)) {
			args := strings.Fields(strings.TrimPrefix(line, "sudo "))
			switch {
			case !gatewayOnly(line) || slices.ContainsFunc(args, standsForMore) || len(args) == 1:
			case slices.Contains(lines, line) || slices.Contains(last, line):
			case runsItself[line] != "":
				if !testExists(t, runsItself[line]) {
					t.Errorf("there is no %s", runsItself[line])
				}
			case args[1] == "restore" && strings.Contains(line, "/mnt/"): // of another day; there is one here by another name
			case args[1] == "upgrade": // TestUpgrade has a release to go to and come back from
			case slices.Contains(whileStopped, line):
				last = append(last, line)
			case strings.HasPrefix(line, "gateway import mqtt-io.yml -o gateway.yaml"):
				last = append(last, fmt.Sprint(line))
			default:
				lines = append(lines, line)
			}
		}
	}
	slices.Sort(last) // compact, then restore
	return append(append(lines, "STOP"), last...)
}

// standsForMore tells whether a word stands for something else.
func standsForMore(word string) bool {
	return listed.MatchString(word) || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" || strings.Contains(word, "<")
}
