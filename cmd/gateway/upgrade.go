package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"gateway/cmd/gateway/internal/upgrade"
)

// upgradeKeys is where the keys are that releases are signed with.
const upgradeKeys = "/etc/gateway/upgrade.pub"

type upgradeCommand struct {
	configFlag
	From string

	Check    bool
	Key      string
	Force    bool
	Rollback bool
	Sign     string
}

func (c *upgradeCommand) flags(f *flagSet) {
	c.configFlag.flags(f)
	f.args.StringVar(&c.From, "RELEASE", "", "An archive, a folder with a release, or the URL of either; with --sign, the SHA256SUMS to sign.")
	f.BoolVar(&c.Check, "check", false, "Say only whether it could be installed.")
	f.StringVar(&c.Key, "key", "", "`FILE` with the public keys that releases are signed with. Default: /etc/gateway/upgrade.pub.")
	f.BoolVar(&c.Force, "force", false, "Also if it is not newer, or does not take the configuration. The signature counts in any case.")
	f.BoolVar(&c.Rollback, "rollback", false, "Go back to the binary that was there before; again, to undo that.")
	f.StringVar(&c.Sign, "sign", "", "Sign a release with a secret `KEY` that minisign -G -W has made.")
}

// Run upgrades, or does what else the flags say.
func (c *upgradeCommand) Run(ctx context.Context, s streams) error {
	switch {
	case c.Sign != "" && (c.Check || c.Rollback || c.Force || c.Key != ""), c.Rollback && (c.Check || c.From != ""):
		return wrongUsage("--sign and --rollback stand alone")
	case c.Rollback:
		return c.rollback(ctx, s.out)
	case c.From == "":
		return wrongUsage("name an archive, a folder with a release, or the URL of either")
	case c.Sign != "":
		return signRelease(c.Sign, c.From)
	}
	return c.upgrade(ctx, s.out)
}

// thisBinary is the file of the running program.
func thisBinary() (upgrade.Binary, error) {
	file, err := os.Executable()
	if err == nil {
		file, err = filepath.EvalSymlinks(file)
	}
	if err != nil {
		return "", fmt.Errorf("where the binary is: %w", err)
	}
	return upgrade.Binary(file), nil
}

func (c *upgradeCommand) upgrade(ctx context.Context, out io.Writer) error {
	keys, err := c.keys()
	if err != nil {
		return err
	}
	board, err := upgrade.ThisBoard()
	if err != nil {
		return err
	}
	own, err := thisBinary()
	if err != nil {
		return err
	}
	if !c.Check {
		if err := ownedByPackage(ctx, own, "upgrades it"); err != nil {
			return err
		}
	}
	r, err := upgrade.Fetch(ctx, c.From, keys, board)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "release        %s, signed: %s\n", r.Archive, r.Comment)
	staged, remove, err := c.stage(own, r.Binary)
	if err != nil {
		return asRoot(err)
	}
	defer remove()
	if err := c.try(ctx, out, staged, true); err != nil {
		return err
	}
	if c.Check {
		fmt.Fprintln(out, "it can be installed")
		return nil
	}
	if err := own.Install(staged); err != nil {
		return asRoot(err)
	}
	fmt.Fprintf(out, "installed      %s (before: %s)\n", own, own.Old())
	sayRestart(out)
	return nil
}

// keys are those whose releases are installed. None is built in.
func (c *upgradeCommand) keys() (upgrade.Keys, error) {
	file := cmp.Or(c.Key, upgradeKeys)
	b, err := os.ReadFile(file)
	if c.Key == "" && errors.Is(err, fs.ErrNotExist) {
		return upgrade.Keys{}, fmt.Errorf("there is no key to tell whose release it is: put the publisher's public key (minisign) in %s, or name it with --key FILE", file)
	}
	if err != nil {
		return upgrade.Keys{}, fmt.Errorf("the public key: %w", err)
	}
	keys, err := upgrade.ParseKeys(b)
	if err != nil {
		return upgrade.Keys{}, fmt.Errorf("%s: %w", file, err)
	}
	return keys, nil
}

// stage writes the binary where it can be run. To look at it only, another
// place does, too, if ours cannot be written.
func (c *upgradeCommand) stage(own upgrade.Binary, binary []byte) (string, func(), error) {
	staged, remove, err := own.Stage(binary)
	if c.Check && (errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)) {
		return upgrade.StageElsewhere(binary)
	}
	return staged, remove, err
}

// try runs another binary: it has to be a newer one, if that is wanted, and to take the
// configuration.
func (c *upgradeCommand) try(ctx context.Context, out io.Writer, binary string, newer bool) error {
	offered, err := upgrade.Version(ctx, binary)
	if err != nil {
		return err
	}
	installed, _ := buildVersion()
	fmt.Fprintf(out, "version        %s (this one: %s)\n", offered, installed)
	if newer && !c.Force {
		switch order, err := upgrade.Compare(offered, installed); {
		case err != nil:
			return fmt.Errorf("which of the two is newer cannot be told: %w; --force installs it", err)
		case order <= 0:
			return &statusError{err: fmt.Errorf("%s is not newer than %s; --force installs it", offered, installed), status: exitCurrent}
		}
	}
	file := cmp.Or(c.Config, findConfig())
	var args []string
	if file != "" {
		args = append(args, file)
	}
	switch err := upgrade.Accepts(ctx, binary, args...); {
	case err == nil:
		fmt.Fprintf(out, "configuration  %s: accepted\n", cmp.Or(file, builtIn))
	case c.Force:
		fmt.Fprintf(out, "configuration  %v\n", err)
	default:
		return fmt.Errorf("%s does not take the configuration; correct it first, or --force: %w", offered, err)
	}
	return nil
}

// rollback swaps the binary with the one before.
func (c *upgradeCommand) rollback(ctx context.Context, out io.Writer) error {
	own, err := thisBinary()
	if err != nil {
		return err
	}
	if err := ownedByPackage(ctx, own, "of the version before, with --allow-downgrades, goes back"); err != nil {
		return err
	}
	if _, err := os.Stat(own.Old()); err != nil {
		return fmt.Errorf("there is nothing to go back to: %w", err)
	}
	if err := c.try(ctx, out, own.Old(), false); err != nil {
		return err
	}
	if err := own.Rollback(); err != nil {
		return asRoot(err)
	}
	fmt.Fprintf(out, "back           %s (before: %s)\n", own, own.Old())
	sayRestart(out)
	return nil
}

// sayRestart: an upgrade restarts nothing, so that who runs it chooses when.
func sayRestart(out io.Writer) {
	fmt.Fprintln(out, "it runs from the next start on: sudo systemctl restart gateway")
}

// ownedByPackage refuses to change what a package manager would change back.
func ownedByPackage(ctx context.Context, own upgrade.Binary, what string) error {
	if p := own.Package(ctx); p != "" {
		return fmt.Errorf("%s belongs to the Debian package %s: sudo apt install ./gateway_VERSION_ARCHITECTURE.deb %s", own, p, what)
	}
	return nil
}

// signRelease writes the signature of a file beside it. The same file and key give
// the same signature.
func signRelease(keyFile, file string) error {
	b, err := os.ReadFile(keyFile)
	if err != nil {
		return fmt.Errorf("the secret key: %w", err)
	}
	key, err := upgrade.ParseSecretKey(b)
	if err != nil {
		return fmt.Errorf("%s: %w", keyFile, err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	sig, err := upgrade.Sign(key, data, "file:"+filepath.Base(file))
	if err != nil {
		return err
	}
	return os.WriteFile(file+".minisig", sig, 0o644)
}
