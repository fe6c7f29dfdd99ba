package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/term" // to read a password without showing it

	"gateway/broker/auth"
	"gateway/cmd/gateway/internal/dashboard/access"
)

type passwdCommand struct {
	storeFlags
	Page    bool
	Delete  bool
	Upgrade bool
	Print   bool
	SCRAM   bool
	File    string
	User    string
}

func (c *passwdCommand) flags(f *flagSet) {
	c.storeFlags.flags(f)
	f.BoolVar(&c.Page, "page", false, "Set the password of the page in the browser; also one that nobody knows any more.")
	f.BoolVarP(&c.Delete, "delete", "D", false, "Delete the user.")
	f.BoolVarP(&c.Upgrade, "upgrade", "U", false, "Replace passwords that stand in the file in plain text by hashes.")
	f.BoolVar(&c.Print, "print", false, "Print the hash in place of writing a file, for broker.auth.users.")
	f.exclusive = append(f.exclusive, []string{"page", "delete", "upgrade", "print"})
	f.BoolVar(&c.SCRAM, "scram", false, "Store a SCRAM-SHA-256 verifier, for clients of MQTT 5 that prove their password without sending it. Mosquitto cannot read it.")
	f.args.StringVar(&c.File, "FILE", "", "The password file; made if there is none.")
	f.args.StringVar(&c.User, "USER", "", "The user name.")
}

// Help is shown by gateway passwd --help.
func (c *passwdCommand) Help() string {
	return `gateway passwd FILE USER asks for a password, twice on a terminal, and sets it.
In a script, give it on standard input: gateway passwd FILE USER < secret.

The file is one of Mosquitto's. We read the hashes of each of its versions; ours,
argon2id, are read by Mosquitto 2.1 and newer. A running gateway reads it again on
SIGHUP (systemctl reload gateway).

gateway passwd --page sets the password of the page in the browser, also while the
gateway runs. Who is logged in with the old one is not any more; tokens stay.`
}

// Run changes a password file.
func (c *passwdCommand) Run(_ context.Context, s streams) error {
	switch {
	case c.Page && (c.File != "" || c.SCRAM):
		return usage("--page takes no file, no user and no --scram: the page has one password")
	case c.Page:
		return c.setPage(s)
	case c.Print && c.File != "":
		return usage("--print takes no file: it prints the hash of a password")
	case c.Print:
		stored, err := c.ask(s)
		if err != nil {
			return err
		}
		fmt.Fprintln(s.out, stored)
		return nil
	case c.File == "":
		return usage("which file? gateway passwd FILE USER")
	case c.Upgrade && c.User != "":
		return usage("--upgrade takes a file and no user: it is for all of them")
	case c.Upgrade:
		n, err := auth.HashPlain(c.File)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s: %s hashed\n", c.File, count(n, "password"))
		return nil
	case c.User == "":
		return usage("which user? gateway passwd FILE USER")
	case c.Delete:
		return auth.DeleteUser(c.File, c.User)
	}
	stored, err := c.ask(s)
	if err != nil {
		return err
	}
	_, err = os.Stat(c.File)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err := auth.SetPassword(c.File, c.User, stored); err != nil {
		return err
	}
	if fresh {
		fmt.Fprintf(s.err, "%s is new and only you may read it; the gateway's user has to, too (chgrp and chmod 0640)\n", c.File)
	}
	return nil
}

// setPage sets the password of the page.
func (c *passwdCommand) setPage(s streams) error {
	folder, err := c.folder()
	if err != nil {
		return err
	}
	password, err := readPassword(s)
	if err != nil {
		return err
	}
	folder = filepath.Join(folder, "dashboard")
	if err := access.SetPassword(folder, string(password)); err != nil {
		return asRoot(err)
	}
	fmt.Fprintf(s.err, "the page's password is set, in %s\n", folder)
	return nil
}

func usage(text string) error {
	return &statusError{err: errors.New(text + "; see gateway passwd --help"), status: exitUsage}
}

// ask asks for the password and returns what is stored of it.
func (c *passwdCommand) ask(s streams) (string, error) {
	password, err := readPassword(s)
	if err != nil {
		return "", err
	}
	if len(password) == 0 {
		return "", errors.New("the password is empty")
	}
	if c.SCRAM {
		return auth.NewVerifier(password), nil
	}
	return auth.HashPassword(password), nil
}

// readPassword reads a password: twice and unseen from a terminal, otherwise
// the first line of standard input.
func readPassword(s streams) ([]byte, error) {
	tty, ok := s.in.(*os.File)
	if !ok || !term.IsTerminal(int(tty.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(s.in, 64<<10)).ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return bytes.TrimRight(line, "\r\n"), nil
	}
	var said [2][]byte
	for i, prompt := range []string{"Password: ", "Again: "} {
		fmt.Fprint(s.err, prompt)
		p, err := term.ReadPassword(int(tty.Fd()))
		fmt.Fprintln(s.err)
		if err != nil {
			return nil, err
		}
		said[i] = p
	}
	if !bytes.Equal(said[0], said[1]) {
		return nil, errors.New("the two passwords differ")
	}
	return said[0], nil
}
