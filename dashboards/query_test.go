package dashboards_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"nezuban/agent/influx"
)

// query is one query of a dashboard and where it stands.
type query struct {
	where string // "hosts.json panel 7 CPU A"
	text  string
}

// dashboard is what the tests read of a dashboard file.
type dashboard struct {
	Panels []struct {
		ID      int
		Type    string
		Title   string
		Targets []struct{ RefID, Query string }
	}
	Annotations struct {
		List []struct {
			Name, Query string
			Target      struct{ Query string }
		}
	}
	Templating struct {
		List []struct{ Name, Type, Query string }
	}
}

// queries reads every query of every dashboard of the folder.
func queries(t *testing.T) []query {
	t.Helper()
	files, err := filepath.Glob("*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("dashboards: found %q, %v", files, err)
	}
	var all []query
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, d.queries(file)...)
	}
	return all
}

func (d dashboard) queries(file string) []query {
	var all []query
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, query{fmt.Sprintf("%s panel %d %s %s", file, p.ID, p.Title, target.RefID), target.Query})
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, query{file + " annotation " + a.Name, a.Query}, query{file + " annotation target " + a.Name, a.Target.Query})
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			all = append(all, query{file + " variable " + v.Name, v.Query})
		}
	}
	return all
}

// TestEveryPanelHasQueries keeps the extraction honest: a panel whose queries
// it does not see would be one that nothing checks.
func TestEveryPanelHasQueries(t *testing.T) {
	text, err := os.ReadFile("hosts.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d %q has no query", p.ID, p.Title)
		}
	}
	all := d.queries("hosts.json")
	if got, want := len(all), strings.Count(string(text), `"query": "S`); got != want {
		t.Errorf("extracted %d queries, the file holds %d", got, want)
	}
}

// TestQueriesUseKnownNames holds each name against the one table of names.
func TestQueriesUseKnownNames(t *testing.T) {
	for _, q := range queries(t) {
		for _, problem := range unknownNames(q.text) {
			t.Errorf("%s: %s\n%s", q.where, problem, q.text)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	rows := []struct{ name, query, want string }{
		{"good", `SELECT mean("load1") FROM "system" WHERE "host" =~ /^$host$/ AND $timeFilter GROUP BY time($__interval), "host"`, ""},
		{"measurement", `SELECT last("load1") FROM "sistem"`, `measurement "sistem"`},
		{"field", `SELECT last("load2") FROM "system"`, `"load2"`},
		{"tag of another measurement", `SELECT last("load1") FROM "system" WHERE "cpu" = 'cpu0'`, `"cpu"`},
		{"a name given here", `SELECT last("load1") AS "load" FROM "system"`, ""},
		{"not quoted", `SELECT last(load1) FROM "system"`, `word load1`},
		{"no measurement", `SELECT 1`, `no FROM`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := strings.Join(unknownNames(row.query), "; ")
			if (row.want == "") != (got == "") || !strings.Contains(got, row.want) {
				t.Errorf("unknownNames = %q, want %q", got, row.want)
			}
		})
	}
}

// unknownNames lists the names in an InfluxQL query that package influx does
// not define, and words that are neither quoted nor InfluxQL's own.
func unknownNames(text string) (problems []string) {
	rest := regexp.MustCompile(`'[^']*'|/[^/ ]*/`).ReplaceAllString(text, " ") // values
	from := regexp.MustCompile(`FROM "([^"]+)"`).FindStringSubmatch(rest)
	if from == nil {
		return []string{"no FROM with a quoted measurement"}
	}
	known, found := measurement(from[1])
	if !found {
		return []string{fmt.Sprintf("measurement %q is not in influx.Measurements", from[1])}
	}
	rest = regexp.MustCompile(`AS "[^"]+"|FROM "[^"]+"`).ReplaceAllString(rest, " ")
	quoted := regexp.MustCompile(`"([^"]+)"`)
	for _, m := range quoted.FindAllStringSubmatch(rest, -1) {
		if _, field := known.Field(m[1]); !field && !slices.Contains(known.Tags, m[1]) {
			problems = append(problems, fmt.Sprintf("%q is neither a field nor a tag of %s", m[1], known.Name))
		}
	}
	own := strings.Fields(`SELECT WHERE AND GROUP BY ORDER DESC LIMIT FROM SHOW TAG VALUES WITH KEY fill none time
		mean max last non_negative_derivative 1s timeFilter __interval 100 1000000000 10000000`)
	for _, word := range regexp.MustCompile(`\w+`).FindAllString(quoted.ReplaceAllString(rest, " "), -1) {
		if !slices.Contains(own, word) {
			problems = append(problems, "word "+word+" is neither quoted nor InfluxQL")
		}
	}
	return problems
}

func measurement(name string) (influx.Measurement, bool) {
	all := influx.Measurements()
	i := slices.IndexFunc(all, func(m influx.Measurement) bool { return m.Name == name })
	if i < 0 {
		return influx.Measurement{}, false
	}
	return all[i], true
}
