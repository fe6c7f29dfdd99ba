package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"gateway/broker/store"
)

// storeCommands are for what the gateway keeps on disk.
func storeCommands() []entry {
	return []entry{
		{name: "inspect", help: "Say what the store has: clients, what waits for them, files. Also while the gateway runs.", command: &storeInspectCommand{}},
		{name: "verify", help: "Read everything and check it; exit status 0 or 1. Also while the gateway runs.", command: &storeVerifyCommand{}},
		{name: "compact", help: "Make the store as small as it can be. The gateway must not run.", command: &storeCompactCommand{}},
		{name: "backup", help: "Copy the store to a new folder. Also while the gateway runs.", command: &storeBackupCommand{}},
	}
}

// storeFlags say which store.
type storeFlags struct {
	configFlag
	Dir string
}

func (c *storeFlags) flags(f *flagSet) {
	c.configFlag.flags(f)
	f.StringVar(&c.Dir, "dir", "", "`DIR` of the store. Default: persistence.path of the configuration, or what stands for it, or the service's.")
}

// folder returns where the store is.
func (f storeFlags) folder() (string, error) {
	if f.Dir != "" {
		return f.Dir, nil
	}
	cfg, from, err := f.load()
	if err != nil {
		return "", err
	}
	if !cfg.Persistence.Enabled {
		return "", fmt.Errorf("%s: persistence.enabled is false: there is no store; --dir names one", from)
	}
	dir, _, err := storeOf(cfg, from)
	if err != nil {
		return "", &statusError{err: fmt.Errorf("persistence.%w", err), status: exitConfig}
	}
	return dir, nil
}

// look reads the store.
func (f storeFlags) look() (*store.View, error) {
	dir, err := f.folder()
	if err != nil {
		return nil, err
	}
	v, err := store.Look(dir)
	return v, explainStore(err, dir, f.Dir != "")
}

type storeInspectCommand struct {
	storeFlags
	JSON     bool
	Messages string
	Max      int
}

func (c *storeInspectCommand) flags(f *flagSet) {
	c.storeFlags.flags(f)
	f.BoolVar(&c.JSON, "json", false, "Print JSON.")
	f.StringVar(&c.Messages, "messages", "", "List what waits for `CLIENT` instead.")
	f.IntVarP(&c.Max, "max", "n", 100, "With --messages, `NUMBER` of them at most; 0 for all.")
}

// Run prints what is in the store.
func (c *storeInspectCommand) Run(_ context.Context, s streams) error {
	if c.Max < 0 {
		return &statusError{err: errors.New("--max is at least 0; see gateway store inspect --help"), status: exitUsage}
	}
	v, err := c.look()
	if err != nil {
		return err
	}
	defer v.Close()
	switch {
	case c.Messages != "":
		return c.messages(s.out, v)
	case c.JSON:
		return printJSON(s.out, v.Summary())
	}
	printSummary(s.out, v.Summary())
	return nil
}

// storedMessage is what waits for a client.
type storedMessage struct {
	Seq      uint64     `json:"seq"`
	Topic    string     `json:"topic,omitempty"`
	QoS      byte       `json:"qos"` // that it was published with
	Size     int        `json:"bytes"`
	Came     time.Time  `json:"came,omitzero"`
	Expires  *time.Time `json:"expires,omitempty"`
	Released bool       `json:"released,omitempty"` // the client has it, and has not said so for good
	Error    string     `json:"error,omitempty"`
}

func (c *storeInspectCommand) messages(out io.Writer, v *store.View) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	enc := json.NewEncoder(out)
	n, more := 0, false
	var failed error
	err := v.Queue(c.Messages, func(q store.Queued, m *store.Message, err error) bool {
		if more = c.Max > 0 && n == c.Max; more {
			return false
		}
		if n == 0 && !c.JSON {
			fmt.Fprintln(w, "SEQ\tCAME\tEXPIRES\tQOS\tBYTES\tTOPIC")
		}
		n++
		x := storedMessage{Seq: q.Seq, Released: q.Released}
		if err != nil {
			x.Error = err.Error()
			failed = &statusError{err: fmt.Errorf("message %d cannot be read: %w", q.Seq, err), status: exitFailure}
		}
		if m != nil {
			x.Topic, x.QoS, x.Size, x.Came = m.Topic, m.QoS, len(m.Payload), time.UnixMilli(m.Came)
			if m.Expires != 0 {
				at := time.UnixMilli(m.Expires)
				x.Expires = &at
			}
		}
		if c.JSON {
			return enc.Encode(x) == nil
		}
		x.print(w)
		return true
	})
	_ = w.Flush()
	switch {
	case err != nil || c.JSON:
	case n == 0:
		fmt.Fprintf(out, "nothing waits for %q\n", c.Messages)
	case more:
		fmt.Fprintln(out, "and more; -n 0 lists all")
	}
	return errors.Join(err, failed)
}

func (x *storedMessage) print(w io.Writer) {
	const stamp = "2006-01-02 15:04:05"
	switch {
	case x.Released:
		fmt.Fprintf(w, "%d\t-\t-\t2\t-\t(the client has it, and its PUBCOMP is missing)\n", x.Seq)
	case x.Error != "":
		fmt.Fprintf(w, "%d\t-\t-\t-\t-\t(%s)\n", x.Seq, x.Error)
	default:
		expires := "-"
		if x.Expires != nil {
			expires = x.Expires.Format(stamp)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%d\t%q\n", x.Seq, x.Came.Format(stamp), expires, x.QoS, x.Size, x.Topic)
	}
}

func printJSON(out io.Writer, x any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(x)
}

// bytesText writes 1234567 as "1.2 MB".
func bytesText(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

func printSummary(out io.Writer, sum store.Summary) {
	fmt.Fprintln(out, sum.Folder)
	fmt.Fprintf(out, "%s in %s and %s, of which messages that are needed take %s; read in %v\n",
		bytesText(sum.Bytes), count(len(sum.Segments), "segment"), count(sum.Spares, "spare"), bytesText(sum.Needed), sum.Took.Round(time.Millisecond))
	fmt.Fprintf(out, "%s, %s, %s\n", count(len(sum.Sessions), "session"), count(sum.Waiting, "message")+" waiting", count(sum.Retained, "retained message"))
	if len(sum.Sessions) > 0 {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "\nCLIENT\tWAITING\tSIZE\tSUBSCRIPTIONS")
		for _, x := range sum.Sessions {
			fmt.Fprintf(w, "%q\t%d\t%s\t%s\n", x.Client, x.Waiting, bytesText(x.Bytes), strings.Join(x.Subscriptions, " "))
		}
		w.Flush()
	}
	if len(sum.Segments) > 0 {
		const stamp = "2006-01-02 15:04:05"
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "\nFILE\tSIZE\tUSED\tNEEDED\tWRITES\tFROM\tTO")
		for _, x := range sum.Segments {
			from, to := "-", "-"
			if x.Frames > 0 {
				from, to = x.Since.Format(stamp), x.Until.Format(stamp)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", x.File, bytesText(x.Bytes), bytesText(x.Used), bytesText(x.Needed), x.Frames, from, to)
		}
		w.Flush()
	}
	if sum.TornBytes > 0 {
		fmt.Fprintf(out, "\nThe end of %s, %s, was being written; nothing in it was acknowledged. The next start cuts it off.\n", sum.TornSegment, bytesText(sum.TornBytes))
	}
	if len(sum.Damage) > 0 {
		fmt.Fprintf(out, "\nDamaged; the next start keeps all that can be read, and the files:\n")
		printDamage(out, sum.Damage)
	}
	if len(sum.Aside) > 0 {
		fmt.Fprintf(out, "\nSet aside because they were damaged, not needed any more: %s\n", strings.Join(sum.Aside, ", "))
	}
}

func printDamage(out io.Writer, damage []store.Damage) {
	for _, x := range damage {
		lost := ""
		if x.Frames > 0 {
			lost = fmt.Sprintf(" (%s lost)", count(x.Frames, "write"))
		}
		fmt.Fprintf(out, "%s at %d, %d bytes: %s%s\n", x.File, x.At, x.Bytes, x.Reason, lost)
	}
}

type storeVerifyCommand struct {
	storeFlags
	JSON bool
}

func (c *storeVerifyCommand) flags(f *flagSet) {
	c.storeFlags.flags(f)
	f.BoolVar(&c.JSON, "json", false, "Print what is damaged as JSON.")
}

// Run checks the store.
func (c *storeVerifyCommand) Run(_ context.Context, s streams) error {
	v, err := c.look()
	if err != nil {
		return err
	}
	defer v.Close()
	damage, err := v.Verify()
	if err != nil {
		return err
	}
	sum := v.Summary()
	if c.JSON {
		if damage == nil {
			damage = []store.Damage{}
		}
		if err := printJSON(s.out, damage); err != nil {
			return err
		}
	} else {
		printDamage(s.out, damage)
	}
	if len(damage) > 0 {
		return fmt.Errorf("%s: %s", sum.Folder, count(len(damage), "damaged part"))
	}
	if !c.JSON {
		fmt.Fprintf(s.out, "%s: ok (%s, %s, %s waiting, %s)\n", sum.Folder, count(len(sum.Segments), "segment"),
			count(len(sum.Sessions), "session"), count(sum.Waiting, "message"), count(sum.Retained, "retained message"))
		if sum.TornBytes > 0 {
			fmt.Fprintf(s.out, "the end of %s, %s, was being written; nothing in it was acknowledged\n", sum.TornSegment, bytesText(sum.TornBytes))
		}
	}
	return nil
}

type storeCompactCommand struct{ storeFlags }

// Run makes the store small.
func (c *storeCompactCommand) Run(ctx context.Context, s streams) error {
	v, err := c.look() // there is one
	if err != nil {
		return err
	}
	before := v.Summary()
	v.Close()
	d, err := store.Open(before.Folder, store.Options{Interval: time.Second})
	if err != nil {
		var used *store.InUseError
		if errors.As(err, &used) {
			err = fmt.Errorf("%w; it clears away by itself what is worth it", err)
		}
		return err
	}
	err = d.Compact(ctx)
	after := d.Stats()
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s: %s, was %s\n", before.Folder, bytesText(after.Bytes), bytesText(before.Bytes))
	return nil
}

type storeBackupCommand struct {
	storeFlags
	Target string
}

func (c *storeBackupCommand) flags(f *flagSet) {
	c.storeFlags.flags(f)
	f.args.StringVar(&c.Target, "FOLDER", "", "The folder to be made.")
	f.least = 1
}

// Help is shown by gateway store backup --help.
func (c *storeBackupCommand) Help() string {
	return `The copy has everything that was acknowledged when the command began.

To restore it: stop the gateway, put the copy in the place of its store
(gateway store inspect names the folder), with the same owner, and start it.`
}

// Run copies the store.
func (c *storeBackupCommand) Run(_ context.Context, s streams) error {
	dir, err := c.folder()
	if err != nil {
		return err
	}
	sum, err := store.Backup(dir, c.Target)
	if err != nil {
		return explainStore(err, dir, c.Dir != "")
	}
	fmt.Fprintf(s.out, "%s: %s (%s, %s waiting, %s)\n", sum.Folder, bytesText(sum.Bytes),
		count(len(sum.Sessions), "session"), count(sum.Waiting, "message"), count(sum.Retained, "retained message"))
	if len(sum.Damage) > 0 {
		printDamage(s.out, sum.Damage)
		return fmt.Errorf("%s: the store is damaged, and so is the copy", sum.Folder)
	}
	return nil
}
