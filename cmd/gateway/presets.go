package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"gateway/bridge"
	"gateway/cmd/gateway/internal/config"
)

type bridgePresetsCommand struct {
	Name string
}

func (c *bridgePresetsCommand) flags(f *flagSet) {
	f.args.StringVar(&c.Name, "NAME", "", "Say all about this preset.")
}

// Run lists the presets or describes one.
func (c *bridgePresetsCommand) Run(_ context.Context, s streams) error {
	all := bridge.Presets()
	if c.Name == "" {
		return listPresets(s.out, all)
	}
	var names []string
	for _, p := range all {
		if p.Name == c.Name {
			return describePreset(s.out, p)
		}
		names = append(names, p.Name)
	}
	hint := "gateway bridge presets lists them"
	if near := config.Nearest(c.Name, names); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	return &statusError{err: fmt.Errorf("there is no preset %q; %s", c.Name, hint), status: exitUsage}
}

func listPresets(out io.Writer, all []bridge.Preset) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PRESET\tMQTT\tQOS\tRETAIN\tMAX BYTES\tMAX LEVELS\tIN FLIGHT\tPER SECOND\tREPLACES\tNEEDS\tFOR")
	for _, p := range all {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.Protocol, p.MaxQoS, yesNo(p.RetainAvailable),
			limit(float64(p.MaxMessageSize)), limit(float64(p.MaxTopicLevels)), limit(float64(p.MaxInflight)), limit(p.MaxRate),
			orDash(p.ReplaceInTopics), orDash(presetNeeds(p)), p.Title)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "\n- is none. gateway bridge presets NAME shows the keys, and what the bridge does in place of what is missing.")
	return err
}

// describePreset shows what a preset sets as the keys of a bridge that say the
// same.
func describePreset(out io.Writer, p bridge.Preset) error {
	fmt.Fprintf(out, "%s: %s\n\n", p.Name, p.Title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	key := func(name, value, about string) { fmt.Fprintf(w, "%s: %s\t# %s\n", name, value, about) }
	key("protocol", strconv.Quote(p.Protocol), "version of MQTT")
	key("bridge_bit", presetBit(p), "whether it is told that we are a bridge")
	key("max_qos", strconv.Itoa(p.MaxQoS), "higher ones are sent with this")
	key("max_message_size", strconv.Itoa(p.MaxMessageSize), "bytes of payload, 0 for any number")
	key("max_topic_levels", strconv.Itoa(p.MaxTopicLevels), "0 for any number")
	key("retain_available", strconv.FormatBool(p.RetainAvailable), "whether it keeps retained messages")
	key("replace_in_topics", strconv.Quote(p.ReplaceInTopics), "characters that become _")
	if p.MaxInflight > 0 {
		key("max_inflight", strconv.Itoa(p.MaxInflight), "the most that counts; fewer can be set")
	}
	if p.MaxRate > 0 {
		key("max_rate", decimal(p.MaxRate), "messages a second")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if p.NeedsClientID {
		fmt.Fprint(out, "\nclient_id has to be set.")
	}
	if p.NeedsTLS {
		fmt.Fprint(out, "\nThe address has to begin with mqtts:// or wss://.")
	}
	if p.ALPN != "" {
		fmt.Fprintf(out, "\nOn port 443 the bridge asks for %s, unless tls.alpn is set.", p.ALPN)
	}
	_, err := fmt.Fprintf(out, "\n%s\n", cmp.Or(p.Notes, "Nothing is assumed that MQTT 3.1.1 does not promise."))
	return err
}

// presetBit is where Mosquitto's bridge bit is used; MQTT 5 has none.
func presetBit(p bridge.Preset) string {
	if p.Protocol == "5" {
		return "off"
	}
	return p.BridgeBit
}

// presetNeeds are what the configuration has to have.
func presetNeeds(p bridge.Preset) string {
	var needs []string
	if p.NeedsClientID {
		needs = append(needs, "client_id")
	}
	if p.NeedsTLS {
		needs = append(needs, "TLS")
	}
	return strings.Join(needs, ", ")
}

func limit(n float64) string {
	if n == 0 {
		return "-"
	}
	return decimal(n)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
