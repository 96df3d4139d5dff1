package ingest

import (
	"crypto/subtle"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/ingest/sentry"
)

// RuleErrorSeen is the rule in whose name error events speak.
const RuleErrorSeen = "error-seen"

// Project is one sender of errors.
type Project struct {
	ID       string // as in the DSN's path
	Name     string // as people know it; "" means ID
	Key      string // the DSN's public key
	Severity incident.Severity
	Labels   map[string]string // added to every alert, for routes to match on
	Runbook  string            // URL; "" for none
}

// opensTo reports whether the keys presented, at least one, are all the project's.
func (p Project) opensTo(keys []string) bool {
	if p.Key == "" || len(keys) == 0 {
		return false
	}
	ok := 1
	for _, k := range keys {
		ok &= subtle.ConstantTimeCompare([]byte(p.Key), []byte(k))
	}
	return ok == 1
}

// requestKeys are the keys in the request's head: `X-Sentry-Auth: Sentry sentry_key=…, …`, the same under
// Authorization, and ?sentry_key=….
func requestKeys(r *http.Request) []string {
	var keys []string
	for _, header := range []string{"X-Sentry-Auth", "Authorization"} {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(r.Header.Get(header)), " ")
		if !strings.EqualFold(scheme, "Sentry") {
			continue
		}
		for pair := range strings.SplitSeq(rest, ",") {
			if name, value, _ := strings.Cut(strings.TrimSpace(pair), "="); name == "sentry_key" {
				keys = append(keys, value)
			}
		}
	}
	return append(keys, r.URL.Query()["sentry_key"]...)
}

// dsnKey is the public key in a DSN, or "".
func dsnKey(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.User == nil {
		return ""
	}
	return u.User.Username()
}

// oldest is how far back an event's own time is believed.
const oldest = 7 * 24 * time.Hour

// alert words an event as the alert that it is.
func (p Project) alert(e sentry.Event, now time.Time) incident.Alert {
	at := e.Time
	if at.IsZero() || at.After(now) {
		at = now
	}
	if earliest := now.Add(-oldest); at.Before(earliest) {
		at = earliest
	}
	return incident.Alert{
		Key:      incident.DedupKey("error", p.ID, e.Group().Key),
		Rule:     RuleErrorSeen,
		Kind:     incident.KindOccurrence,
		Firing:   true,
		Severity: p.severity(e.Level),
		Labels:   p.labels(e),
		Summary:  e.Title(),
		At:       at,
		Event:    e.ID,
		Reason:   "the first event of an error opens an incident",
		Runbook:  p.Runbook,
	}
}

// severity is the project's, but what the sender itself does not call an error wakes nobody.
func (p Project) severity(level string) incident.Severity {
	limit := p.Severity
	switch level {
	case "warning":
		limit = incident.SeverityTicket
	case "info", "debug", "log":
		limit = incident.SeverityInfo
	}
	if limit.Rank() < p.Severity.Rank() {
		return limit
	}
	return p.Severity
}

func (p Project) labels(e sentry.Event) map[string]string {
	labels := map[string]string{"project": p.Name}
	if p.Name == "" {
		labels["project"] = p.ID
	}
	for name, value := range map[string]string{"environment": e.Environment, "release": e.Release, "error_type": e.ErrorType()} {
		if value = sentry.Line(value); value != "" {
			labels[name] = value
		}
	}
	maps.Copy(labels, p.Labels)
	return labels
}
