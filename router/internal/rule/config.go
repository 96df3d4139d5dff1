package rule

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"nezuban/agent/tomlfile"
	"nezuban/router/internal/incident"
)

// Config is the part of the router's configuration that says what is watched:
//
//	absence_grace = "60s"             # after a start, how long nothing is called absent
//
//	[[rule]]
//	id = "container-died"
//	kind = "container_died"           # or container_oom, container_unhealthy
//
//	[[rule]]
//	id = "container-memory"
//	kind = "threshold"
//	measurement = "docker_container_mem"
//	field = "usage_percent"
//	above = 90.0                      # or below; strictly
//	for = "5m"
//	where = { container_image = "postgres" }
//	by = ["host", "container_name"]   # one alert each
//	severity = "ticket"
//	labels = { team = "db" }
//	summary = "{container_name} on {host} uses {value} % of its memory"
//
//	[[rule]]
//	id = "agent-gone"
//	kind = "absence"
//	measurement = "nezuban_agent"
//	after = "2m"
//
//	[[slo]]
//	id = "shop-availability"
//	check = "shop"
//	objective = 99.9
//	period = "30d"
//
// A rule for the quorum of each check needs no entry: its id is [CheckDown].
type Config struct {
	Rules []RuleConfig `toml:"rule"`
	SLOs  []SLOConfig  `toml:"slo"`

	// AbsenceGrace is how long after a start no known series is called absent: twice the longest time that a sender
	// waits before it tries again. Zero is 60 s.
	AbsenceGrace tomlfile.Duration `toml:"absence_grace"`
}

// RuleConfig is one [[rule]]. Which keys it may have depends on its kind; see [Compile].
type RuleConfig struct { //nolint:revive // Config is the whole file's part; this is one rule of it, beside SLOConfig
	ID          string             `toml:"id"`
	Kind        string             `toml:"kind"`
	Measurement string             `toml:"measurement"`
	Where       map[string]string  `toml:"where"` // tags that must have these values
	Field       string             `toml:"field"`
	Above       *float64           `toml:"above"`
	Below       *float64           `toml:"below"`
	For         *tomlfile.Duration `toml:"for"`
	Stale       *tomlfile.Duration `toml:"stale"` // a sample older than this says nothing about now; 90s
	By          []string           `toml:"by"`
	After       *tomlfile.Duration `toml:"after"`
	Severity    incident.Severity  `toml:"severity"`
	Labels      map[string]string  `toml:"labels"`
	Summary     string             `toml:"summary"`
	Runbook     string             `toml:"runbook"` // a URL
}

// SLOConfig is one [[slo]]: an availability objective over the results of a check.
type SLOConfig struct {
	ID        string            `toml:"id"`
	Check     string            `toml:"check"`
	Objective float64           `toml:"objective"` // percent
	Period    Period            `toml:"period"`
	MinBad    *int              `toml:"min_bad"`   // in the long window; 2
	MinTotal  *int              `toml:"min_total"` // in the short window; 3
	Labels    map[string]string `toml:"labels"`
	Runbook   string            `toml:"runbook"`
}

// Period is a length in whole days, written "30d".
type Period time.Duration

// UnmarshalText reads whole days. Its error is worded as what was expected.
func (p *Period) UnmarshalText(text []byte) error {
	digits, ok := strings.CutSuffix(string(text), "d")
	days, err := strconv.Atoi(digits)
	if !ok || err != nil || days < 1 || days > 1000 {
		return errors.New(p.Expected())
	}
	*p = Period(time.Duration(days) * 24 * time.Hour)
	return nil
}

// Expected says what a period looks like in a file.
func (*Period) Expected() string { return `a number of days, such as "30d"` }

// Kinds of rules, as they are written.
const (
	kindThreshold          = "threshold"
	kindAbsence            = "absence"
	kindContainerDied      = "container_died"
	kindContainerOOM       = "container_oom"
	kindContainerUnhealthy = "container_unhealthy"
)

// Defaults of the keys.
const (
	defaultStale    = 90 * time.Second
	defaultGrace    = 60 * time.Second
	defaultPeriod   = 30 * 24 * time.Hour
	defaultMinBad   = 2
	defaultMinTotal = 3
)

// defaultSeverity is how much a kind of rule disturbs when its entry does not say.
func defaultSeverity(kind string) incident.Severity {
	switch kind {
	case kindAbsence, kindContainerDied:
		return incident.SeverityPage
	default:
		return incident.SeverityTicket
	}
}
