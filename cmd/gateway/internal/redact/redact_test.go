package redact

import (
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	var r Redactor
	r.Add("hunter2hunter2", "on", "", "XK4P-9T2Q")
	for in, want := range map[string]string{
		"connect mqtts://me:s3cr3t@host:8883/x":                                   "connect mqtts://me:***@host:8883/x",
		"http://me:a:b@h, ws://u:p@127.0.0.1":                                     "http://me:***@h, ws://u:***@127.0.0.1",
		"see https://host/a?token=abcdef&x=1":                                     "see https://host/a?token=***&x=1",
		`password: "two words", user: ann`:                                        `password: ***, user: ann`,
		"password=open sesame":                                                    "password=*** sesame",
		`{"password":"x y","user":"ann"}`:                                         `{"password":***,"user":"ann"}`,
		"Authorization: Bearer abc.def":                                           "Authorization: ***",
		"sent Bearer abcdefgh12345678==":                                          "sent Bearer ***",
		"ann:$7$101$c2FsdA==$aGFzaA==":                                            "ann:***",
		"ann:$argon2id$v=19$m=1,t=2,p=1$c2FsdA$aGFzaA next":                       "ann:*** next",
		"SCRAM-SHA-256$4096:c2FsdA==$a:b":                                         "***",
		"-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nrest": "-----BEGIN PRIVATE KEY----- ***\nrest",
		"the code is XK4P-9T2Q.":                                                  "the code is ***.",
		"xhunter2hunter2x":                                                        "x***x",
		"on it goes on":                                                           "on it goes on", // too short to be looked for
		"wrong user name or password":                                             "wrong user name or password",
		"mqtt://host:1883 mqtt://user@host:1883/path":                             "mqtt://host:1883 mqtt://user@host:1883/path",
		"home/kitchen/climate temperature 21.5":                                   "home/kitchen/climate temperature 21.5",
		"file:///var/lib/gateway/x:y":                                             "file:///var/lib/gateway/x:y",
	} {
		if got := r.Text(in); got != want {
			t.Errorf("%q\n became %q,\nwant   %q", in, got, want)
		}
	}
}

func TestNamed(t *testing.T) {
	var r Redactor
	for _, secret := range []string{"password", "Password", "bridge.password", "mqtt_password", "token", "access-token", "ClientSecret", "psk", "private_key", "authorization", "hash"} {
		if got := r.Named(secret, "x"); got != Mark {
			t.Errorf("%s: %q", secret, got)
		}
	}
	for _, open := range []string{"user", "key", "file", "password_file", "key_file", "topic", "bypass", "compass", "error"} {
		if got := r.Named(open, "value"); got != "value" {
			t.Errorf("%s: %q", open, got)
		}
	}
	if got := r.Named("password", ""); got != "" {
		t.Errorf("nothing became %q", got)
	}
}

// TestLongest: of two secrets, one within the other, nothing is left.
func TestLongest(t *testing.T) {
	var r Redactor
	r.Add("secret", "secretsecret12")
	if got := r.Values("a secretsecret12 b"); strings.Contains(got, "12") {
		t.Error(got)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"mqtt://a:b@c", "password: x", "-----BEGIN PRIVATE KEY-----", "\xff\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var r Redactor
		r.Add("known-secret")
		if got := r.Text(s + " known-secret " + s); strings.Contains(got, "known-secret") && !strings.Contains(s, "known-secret") {
			t.Errorf("%q became %q", s, got)
		}
	})
}
