package config

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"gateway/cmd/gateway/internal/golden"
)

const referenceFile = "../../CONFIGURATION.md"

// TestReference compares CONFIGURATION.md with what the code says of its keys.
func TestReference(t *testing.T) {
	want := referenceText()
	if golden.Write(t, referenceFile, want) {
		return
	}
	got, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("CONFIGURATION.md is not what the code says; run: go test ./cmd/gateway/internal/config -run Reference -update")
	}
}

// What the reference says of a few keys, so that its facts are looked at.
func TestKeys(t *testing.T) {
	all := make(map[string]Key)
	for _, k := range Keys() {
		if _, twice := all[k.Path]; twice {
			t.Errorf("%s is there twice", k.Path)
		}
		all[k.Path] = k
		if k.Doc == "" {
			t.Errorf("%s: nothing says what it is for; put a comment above it in gateway.example.yaml", k.Path)
		}
	}
	for path, want := range map[string]string{
		"broker.max_inflight":        "Whole number; 1 to 65535 messages; default 500.",
		"broker.max_keep_alive":      "Time; 0s to 18h12m15s, 0s for as long as a client likes; default 0s.",
		"broker.queue_full":          "Text; drop_newest or drop_oldest or refuse; default drop_newest.",
		"bridges[].topics[].qos":     "Whole number; 2, 1, or 0 for messages that may get lost; default 1.",
		"bridges[].retain_available": "True or false.",
		"dashboard.address":          "Text; default 127.0.0.1:8080.",
		"sensors[].interval":         "Time.",
		"broker.listeners[].tls":     "",
		"persistence.enabled":        "True or false; default true.",
		"history.include":            `List; default ["#"].`,
		"sensors[].filters.*.delta":  "Number.",
		"bridges[].password":         "Text.",
		"broker.auth.users[].name":   "Text.",
	} {
		if got := all[path].Facts(); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// The default is as it was after all of it has been probed, and so is what
// every value is refused for.
func TestKeysAreTheSameTwice(t *testing.T) {
	if a, b := fmt.Sprint(Keys()), fmt.Sprint(Keys()); a != b {
		t.Error(a, b)
	}
}

const referenceHead = `# The configuration, key by key

One YAML file, ` + "`gateway.yaml`" + `: the one that ` + "`-c`" + ` names, else ` + "`gateway.yaml`" + ` in the folder where the gateway is started, else
` + "`/etc/gateway/gateway.yaml`" + `. What it leaves out keeps its default; a list in the file replaces the default list. An unknown
key is an error, and ` + "`gateway check`" + ` says everything that is wrong at once, with its line. Times have a unit: 500ms, 10s, 5m, 24h.
A name of a file or folder that does not begin with / begins in the folder of ` + "`gateway.yaml`" + `, wherever the gateway is started.

` + "[gateway.example.yaml](../../gateway.example.yaml)" + ` has every key where it stands in the file, with its default.
` + "`gateway schema`" + ` prints the JSON Schema for editors. Each driver has options of its own: ` + "`gateway drivers NAME`" + `.

Below, ` + "`[]`" + ` stands for each item of a list, and ` + "`*`" + ` for a name. A key without a default has none, or is as its text says.
SIGHUP, ` + "`systemctl reload gateway`" + `, has the file read again: what has changed takes effect at once, and clients stay connected.
The keys for which the gateway has to be started again are named in the log then.

This page is made of the code: the ranges are what the gateway itself says of a value that is beyond them.
`

// referenceText is CONFIGURATION.md.
func referenceText() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	keys := Keys()
	b.WriteString("\n**Parts**: ")
	for i, k := range topKeys(keys) {
		if i > 0 {
			b.WriteString(" · ")
		}
		fmt.Fprintf(&b, "[%s](#%s)", k.Path, k.Path)
	}
	b.WriteString("\n")
	for _, k := range keys {
		if k.Top() {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n", k.Path, markdown(strings.TrimSpace(k.Doc+" "+k.Facts())))
			if hasKeys(keys, k) {
				b.WriteString("\n| key | type | range or choices | default | what it is for |\n|---|---|---|---|---|\n")
			}
			continue
		}
		fmt.Fprintf(&b, "| <a id=%q></a>`%s` | %s | %s | %s | %s |\n", k.Path, within(k.Path), k.Type, markdown(k.Bounds), code(k.Default), markdown(k.Doc))
	}
	return b.String()
}

func topKeys(keys []Key) (top []Key) {
	for _, k := range keys {
		if k.Top() {
			top = append(top, k)
		}
	}
	return top
}

func hasKeys(keys []Key, top Key) bool {
	for _, k := range keys {
		if strings.HasPrefix(k.Path, top.Path+".") || strings.HasPrefix(k.Path, top.Path+"[") {
			return true
		}
	}
	return false
}

// within is a key without the part whose section it stands in.
func within(path string) string {
	return strings.TrimLeft(path[strings.IndexAny(path, ".["):], ".[]")
}

// markdown writes text for a table.
func markdown(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`).Replace(text)
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
}
