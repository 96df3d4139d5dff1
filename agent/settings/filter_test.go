package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/settings"
	"nezuban/agent/tomlfile"
)

func TestFilters(t *testing.T) {
	const router = "[[output]]\nname = \"router\"\nurl = \"http://h\"\n"
	deadMan := func(output string) string { return "[dead_man]\nurl_file = \"url\"\noutput = \"" + output + "\"\n" }
	for _, row := range []struct {
		name, from, text string
		want             string // "": it is good
	}{
		{"none", influx.FromAgent, plain, ""},
		{"names and patterns", influx.FromAgent, plain + "include = [\"docker_container_*\", \"cpu\", \"*\"]\nexclude = [\"*_pressure\"]\n", ""},
		{"what is not included is excluded", influx.FromAgent, plain + "include = [\"cpu\"]\nexclude = [\"mem\"]\n", ""},
		{"of the checks", influx.FromChecks, plain + "include = [\"http_*\"]\nexclude = [\"nezuban_checks\"]\n", ""},
		{
			"a slip", influx.FromAgent, plain + "include = [\"cpu\", \"docker_container_men\"]\n",
			`a.toml:4: output[0].include[1]: found "docker_container_men", expected a measurement that nezuban-agent writes, or a pattern of some with * (did you mean "docker_container_mem"?)`,
		},
		{
			"a slip before a star", influx.FromAgent, plain + "exclude = [\"docker_contaner_*\"]\n",
			`a.toml:4: output[0].exclude[0]: found "docker_contaner_*", expected a measurement that nezuban-agent writes, or a pattern of some with * (did you mean "docker_container_*"?)`,
		},
		{"another kind of pattern", influx.FromAgent, plain + "include = [\"docker_container_[cm]*\"]\n", `output[0].include[0]: found "docker_container_[cm]*", expected a measurement`},
		{"nothing", influx.FromAgent, plain + "include = [\"\"]\n", `output[0].include[0]: found "", expected a measurement`},
		{"no list", influx.FromAgent, plain + "include = \"cpu\"\n", "output[0].include: found"},
		{"of another program", influx.FromAgent, plain + "include = [\"http_response\"]\n", `found "http_response", expected a measurement that nezuban-agent writes`},
		{"of another program", influx.FromChecks, plain + "exclude = [\"cpu\"]\n", `found "cpu", expected a measurement that nezuban-checks writes`},
		{"nothing left", influx.FromAgent, plain + "exclude = [\"*\"]\n", `a.toml:4: output[0].exclude: found "*", expected patterns that leave something for the output`},
		{"nothing left of what is included", influx.FromAgent, plain + "include = [\"cpu\", \"mem\"]\nexclude = [\"cpu*\", \"m*\"]\n", `a.toml:5: output[0].exclude: found "cpu*, m*", expected patterns that leave something for the output`},

		{"the router gets what it needs", influx.FromAgent, router + "include = [\"nezuban_agent\", \"container_event\"]\n", ""},
		{"the router gets all but a few", influx.FromChecks, router + "exclude = [\"nezuban_agent\"]\n", `found "nezuban_agent", expected a measurement that nezuban-checks writes`},
		{
			"no heartbeat for the router", influx.FromAgent, router + "exclude = [\"docker*\", \"nezuban_*\"]\n",
			`a.toml:4: output[0].exclude[1]: found "nezuban_*", expected patterns that let nezuban_agent pass, without which the router tells nobody: this output is the router`,
		},
		{"no events for the router", influx.FromAgent, router + "include = [\"nezuban_*\", \"docker*\"]\n", `a.toml:4: output[0].include: found "nezuban_*, docker*", expected patterns that let container_event pass`},
		{"no results for the router", influx.FromChecks, router + "include = [\"nezuban_checks\"]\n", `output[0].include: found "nezuban_checks", expected patterns that let http_response pass`},
		{"no heartbeat of the checks", influx.FromChecks, router + "include = [\"http_response\"]\n", `output[0].include: found "http_response", expected patterns that let nezuban_checks pass`},
		{"no heartbeat for the output that the dead man names", influx.FromAgent, plain + "exclude = [\"nezuban_agent\"]\n" + deadMan("o"), `a.toml:4: output[0].exclude[0]: found "nezuban_agent", expected patterns that let nezuban_agent pass`},
		{"the dead man names another", influx.FromAgent, router + "exclude = [\"nezuban_agent\"]\n" + plain + deadMan("o"), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range map[string]string{"a.toml": row.text, "url": "https://example.org/hook\n"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var in struct {
				Outputs []settings.Output `toml:"output"`
				DeadMan settings.DeadMan  `toml:"dead_man"`
			}
			v, err := tomlfile.NewValidator(tomlfile.Read(filepath.Join(dir, "a.toml"), 1<<20, &in))
			if err != nil {
				t.Fatal(err)
			}
			got := settings.Outputs(v, nil, row.from, in.Outputs)
			in.DeadMan.Validate(v, row.from, got, "/state")
			err = v.Err()
			if (err == nil) != (row.want == "") || err != nil && (!strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("error\n%v\nexpected one that contains\n%s", err, row.want)
			}
			if diff := cmp.Diff(influx.Filter{Include: in.Outputs[0].Include, Exclude: in.Outputs[0].Exclude}, got[0].Filter); err == nil && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
