package state_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/router/internal/access"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/state"
	"nezuban/router/internal/state/record"
)

// kinds are the beginnings of all keys that the product's source names, as they stand after [record.Prefix].
func kinds(t *testing.T) []string {
	t.Helper()
	var all []string
	for folder, pattern := range map[string]string{
		".":       `= record\.Prefix \+ "([^"]+)"`,
		"record":  `= Prefix \+ "([^"]+)"`,
		"../rule": `Prefix += "([^"]+)"`, // below rule/
	} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
				name := string(found[1])
				if folder == "../rule" {
					name = strings.TrimPrefix(record.RulePrefix, record.Prefix) + name
				}
				all = append(all, name)
			}
		}
	}
	return all
}

// unversioned are the kinds of which a state need hold none, or that bear no version, and why.
var unversioned = map[string]string{
	"secret/":   "32 random bytes, which are refused when they are not that",
	"rotation":  "of the release before, and only read",
	"restoring": "stands while a restore runs, and then stands as restored",
	"rule/":     "each kind of it is looked at by itself",
}

// TestEveryKindOfRecordBearsAVersion lets today's router make a state with some of everything in it, and looks at every
// record. A kind of record that the source names and the state does not hold fails: add it here.
func TestEveryKindOfRecordBearsAVersion(t *testing.T) {
	w, archive := aStateOfEverything(t)
	all := state.Records(t, w.store)
	maps.Copy(all, restoredFrom(t, w.store))
	seen := map[string]bool{}
	named := kinds(t)
	for key, value := range all {
		kind := ""
		for _, name := range named { // the longest: rule/series/ and not rule/
			if strings.HasPrefix(key, record.Prefix+name) && len(name) > len(kind) {
				kind = name
			}
		}
		if seen[kind] = true; kind == "" {
			t.Errorf("no constant names the key %s", key)
		}
		if _, without := unversioned[kind]; without {
			continue
		}
		wantVersion(t, key, value)
	}
	for _, kind := range named {
		if _, without := unversioned[kind]; !seen[kind] && !without {
			t.Errorf("the state holds no record of %s", kind)
		}
	}
	if len(named) < 14 {
		t.Errorf("found the kinds %q in the source, want all", named)
	}
	files, err := filepath.Glob(filepath.Join(archive, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("found the files %q, %v, want one closed incident", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var closed map[string]json.RawMessage // holds records as they were stored
	if err := json.Unmarshal(text, &closed); err != nil {
		t.Fatal(err)
	}
	for part, value := range closed {
		wantVersion(t, files[0]+": "+part, string(value))
	}
}

// wantVersion wants a version in a record; a timeline's has one for each entry.
func wantVersion(t *testing.T, key, value string) {
	t.Helper()
	var versions []struct{ Version int }
	text := strings.TrimSpace(value)
	if !strings.HasPrefix(text, "[") {
		text = "[" + text + "]"
	}
	if err := json.Unmarshal([]byte(text), &versions); err != nil || len(versions) == 0 {
		t.Errorf("%s: %v in %s", key, err, value)
	}
	for _, v := range versions {
		if v.Version < 1 {
			t.Errorf("%s bears no version: %s", key, value)
		}
	}
}

// aStateOfEverything is a router on a state that it has made itself, and the folder of its closed incidents.
func aStateOfEverything(t *testing.T) (w *watch, archive string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir, now := t.TempDir(), time.Now()
	text := []byte(`zone = "UTC"
[people]
alice = { page = ["terminal"] }
bob   = { page = ["terminal"] }
[schedule.primary]
layers = [{ name = "base", every = "1w", from = "1999-01-04 09:00", who = ["alice"] }]
[policy.standard]
steps = [{ page = ["primary", "bob"], pick = "rotate", wait = "5m" }]
fallback = "alice"
[[route]]
policy = "standard"
`)
	before, err := state.Open(t.Context(), dir)
	must(err)
	must(before.AddRotation(t.Context(), state.Rotation{Name: "oncall.toml", Hash: state.HashRotation(text), Since: now}, text))
	before.Close()
	w = takeOver(t, dir, now)
	host := influx.Tag{Key: "host", Value: "web1"}
	must(w.Ingest(t.Context(), []influx.Point{
		{Measurement: "disk", Time: now, Tags: []influx.Tag{host}, Fields: []influx.Field{influx.Int("free", 1)}},
		{
			Measurement: "container_event", Time: now,
			Tags:   []influx.Tag{host, {Key: "container_name", Value: "shop"}, {Key: "action", Value: "die"}},
			Fields: []influx.Field{influx.String("container_id", "c1"), influx.Int("exit_code", 7), influx.Bool("requested", false)},
		},
	}))
	over, err := w.Page(t.Context(), "key", "alice", "by hand", incident.SeverityPage, nil)
	must(err)
	must(w.Resolve(t.Context(), over, "alice", ""))
	only, err := incident.ParseMatcher("host=web2")
	must(err)
	_, err = w.Silence(t.Context(), incident.Silence{Matchers: incident.Matchers{only}, From: now, Until: now.Add(time.Hour), Reason: "works", By: "alice"})
	must(err)
	gate := access.New(access.Options{Store: w.store.Grants(), Now: time.Now})
	_, err = gate.Invite(t.Context(), "alice")
	must(err)
	_, err = w.store.Secret(t.Context(), "links")
	must(err)
	archive = t.TempDir()
	closed, err := state.OpenArchive(archive)
	must(err)
	must(closed.File(t.Context(), w.store, []string{over}))
	must(w.store.Share(t.Context(), closed, []string{over}))
	if open := w.Incidents(); len(open) < 3 || !slices.ContainsFunc(open, func(inc incident.Incident) bool { return inc.ID == over }) {
		t.Fatalf("found %d incidents, want three, one of them over", len(open))
	}
	return w, archive
}

// restoredFrom are the records of a state that a backup of a store was restored into.
func restoredFrom(t *testing.T, s *state.Store) map[string]string {
	t.Helper()
	data, err := state.BackupOf(t, s)
	if err != nil {
		t.Fatal(err)
	}
	backup, err := state.ReadBackup(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := state.Connect(t.Context(), state.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if _, err := conn.Restore(t.Context(), backup, time.Now()); err != nil {
		t.Fatal(err)
	}
	term, err := conn.Campaign(t.Context(), state.Candidate{Name: "after the restore", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return state.Records(t, term.Store)
}
