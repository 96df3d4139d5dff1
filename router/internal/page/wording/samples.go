package wording

import (
	"fmt"
	"strings"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
)

// Sample is an incident that was made up, to show and to try templates with.
type Sample struct {
	Name     string // died, threshold, …; each once
	Incident incident.Incident
	Bare     bool // its message has as little as one can have
}

// Samples are one incident of each kind of rule, one of an alert as Prometheus sends it, one of several alerts, one as an earlier release left it, and one whose
// sender means harm.
func Samples() []Sample {
	at := time.Date(2026, 11, 29, 3, 4, 5, 0, time.UTC)
	host := map[string]string{"host": "web1", "team": "web"}
	container := map[string]string{"host": "web1", "container_name": "shop", "image": "shop:1.5", "exit_code": "137", "team": "web"}
	watched := map[string]string{"check": "shop", "target": "https://shop.example.org/health", "team": "web"}
	const runbook = "https://wiki.example.org/shop"
	before := []incident.Mark{
		{At: at.Add(-12 * time.Second), Text: "container shop was replaced: shop:1.4 → shop:1.5"},
		{At: at.Add(-3 * time.Minute), Text: "container db was stopped on request"},
	}
	died := incident.Alert{Rule: "container-died", Summary: "container shop died with exit 137 on web1", Labels: container, Reason: "exit 137, which nobody asked for, and no restart policy", Runbook: runbook, Before: before}
	oom := incident.Alert{Rule: "container-oom", Summary: "container shop ran out of memory on web1", Labels: container, Severity: incident.SeverityTicket, Reason: "the kernel killed in it for want of memory", Before: before}
	of := func(name string, alerts ...incident.Alert) Sample { return sample(name, at, alerts...) }
	return []Sample{
		of("container_died", died),
		of("container_oom", oom),
		of("container_unhealthy", incident.Alert{Rule: "container-unhealthy", Summary: "container shop is unhealthy on web1", Labels: container, Severity: incident.SeverityTicket, Reason: "its own health check says unhealthy"}),
		of("threshold", incident.Alert{Rule: "container-memory", Summary: "shop on web1 uses 95.5 % of its memory", Labels: container, Reason: "docker_container_mem usage_percent is 95.5, above 90 for 5m", Runbook: runbook, Before: before}),
		of("absence", incident.Alert{Rule: "agent-gone", Summary: "nezuban_agent of web1 has been silent for 2m", Labels: host, Reason: "no nezuban_agent since 03:02:05 UTC, longer than 2m, and no goodbye before"}),
		of("check-down", incident.Alert{Rule: "check-down", Summary: "check shop is down: https://shop.example.org/health (oregon: timeout; tokyo: status 503)", Labels: watched, Reason: "2 of 3 locations see it down, 2 are enough", Runbook: runbook}),
		of("slo", incident.Alert{Rule: "shop-availability", Summary: "shop-availability: check shop is burning the 30-day budget 22× too fast (1h; 31× in 5m; limit 14.4×)", Labels: watched, Reason: "burning the 30-day budget 22× too fast (1h; 31× in 5m; limit 14.4×)"}),
		of("error-seen", incident.Alert{Rule: "error-seen", Summary: "OperationalError: connection refused", Labels: map[string]string{"project": "shop", "environment": "prod", "release": "1.5", "error_type": "OperationalError"}, Reason: "the first event of an error opens an incident"}),
		of("alert-received", incident.Alert{Rule: "alert-received", Summary: "ErrorsHigh: more than 2 % of requests to the shop fail", Labels: map[string]string{"alertname": "ErrorsHigh", "instance": "web1:9100", "job": "shop", "namespace": "prod", "severity": "critical", "team": "web"}, Reason: "3.2 % of requests fail on web1:9100", Runbook: runbook, Source: "https://prometheus.example.org/graph?g0.expr=shop_errors_ratio+%3E+0.02&g0.tab=1"}),
		of("manual", incident.Alert{Rule: incident.RuleManual, Summary: "the shop looks odd (opened by alice)", Reason: "alice opened it by hand"}),
		of("several", died, oom, incident.Alert{Rule: "container-died", Summary: "container db died with exit 1 on web1", Labels: map[string]string{"host": "web1", "container_name": "db"}}),
		{Name: "bare", Bare: true, Incident: of("", incident.Alert{Rule: "rule", Severity: incident.SeverityTicket}).Incident},
		of("hostile", incident.Alert{
			Rule: "container-died", Summary: "<!channel> <b>{{.Secret}}</b>\x1b[2J\r\n" + strings.Repeat("夜", 3000),
			Labels: map[string]string{"host": "a\nb", "": "", "container_name": strings.Repeat("x", 3000)}, Reason: "\u202e%s%n",
		}),
	}
}

// sample is an incident that holds these alerts, which fired a second apart.
func sample(name string, at time.Time, alerts ...incident.Alert) Sample {
	inc := incident.Incident{
		Version: incident.Version, ID: "01JDN4Z3V0", State: incident.Triggered, Severity: incident.SeverityPage, OpenedAt: at,
		Alerts: map[string]incident.AlertState{}, AcknowledgedBy: "bob", ResolvedBy: "bob",
	}
	if s := alerts[0].Severity; s != "" {
		inc.Severity = s
	}
	for i, a := range alerts {
		a.Key, a.Firing, a.At = fmt.Sprintf("%s|%d", a.Rule, i), true, at.Add(time.Duration(i)*time.Second)
		inc.Alerts[a.Key] = incident.AlertState{Alert: a, Count: 1, First: a.At}
	}
	return Sample{Name: name, Incident: inc}
}

// Message is a message about the sample with its built-in words, and the facts behind it.
func (s Sample) Message(kind page.Kind) (page.Message, page.Facts) {
	if s.Bare {
		s.Incident.AcknowledgedBy, s.Incident.ResolvedBy = "", ""
		return page.Draft(s.Incident, kind, "", "")
	}
	const why = "step 1 of policy standard: on call for primary until 2026-11-30 09:00 UTC"
	m, f := page.Draft(s.Incident, kind, why, "https://nezuban.example.org/incidents/"+s.Incident.ID)
	m.PageID, m.Repeat, m.People = s.Incident.ID+"-0", true, []page.Recipient{{Person: "alice"}}
	f.AckURL = "https://nezuban.example.org/ack/example"
	m.AckURL = f.AckURL
	m.Title, m.Text = page.Words(f)
	return m, f
}
