package schedule

import "nezuban/agent/tomlfile"

// The raw… types are the file as it is written. A field of type unbuilt is a key of the format that this release
// refuses by its name, so that it is never mistaken for a key that nobody knows, nor silently ignored.

// unbuilt holds whatever stands at such a key; nil when the key is absent.
type unbuilt any

type rawFile struct {
	Zone      string                 `toml:"zone"`
	Holidays  map[string]any         `toml:"holidays"` // lists of bare day or string
	People    map[string]rawPerson   `toml:"people"`
	Schedule  map[string]rawSchedule `toml:"schedule"`
	Change    []rawChange            `toml:"change"`
	Policy    map[string]rawPolicy   `toml:"policy"`
	Route     []rawRoute             `toml:"route"`
	Limits    *rawLimits             `toml:"limits"`
	Mute      unbuilt                `toml:"mute"`
	Heartbeat unbuilt                `toml:"heartbeat"`
}

// empty reports whether nothing at all could be read.
func (r *rawFile) empty() bool {
	return r.Zone == "" && r.People == nil && r.Schedule == nil && r.Change == nil && r.Policy == nil && r.Route == nil
}

type rawPerson struct {
	Page     []string `toml:"page"`
	Ticket   []string `toml:"ticket"`
	Zone     string   `toml:"zone"`
	Quiet    any      `toml:"quiet"` // string or list of string
	PTO      string   `toml:"pto"`
	Holidays any      `toml:"holidays"` // string or list of string
}

type rawSchedule struct {
	Layers    []rawLine `toml:"layers"`
	NeverWith any       `toml:"never_with"` // string or list of string
}

type rawLine struct {
	Name   string `toml:"name"`
	Every  string `toml:"every"`
	From   any    `toml:"from"` // string
	To     any    `toml:"to"`   // string or bare day
	Who    any    `toml:"who"`  // list of string or list of string
	Zone   string `toml:"zone"`
	When   any    `toml:"when"`   // string or list of string
	Except any    `toml:"except"` // string or list of string
	Only   any    `toml:"only"`   // likewise
	Count  string `toml:"count"`
	Shadow bool   `toml:"shadow"`
}

type rawChange struct {
	Cover *rawCover `toml:"cover"`
	Add   *rawAdd   `toml:"add"`
	Off   *rawOff   `toml:"off"`
	Swap  *rawSwap  `toml:"swap"`
}

type rawCover struct {
	On   string `toml:"on"`
	By   string `toml:"by"`
	For  string `toml:"for"`
	From any    `toml:"from"` // string or bare day
	To   any    `toml:"to"`
	Zone string `toml:"zone"`
}

type rawAdd struct {
	On   string `toml:"on"`
	Who  string `toml:"who"`
	From any    `toml:"from"` // as in rawCover
	To   any    `toml:"to"`
	Zone string `toml:"zone"`
}

type rawOff struct {
	Who  string `toml:"who"`
	From any    `toml:"from"` // as in rawCover
	To   any    `toml:"to"`
	Zone string `toml:"zone"`
}

type rawSwap struct {
	On    string   `toml:"on"`
	Layer string   `toml:"layer"`
	Turns []string `toml:"turns"`
	Zone  string   `toml:"zone"`
}

type rawPolicy struct {
	Steps      []rawStep          `toml:"steps"`
	Repeat     int                `toml:"repeat"`
	Fallback   string             `toml:"fallback"`
	AckTimeout *tomlfile.Duration `toml:"ack_timeout"`
	Hold       any                `toml:"hold"` // string or list of string
}

type rawStep struct {
	Page any                `toml:"page"` // string or list of string
	Wait *tomlfile.Duration `toml:"wait"`
	Pick string             `toml:"pick"`
}

type rawLimits struct {
	NightsRunning int               `toml:"nights_running"`
	NightShare    int               `toml:"night_share"`
	Rest          tomlfile.Duration `toml:"rest"`
	Notice        tomlfile.Duration `toml:"notice"`
}

type rawRoute struct {
	Match  map[string]string `toml:"match"`
	Policy string            `toml:"policy"`
}
