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
		`router.toml:5: group[1].rules[0]: found "disc"`, "check-down, error-seen, manual", `router.toml:6: group[1].kinds[0]: found "deaths"`,
		`router.toml:7: group[1].by[1]: found "host"`, `router.toml:9: group[2].id: found "a"`,
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
