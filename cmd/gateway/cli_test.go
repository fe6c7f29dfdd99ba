package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestWrongUsage wants every mistake to be named, with what was probably meant and
// where help is.
func TestWrongUsage(t *testing.T) {
	for args, want := range map[string]string{
		// Mistyped, also with flags behind that only the command has.
		"chekc -c gateway.yaml": "unknown command chekc, did you mean check?; see gateway --help",
		"store verfy --json":    "unknown command verfy, did you mean verify?; see gateway store --help",
		"store verfy --help":    "unknown command verfy, did you mean verify?; see gateway store --help",
		"help chekc":            "unknown command chekc, did you mean check?; see gateway --help",
		"sub --tpoic a":         "unknown flag --tpoic, did you mean --topic?; see gateway sub --help",
		"--demoo":               "unknown flag --demoo, did you mean --demo?; see gateway run --help",
		"run -demoo":            "unknown flag -demoo, did you mean --demo?; see gateway run --help",
		"sub -t a -x":           "unknown flag -x; see gateway sub --help",
		// Missing, or too much.
		"store":               "expected one of inspect, verify, compact, backup; see gateway store --help",
		"import":              "FILE is missing; see gateway import --help",
		"check a b":           "unexpected argument b; see gateway check --help",
		"schema a":            "unexpected argument a; see gateway schema --help",
		"-v check":            "unexpected argument check; see gateway run --help",
		"sub":                 "-t, --topic=FILTER is missing; see gateway sub --help",
		"sub -t":              "--topic needs a value: -t, --topic=FILTER; see gateway sub --help",
		"pub -t a -m b -s":    "--message and --stdin-file do not go together; see gateway pub --help",
		"passwd --page -D":    "--page and --delete do not go together; see gateway passwd --help",
		"passwd a b c --page": "unexpected argument c; see gateway passwd --help",
		// Of the wrong kind.
		"pub -t a -n -q 3":     "--qos 3: it is one of 0, 1, 2; see gateway pub --help",
		"completion csh":       "SHELL csh: it is one of bash, zsh, fish; see gateway completion --help",
		"--port x":             "--port x: write a whole number; see gateway run --help",
		"sub -t a -W 1.5":      "--timeout 1.5: write a whole number; see gateway sub --help",
		"--demo=perhaps":       "--demo perhaps: write true or false; see gateway run --help",
		"health --timeout 5":   "--timeout 5: write a time with its unit, such as 10s or 5m; see gateway health --help",
		"run --ui-dir no/such": "--ui-dir no/such: there is no such folder; see gateway run --help",
	} {
		var out, errs bytes.Buffer
		status := execute(t.Context(), strings.Fields(args), streams{strings.NewReader(""), &out, &errs})
		if got := strings.TrimSuffix(errs.String(), "\n"); status != exitUsage || got != "gateway: "+want || out.Len() > 0 {
			t.Errorf("gateway %s: exit status %d, want %d\n%s\nwant:\ngateway: %s\nand on standard output %q", args, status, exitUsage, got, want, &out)
		}
	}
}

// TestWhatFlagsSay wants what is written to arrive in the commands, and defaults
// where nothing is.
func TestWhatFlagsSay(t *testing.T) {
	found := func(args ...string) subcommand {
		t.Helper()
		var found subcommand
		_, err := newCommandLine(func(c subcommand) error { found = c; return nil }).execute(args, streams{})
		if err != nil || found == nil {
			t.Fatalf("gateway %s: %v", strings.Join(args, " "), err)
		}
		return found
	}
	want := func(ok bool, got any) {
		t.Helper()
		if !ok {
			t.Errorf("got %+v", got)
		}
	}
	if c, ok := found().(*runCommand); ok {
		want(c.Config == "" && !c.Demo && len(c.Port) == 0, c)
	} else {
		t.Error("gateway alone is not gateway run")
	}
	run := found("-c", "a.yaml", "-demo", "-p", "1883,1884", "-p", "1885", "-v").(*runCommand)
	want(run.Config == "a.yaml" && run.Demo && len(run.Port) == 3 && run.Port[2] == 1885 && run.Verbose, run)
	sub := found("sub", "-h", "::1", "-t", "a,b/#", "-t", "-c", "-q2", "--protocol-version=mqttv5", "-vc", "-i", "me").(*subCommand)
	want(sub.Host == "::1" && len(sub.Topics) == 2 && sub.Topics[0] == "a,b/#" && sub.Topics[1] == "-c" && sub.QoS == 2 &&
		sub.Version == "mqttv5" && sub.Verbose && sub.Persistent && sub.KeepAlive == 60, sub)
	pub := found("pub", "-t", "a", "-m", "").(*pubCommand)
	want(pub.Message != nil && *pub.Message == "" && pub.Host == "127.0.0.1" && pub.QoS == 0 && pub.Version == "311" && pub.Port == 0, pub)
	want(found("pub", "-t", "a").(*pubCommand).Message == nil, "a message that nobody gave")
	read := found("read", "one", "--raw", "two", "three").(*readCommand)
	want(len(read.Names) == 3 && read.Names[1] == "two" && read.Raw, read)
	passwd := found("passwd", "-D", "file", "--", "-user").(*passwdCommand)
	want(passwd.File == "file" && passwd.User == "-user" && passwd.Delete, passwd)
	inspect := found("store", "--dir", "verify", "inspect").(*storeInspectCommand)
	want(inspect.Dir == "verify" && inspect.Max == 100, inspect)
	if _, ok := found("sub", "--version").(versionCommand); !ok {
		t.Error("--version is not gateway version")
	}
}
