package settings

import (
	"cmp"
	"net/url"
	"slices"
	"time"

	"nezuban/agent/deadman"
	"nezuban/agent/influx"
	"nezuban/agent/tomlfile"
)

// DeadMan is [dead_man]: who is told when the router takes nothing.
type DeadMan struct {
	EventsKeyFile string            `toml:"events_key_file"`
	BaseURL       string            `toml:"base_url"`
	URLFile       string            `toml:"url_file"`
	Output        string            `toml:"output"`
	After         tomlfile.Duration `toml:"after"`
}

const (
	defaultRouterOutput = "router"
	routingKeyLength    = 32
	minDeadManAfter     = 10 * time.Second
	maxDeadManAfter     = time.Hour
)

// Validate checks the table of a program, one of influx's From constants, against the outputs and the state folder, and returns the
// switch without its source; nil when there is no such table. The output that it names, or would name, must get what a router needs.
func (d DeadMan) Validate(v *tomlfile.Validator, from string, outputs []influx.Output, stateDir string) *deadman.Config {
	routerGets(v, from, cmp.Or(d.Output, defaultRouterOutput), outputs)
	if d == (DeadMan{}) {
		return nil
	}
	c := deadman.Config{Program: from, Output: cmp.Or(d.Output, defaultRouterOutput), After: time.Duration(d.After), EventsURL: d.BaseURL, StateDir: stateDir}
	switch {
	case v.Said("dead_man", "events_key_file") || v.Said("dead_man", "url_file"): // there is one, which was not understood
	case (d.EventsKeyFile == "") == (d.URLFile == ""):
		v.Wrong(nil, "either events_key_file or url_file", "dead_man")
	case d.EventsKeyFile != "":
		d.events(v, &c)
	default:
		d.webhook(v, &c)
	}
	unknown := len(outputs) == 0 || slices.ContainsFunc(outputs, func(o influx.Output) bool { return o.Name == "" }) // which was said
	if !unknown && !slices.ContainsFunc(outputs, func(o influx.Output) bool { return o.Name == c.Output }) {
		v.Wrong(c.Output, "the name of the [[output]] that is the router", "dead_man", "output")
	}
	if c.After == 0 {
		c.After = deadman.DefaultAfter
	} else if c.After < minDeadManAfter || c.After > maxDeadManAfter {
		v.Wrong(d.After.String(), minDeadManAfter.String()+" to "+maxDeadManAfter.String(), "dead_man", "after")
	}
	if stateDir == "" {
		v.Wrong(nil, "a folder, because [dead_man] must remember what it triggered", "state_dir")
	}
	return &c
}

func (d DeadMan) events(v *tomlfile.Validator, c *deadman.Config) {
	c.RoutingKey = v.Secret(d.EventsKeyFile, "dead_man", "events_key_file")
	if c.RoutingKey != "" && len(c.RoutingKey) != routingKeyLength {
		v.Wrong(d.EventsKeyFile, "a file with the 32 characters of an integration key of type Events API v2", "dead_man", "events_key_file")
	}
	if c.EventsURL == "" {
		c.EventsURL = deadman.EventsURL
	} else {
		address(v, c.EventsURL, []any{"dead_man", "base_url"})
	}
}

func (d DeadMan) webhook(v *tomlfile.Validator, c *deadman.Config) {
	if d.BaseURL != "" {
		v.Wrong(d.BaseURL, "nothing, because url_file names a whole URL", "dead_man", "base_url")
	}
	c.WebhookURL = v.Secret(d.URLFile, "dead_man", "url_file")
	if u, err := url.Parse(c.WebhookURL); c.WebhookURL != "" && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		v.Wrong(d.URLFile, "a file with a URL like https://example.org/hook", "dead_man", "url_file")
	}
}
