package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/deadman"
	"nezuban/agent/influx"
	"nezuban/agent/settings"
	"nezuban/agent/tomlfile"
)

const routingKey = "0123456789abcdef0123456789abcdef"

// deadMan loads a [dead_man] of a daemon with one output, "router", and a state folder.
func deadMan(t *testing.T, text, stateDir string) (*deadman.Config, error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a.toml": text, "key": routingKey + "\n", "short": "s3cret\n", "url": "https://example.org/hook?token=s3cret\n", "no-url": "s3cret\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var in struct {
		StateDir string           `toml:"state_dir"`
		DeadMan  settings.DeadMan `toml:"dead_man"`
	}
	v, err := tomlfile.NewValidator(tomlfile.Read(filepath.Join(dir, "a.toml"), 1<<20, &in))
	if err != nil {
		t.Fatal(err)
	}
	c := in.DeadMan.Validate(v, influx.FromAgent, []influx.Output{{Name: "influxdb"}, {Name: "router"}}, stateDir)
	return c, v.Err()
}

func TestDeadMan(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       *deadman.Config
	}{
		{"no table", "", nil},
		{"a key", `events_key_file = "key"`, &deadman.Config{
			Program: "nezuban-agent",
			Output:  "router", After: 2 * time.Minute, RoutingKey: routingKey, EventsURL: "https://events.pagerduty.com", StateDir: "/state",
		}},
		{"everything", "events_key_file = \"key\"\nbase_url = \"https://events.eu.pagerduty.com\"\noutput = \"influxdb\"\nafter = \"5m\"", &deadman.Config{
			Program: "nezuban-agent",
			Output:  "influxdb", After: 5 * time.Minute, RoutingKey: routingKey, EventsURL: "https://events.eu.pagerduty.com", StateDir: "/state",
		}},
		{"a webhook", `url_file = "url"`, &deadman.Config{
			Program: "nezuban-agent",
			Output:  "router", After: 2 * time.Minute, WebhookURL: "https://example.org/hook?token=s3cret", StateDir: "/state",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := row.text
			if text != "" {
				text = "[dead_man]\n" + text + "\n"
			}
			got, err := deadMan(t, text, "/state")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDeadManNamesEveryMistake(t *testing.T) {
	for _, row := range []struct{ name, text, stateDir, want string }{
		{"nobody to tell", `after = "2m"`, "/state", "a.toml:1: dead_man: found nothing, expected either events_key_file or url_file"},
		{"two to tell", "events_key_file = \"key\"\nurl_file = \"url\"", "/state", "a.toml:1: dead_man: found nothing, expected either events_key_file or url_file"},
		{"no such file", `events_key_file = "none"`, "/state", `a.toml:2: dead_man.events_key_file: found "none", expected a file that exists`},
		{"no routing key", `events_key_file = "short"`, "/state", `dead_man.events_key_file: found "short", expected a file with the 32 characters`},
		{"no URL", `url_file = "no-url"`, "/state", `dead_man.url_file: found "no-url", expected a file with a URL like`},
		{"base_url beside a URL", "url_file = \"url\"\nbase_url = \"https://x.example\"", "/state", `a.toml:3: dead_man.base_url: found "https://x.example", expected nothing`},
		{"bad base_url", "events_key_file = \"key\"\nbase_url = \"x.example\"", "/state", `a.toml:3: dead_man.base_url: found "x.example", expected an address like`},
		{"no such output", "events_key_file = \"key\"\noutput = \"other\"", "/state", `a.toml:3: dead_man.output: found "other", expected the name of the [[output]]`},
		{"too soon", "events_key_file = \"key\"\nafter = \"9s\"", "/state", `a.toml:3: dead_man.after: found "9s", expected 10s to 1h0m0s`},
		{"no state folder", `events_key_file = "key"`, "", "state_dir: found nothing, expected a folder, because [dead_man] must remember"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := deadMan(t, "[dead_man]\n"+row.text+"\n", row.stateDir)
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error\n%v\nexpected one that contains\n%s", err, row.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}
