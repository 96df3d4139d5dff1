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
