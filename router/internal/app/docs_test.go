package app

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/tlsfile"
	"nezuban/docs"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/ingest"
	"nezuban/router/internal/ingest/prometheus"
	"nezuban/router/internal/page/wording"
	"nezuban/router/internal/rule"
)

// TestDocsExamples loads every router.toml of the documentation together with the last, which is the full, example of
// each file that it names.
func TestDocsExamples(t *testing.T) {
	beside := map[string]string{
		"sentry.dsn": "secret\n", "pagerduty.token": "secret\n", "sms.token": "secret\n", "call.token": "secret\n", "slack.token": "secret\n", "smtp.password": "secret\n",
		"pagerduty-webhook.secret": "secret\n", "pagerduty-events.key": "secret\n", "etcd.password": "secret\n", "etcd-ca.pem": testCertificate(t).cert, "etcd.pem": testCertificate(t).cert, "etcd-key.pem": testCertificate(t).key,
		"influxdb.token": "secret\n", "influxdb-ca.pem": testCertificate(t).cert, "dead-man.url": "https://example.org/ping/1\n", "webhook.secret": "whsec_S0VFUC1JVC1TRUNSRVQta2VlcC1pdC1zZWNyZXQ=\n",
	}
	beside["templates/trigger.tmpl"] = docsTemplate(t)
	for i, text := range docsExamples(t, "router.md", "router.toml") {
		// The minimal examples of all pages go together, and so do the full ones.
		for file, page := range map[string]string{"checks.toml": "checks.md", "oncall.toml": "oncall.md", "contacts.toml": "oncall.md"} {
			examples := docsExamples(t, page, file)
			beside[file] = examples[min(i, len(examples)-1)]
		}
		path := writeConfig(t, text, beside)
		for _, name := range []string{"router", "public"} {
			pair(t, tlsfile.Pair{Cert: filepath.Join(filepath.Dir(path), name+".crt"), Key: filepath.Join(filepath.Dir(path), name+".key")}, 1, time.Now().Add(time.Hour))
		}
		here := strings.ReplaceAll(text, "/etc/nezuban", filepath.Dir(path))
		if err := os.WriteFile(path, []byte(here), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := Load(path, noEnv)
		if err == nil {
			err = CheckOnCall(cfg)
		}
		if err != nil {
			t.Errorf("%v\nin\n%s", err, text)
		}
	}
}

// TestDocsRotations loads every rotation file of the documentation as the router does, which needs more of it
// than its parser.
func TestDocsRotations(t *testing.T) {
	for _, text := range docsExamples(t, "oncall.md", "oncall.toml") {
		if _, err := schedule.Parse("oncall.toml", []byte(text)); err != nil {
			t.Errorf("%v\nin\n%s", err, text)
		}
	}
}

// TestDocsNameEveryKey compares the table of keys with what the loader knows.
func TestDocsNameEveryKey(t *testing.T) {
	known, _ := docs.Keys(reflect.TypeFor[settings](), nil)
	documented, err := docs.Cells("router.md", "key in router.toml")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(known)
	slices.Sort(documented)
	if diff := cmp.Diff(known, documented); diff != "" {
		t.Errorf("docs/router.md (-known +documented):\n%s", diff)
	}
}

// TestDocsNameEveryFieldOfAnIncident compares the table of what InfluxDB gets with the table of all names.
func TestDocsNameEveryFieldOfAnIncident(t *testing.T) {
	var known []string
	for _, m := range influx.Measurements() {
		if m.Name != influx.Incident {
			continue
		}
		known = append(known, m.Tags...)
		for _, f := range m.Fields {
			known = append(known, f.Name)
		}
	}
	documented, err := docs.Cells("router.md", "name in nezuban_incident")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(known, documented); diff != "" {
		t.Errorf("docs/router.md (-known +documented):\n%s", diff)
	}
}

// TestDocsHaveARunbook looks for the page about each rule that the router has without an entry.
func TestDocsHaveARunbook(t *testing.T) {
	for _, id := range []string{rotationRefused, contactsRefused, certificateTrouble, stateFilling, stateUnwritable, incident.RuleRestored, rule.CheckDown, ingest.RuleErrorSeen, prometheus.Rule, incident.RuleManual, incident.RuleStalled} {
		if _, err := docs.Page("runbooks/" + id + ".md"); err != nil {
			t.Error(err)
		}
	}
}

// TestDocsNameEveryField compares the table of what a template sees with the view.
func TestDocsNameEveryField(t *testing.T) {
	text, err := docs.Page("router.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(text, "| field | holds |")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, view := range []reflect.Type{reflect.TypeFor[wording.View](), reflect.TypeFor[wording.Change]()} {
		for field := range view.Fields() {
			if !strings.Contains(table, "`."+field.Name+"`") {
				t.Errorf("docs/router.md does not name .%s", field.Name)
			}
		}
	}
}

// docsTemplate is the template of the documentation.
func docsTemplate(t *testing.T) string {
	t.Helper()
	text, err := docs.Page("router.md")
	if err != nil {
		t.Fatal(err)
	}
	const first = "{{/* trigger.tmpl */ -}}"
	_, template, found := strings.Cut(text, "```\n"+first)
	template, _, closed := strings.Cut(template, "\n```\n")
	if !found || !closed {
		t.Fatal("found no trigger.tmpl in docs/router.md")
	}
	return first + template
}

func docsExamples(t *testing.T, page, file string) []string {
	t.Helper()
	examples, err := docs.Examples(page, file)
	if err != nil {
		t.Fatal(err)
	}
	return examples
}
