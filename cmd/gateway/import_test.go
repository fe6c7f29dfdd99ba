package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// imported makes a configuration of another program's ours, checks it, and
// returns its file.
func imported(t *testing.T, file string) string {
	t.Helper()
	out := filepath.Join(filepath.Dir(file), "gateway.yaml")
	for _, args := range [][]string{{"import", file, "-o", out}, {"check", out}} {
		if said, err := exec.Command(needBinary(t), args...).CombinedOutput(); err != nil {
			t.Fatalf("gateway %s: %v\n%s", strings.Join(args, " "), err, said)
		}
	}
	return out
}

// TestImportedMosquittoConf runs clients against the real Mosquitto, and against
// the gateway with what was imported.
func TestImportedMosquittoConf(t *testing.T) {
	t.Parallel()
	b := compete(t, "per_listener_settings true\nlistener PORT1 127.0.0.1\npassword_file DIR/passwd\nlistener PORT2 127.0.0.1\nallow_anonymous true\nacl_file DIR/acl\n"+
		"max_qos 1\nlistener PORT3 127.0.0.1\nlistener 0 DIR/socket\nallow_anonymous true\n", map[string]string{
		"passwd": passwordFile(t, "ann"),
		"acl":    "topic readwrite public/#\n",
	}, "mosquitto", "imported")
	for _, command := range []string{
		"mosquitto_pub -p PORT1 -t public/a -m x",
		"mosquitto_pub -p PORT1 -t public/a -m kept -u ann -P secret -r -q 1",
		"mosquitto_pub -p PORT2 -t public/b -m x -r -q 1",
		"mosquitto_pub -p PORT2 -t public/b -m x -q 2",
		"mosquitto_pub -p PORT2 -t elsewhere -m x -r -q 1",
		"mosquitto_pub -p PORT3 -t a -m x",
		"mosquitto_pub --unix DIR/socket -t public/c -m unix -r -q 1",
		"mosquitto_sub --unix DIR/socket -t # -W 1 -v",
		"mosquitto_sub -p PORT1 -t # -W 1 -v -u ann -P secret",
	} {
		b.same(command)
	}
}

// TestImportedBridge has a bridge of Mosquitto's that was imported bring messages
// to either side, as it did before.
func TestImportedBridge(t *testing.T) {
	t.Parallel()
	b := compete(t, "allow_anonymous true\nlistener PORT1 127.0.0.1\nconnection up\naddress 127.0.0.1:PORT2\nrestart_timeout 1\nremote_clientid site\n"+
		"topic temp out 1 rooms/ site/\ntopic cmd in 1 do/ site/\n", nil, "mosquitto", "imported")
	b.startUpstreams(t)
	for _, command := range []string{
		"mosquitto_pub -p PORT2 -t site/cmd -m on -r -q 1",
		"mosquitto_pub -p PORT1 -t rooms/temp -m 21 -r -q 1",
		"mosquitto_sub -p PORT1 -t do/# -C 1 -W 30 -v",
		"mosquitto_sub -p PORT2 -t site/temp -C 1 -W 30 -v",
	} {
		b.same(command)
	}
	if got, want := b.runs[1].run(t, "mosquitto_sub -p PORT2 -t site/temp -C 1 -W 30 -v"), "site/temp 21\nexit status 0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
