package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"gateway/bridge/aside"
)

type bridgeAsideCommand struct {
	storeFlags
	Name   []string
	JSON   bool
	Forget bool
}

func (c *bridgeAsideCommand) flags(f *flagSet) {
	c.storeFlags.flags(f)
	f.args.StringArrayVar(&c.Name, "NAME", nil, "Bridges; default all.")
	f.BoolVar(&c.JSON, "json", false, "Print a JSON object for each message, with its payload, one a line.")
	f.BoolVar(&c.Forget, "forget", false, "Remove for good what was listed.")
}

// Help is shown by gateway bridge aside --help.
func (c *bridgeAsideCommand) Help() string {
	return `A message is set aside when the upstream refuses it, or drops the connection
each time that it comes, or when it is larger than the configuration says that the
upstream takes. The rest goes on.

--json shows what is in the messages. What came after the list was printed is not
forgotten with it.`
}

// setAside is a message, and whose it is.
type setAside struct {
	bridge string
	aside.Message
}

// Run lists what was set aside.
func (c *bridgeAsideCommand) Run(_ context.Context, s streams) error {
	folder, names, err := c.shelves()
	if err != nil {
		return err
	}
	all, shelves, err := readShelves(folder, names, slog.New(slog.NewTextHandler(s.err, nil)))
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		err = printAsideLines(s.out, all)
	case len(all) == 0:
		_, err = fmt.Fprintf(s.out, "nothing is set aside in %s%s\n", folder, forBridges(c.Name))
	default:
		err = printAside(s.out, all)
	}
	if err != nil || !c.Forget {
		return err // what nobody has seen is not forgotten
	}
	n, err := forgetAside(shelves, all)
	if n > 0 && !c.JSON {
		fmt.Fprintf(s.out, "\n%s forgotten\n", count(n, "message"))
	}
	return err
}

// shelves returns the folder of what was set aside and the bridges that are meant
// and have a file there. A bridge that the configuration does not have any more
// may have one.
func (c *bridgeAsideCommand) shelves() (folder string, names []string, err error) {
	store, err := c.folder()
	if err != nil {
		return "", nil, err
	}
	if _, err := os.Stat(store); err != nil {
		return "", nil, explainStore(err, store, c.Dir != "") // rather than that nothing is set aside
	}
	folder = filepath.Join(store, "bridge")
	files, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, asRoot(err)
	}
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), ".aside.jsonl"); ok && name != "" {
			names = append(names, name)
		}
	}
	if len(c.Name) == 0 {
		return folder, names, nil
	}
	if err := c.mustExist(names); err != nil {
		return "", nil, err
	}
	return folder, slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(c.Name, n) }), nil
}

// mustExist fails for a name that is neither one of those that have a file nor in
// the configuration. With --dir nothing is known of that.
func (c *bridgeAsideCommand) mustExist(have []string) error {
	others := slices.DeleteFunc(slices.Clone(c.Name), func(n string) bool { return slices.Contains(have, n) })
	if len(others) == 0 || c.Dir != "" {
		return nil
	}
	cfg, from, err := c.load()
	if err != nil {
		return err
	}
	_, err = chooseBridges(cfg.Bridges, others, from)
	return err
}

// readShelves returns what bridges have set aside, the oldest first.
func readShelves(folder string, names []string, log *slog.Logger) ([]setAside, map[string]*aside.Shelf, error) {
	var all []setAside
	shelves := make(map[string]*aside.Shelf)
	for _, name := range names {
		shelf, err := aside.Open(folder, name, log)
		if err != nil {
			return nil, nil, asRoot(err)
		}
		list, err := shelf.List()
		if err != nil {
			return nil, nil, fmt.Errorf("what bridge %s has set aside: %w", name, err)
		}
		for _, m := range list {
			all = append(all, setAside{name, m})
		}
		shelves[name] = shelf
	}
	slices.SortStableFunc(all, func(a, b setAside) int { return a.Time.Compare(b.Time) })
	return all, shelves, nil
}

// asRoot says what can be done if the store is another user's.
func asRoot(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; ask as the gateway's user, or as root", err)
	}
	return err
}

// forgetAside takes messages away and returns how many.
func forgetAside(shelves map[string]*aside.Shelf, all []setAside) (n int, err error) {
	ids := make(map[string][]uint64)
	for _, m := range all {
		ids[m.bridge] = append(ids[m.bridge], m.ID)
	}
	var errs []error
	for name, of := range ids {
		gone, err := shelves[name].Remove(of...)
		n += gone
		if err != nil {
			errs = append(errs, fmt.Errorf("forget what bridge %s has set aside: %w", name, asRoot(err)))
		}
	}
	return n, errors.Join(errs...)
}

func printAside(out io.Writer, all []setAside) error {
	const stamp = "2006-01-02 15:04:05"
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tBRIDGE\tTOPIC\tREMOTE TOPIC\tBYTES\tREASON")
	for _, m := range all {
		fmt.Fprintf(w, "%s\t%s\t%q\t%q\t%d\t%s\n", m.Time.Local().Format(stamp), harmless(m.bridge), m.Topic, m.Remote, m.Bytes, harmless(m.Reason))
	}
	return w.Flush()
}

// printAsideLines prints messages as they are in the file, with the bridge before
// the rest.
func printAsideLines(out io.Writer, all []setAside) error {
	for _, m := range all {
		name, err := json.Marshal(m.bridge)
		if err != nil {
			return err
		}
		b, err := m.MarshalJSON()
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "{\"bridge\":%s,%s\n", name, b[1:]); err != nil {
			return err
		}
	}
	return nil
}

// harmless is what an upstream says, for a terminal.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

func forBridges(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " for " + strings.Join(names, ", ")
}
