package app

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/router/internal/incident"
)

const died = "[[rule]]\nid = \"container-died\"\nkind = \"container_died\"\n"

func TestGroups(t *testing.T) {
	standard := incident.Group{ID: "container-deaths", Rules: []string{"container-died"}, By: []string{"host"}, Within: time.Minute}
	for _, row := range []struct {
		name, text string
		want       []incident.Group
	}{
		{"none: deaths on one host", died, []incident.Group{standard}},
		{
			"by rules and kinds", died + "[[group]]\nid = \"team\"\nrules = [\"check-down\"]\nkinds = [\"container_died\"]\nby = [\"team\"]\nwithin = \"5m\"\n",
			[]incident.Group{{ID: "team", Rules: []string{"check-down", "container-died"}, By: []string{"team"}, Within: 5 * time.Minute}, standard},
		},
		{
			"alerts of Prometheus", died + "[[group]]\nid = \"prometheus\"\nrules = [\"alert-received\"]\nby = [\"alertname\", \"cluster\"]\n",
			[]incident.Group{{ID: "prometheus", Rules: []string{"alert-received"}, By: []string{"alertname", "cluster"}, Within: time.Minute}, standard},
		},
		{
			"every death by itself", died + "[[group]]\nid = \"none\"\nkinds = [\"container_died\"]\nwithin = \"0s\"\n",
			[]incident.Group{{ID: "none", Rules: []string{"container-died"}}, standard},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg, err := Load(writeConfig(t, row.text, nil), noEnv)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, cfg.Incidents.Groups); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// mistaken loads a file that has these mistakes, and perhaps others.
func mistaken(t *testing.T, text string, says ...string) {
	t.Helper()
	_, err := Load(writeConfig(t, text, nil), noEnv)
	if err == nil {
		t.Fatalf("accepted:\n%s", text)
	}
	for _, want := range says {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not said: %s\nsaid:\n%v", want, err)
		}
	}
}

func TestGroupsAreRefused(t *testing.T) {
	mistaken(
		t, "[[group]]\nwithin = \"25h\"\n[[group]]\nid = \"a\"\nrules = [\"disc\"]\nkinds = [\"deaths\"]\nby = [\"host\", \"host\"]\n[[group]]\nid = \"a\"\nrules = [\"check-down\"]\n",
		"group[0].id", "group[0].rules", `router.toml:2: group[0].within: found "25h0m0s"`,
		`router.toml:5: group[1].rules[0]: found "disc"`, "alert-received, check-down, error-seen, manual", `router.toml:6: group[1].kinds[0]: found "deaths"`,
		`router.toml:7: group[1].by[1]: found "host"`, `router.toml:9: group[2].id: found "a"`,
	)
}

func TestIDsOfTheRoutersOwnAreReserved(t *testing.T) {
	text := ""
	for _, id := range []string{"manual", "error-seen", "alert-received", "nezuban-state-filling"} {
		text += "[[rule]]\nid = \"" + id + "\"\nkind = \"container_died\"\n"
	}
	mistaken(
		t, text+"[[slo]]\nid = \"nezuban-escalation-stalled\"\ncheck = \"shop\"\nobjective = 99.9\n",
		`router.toml:2: rule[0].id: found "manual", expected an id other than`, `router.toml:5: rule[1].id: found "error-seen"`, `router.toml:8: rule[2].id: found "alert-received"`,
		`router.toml:11: rule[3].id: found "nezuban-state-filling"`, `slo[0].id: found "nezuban-escalation-stalled"`,
	)
}

func TestWhatComesBack(t *testing.T) {
	cfg, err := Load(writeConfig(t, "", nil), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	want := incident.Flapping{Reopenings: 2, Within: time.Hour, Quiet: 10 * time.Minute}
	if cfg.Incidents.ReopenWithin != 5*time.Minute || cfg.Incidents.Flapping != want {
		t.Errorf("defaults: found %s, %+v", cfg.Incidents.ReopenWithin, cfg.Incidents.Flapping)
	}
	cfg, err = Load(writeConfig(t, "reopen_within = \"0s\"\n[flapping]\nreopenings = 0\nwithin = \"2h\"\nquiet = \"5m\"\n", nil), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	want = incident.Flapping{Within: 2 * time.Hour, Quiet: 5 * time.Minute}
	if cfg.Incidents.ReopenWithin != 0 || cfg.Incidents.Flapping != want {
		t.Errorf("found %s, %+v", cfg.Incidents.ReopenWithin, cfg.Incidents.Flapping)
	}
	mistaken(
		t, "reopen_within = \"2h\"\n[flapping]\nreopenings = -1\nwithin = \"1s\"\nquiet = \"25h\"\n",
		`router.toml:1: reopen_within: found "2h0m0s", expected a duration from "0s" to "1h0m0s"`, `router.toml:3: flapping.reopenings: found -1`,
		`router.toml:4: flapping.within: found "1s"`, `router.toml:5: flapping.quiet: found "25h0m0s"`,
	)
}

func TestSuppressions(t *testing.T) {
	gone := "[[rule]]\nid = \"agent-gone\"\nkind = \"absence\"\nmeasurement = \"nezuban_agent\"\nafter = \"2m\"\n"
	for _, row := range []struct {
		name, text string
		want       []string
	}{
		{"none: a host that is gone hides its containers", gone, []string{`host-gone: rule="agent-gone" hides container_name!="" by host`}},
		{"none, and no rule about agents", died, nil},
		{"off", "suppress = []\n" + gone, nil},
		{
			"its own", gone + "[[rule]]\nid = \"switch\"\nkind = \"container_oom\"\n[[suppress]]\nid = \"rack\"\nsource = [\"rule=switch\"]\ntarget = [\"host=~.+\"]\nequal = [\"rack\", \"site\"]\n",
			[]string{`rack: rule="switch" hides host=~".+" by rack,site`},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg, err := Load(writeConfig(t, row.text, nil), noEnv)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range cfg.Incidents.Suppressions {
				got = append(got, s.ID+": "+s.Source.String()+" hides "+s.Target.String()+" by "+strings.Join(s.Equal, ","))
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	mistaken(
		t, "[[suppress]]\nid = \"x\"\nsource = [\"host\"]\ntarget = [\"host=~.*\"]\n",
		`router.toml:3: suppress[0].source[0]: found "host", expected a matcher`, `router.toml:4: suppress[0].target`, "suppress[0].equal",
	)
}

// A matcher for one rule that nobody knows would match nothing, and nobody would hear of it.
func TestMatchersNameRulesThatThereAre(t *testing.T) {
	const rest = "target = [\"host=~.+\"]\nequal = [\"host\"]\n"
	mistaken(
		t, "[[rule]]\nid = \"agent-gone\"\nkind = \"absence\"\nmeasurement = \"nezuban_agent\"\nafter = \"2m\"\n"+
			"[[suppress]]\nid = \"x\"\nequal = [\"host\"]\nsource = [\n\"host=a\",\n\"rule=agent-gnoe\"]\ntarget = [\"rule=\\\"check-donw\\\"\"]\n"+
			"[[maintenance]]\nid = \"y\"\nmatch = [\"rule = nezuban-tls\"]\nhours = [\"Sun 02:00-04:00\"]\nzone = \"UTC\"\n",
		`router.toml:11: suppress[0].source[1]: found "rule=agent-gnoe", expected the id of a rule: agent-gone, alert-received, check-down, error-seen, manual, nezuban-contacts-refused, `,
		`router.toml:12: suppress[0].target[0]: found "rule=\"check-donw\"", expected the id of a rule: `, `router.toml:15: maintenance[0].match[0]: found "rule = nezuban-tls", expected the id`,
	)
	for _, good := range []string{"rule=check-down", "rule=manual", "rule=~agent-gnoe.*", "rule!=agent-gnoe\", \"host=a", "rule=nezuban-tls-certificate", "severity=critical", "rulebook=x"} {
		if _, err := Load(writeConfig(t, "[[suppress]]\nid = \"x\"\nsource = [\""+good+"\"]\n"+rest, nil), noEnv); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestMaintenance(t *testing.T) {
	cfg, err := Load(writeConfig(t, "[[maintenance]]\nid = \"backup\"\nmatch = [\"host=~db.*\"]\nhours = [\"Sun 02:00-04:00\"]\nzone = \"Europe/Berlin\"\n", nil), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	m := cfg.Incidents.Maintenance[0]
	sunday := time.Date(2026, 11, 29, 1, 0, 0, 0, time.UTC)
	if end := m.Hours.Until(sunday); !end.Equal(sunday.Add(2*time.Hour)) || !m.Hours.Until(sunday.Add(2*time.Hour)).IsZero() || m.ID != "backup" {
		t.Errorf("window %s ends at %s", m.ID, end)
	}
	mistaken(
		t, "[[maintenance]]\nmatch = [\"host=~.*\"]\nhours = [\"Sunday\"]\nzone = \"Berlin\"\n[[maintenance]]\nid = \"y\"\nmatch = [\"host=a\"]\nhours = [\"00:00-24:00\"]\nzone = \"UTC\"\n"+
			"[[maintenance]]\nid = \"y\"\nmatch = [\"host=a\"]\nhours = [\"Sunday\"]\nzone = \"UTC\"\n",
		"maintenance[0].id", `router.toml:2: maintenance[0].match`, `router.toml:4: maintenance[0].zone: found "Berlin"`, `router.toml:3: maintenance[0].hours: found "Sunday", expected windows such as`,
		`router.toml:8: maintenance[1].hours: found "00:00-24:00", expected hours that leave some of the week out`,
		`router.toml:11: maintenance[2].id: found "y"`, `router.toml:13: maintenance[2].hours: found "Sunday", expected windows such as`,
	)
}
