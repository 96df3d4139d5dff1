package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/settings"
	"nezuban/agent/tomlfile"
)

// environment is a settings.LookupEnv of a few variables.
func environment(variables map[string]string) settings.LookupEnv {
	return func(key string) (string, bool) {
		value, set := variables[key]
		return value, set
	}
}

func writeFile(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadConfig(t *testing.T) {
	secret := writeFile(t, "token", "s3cret\n")
	tests := []struct {
		name, file string
		env        map[string]string
		want       Config
	}{
		{
			"defaults", `
			location = "tokyo"
			[router]
			url = "http://127.0.0.1:17070"
			[[output]]
			name = "influxdb"
			url = "http://127.0.0.1:18086"`,
			nil,
			Config{
				Location: "tokyo", StateDir: "/var/lib/nezuban-checks", Listen: "127.0.0.1:17074", Heartbeat: 10 * time.Second,
				Concurrency: 256, LogLevel: "info",
				Router:  Router{URLs: []string{"http://127.0.0.1:17070"}, Refresh: 30 * time.Second},
				Outputs: []influx.Output{{Name: "influxdb", URLs: []string{"http://127.0.0.1:18086"}, Bucket: "nezuban"}},
			},
		},
		{
			"everything", `
			location = "tokyo"
			state_dir = "/srv/checks"
			listen = ""
			heartbeat = "5s"
			concurrency = 10
			log_level = "debug"
			sentry_dsn_file = "` + secret + `"
			[router]
			urls = ["https://a.example", "https://b.example"]
			token_file = "` + secret + `"
			refresh = "1m"
			[[output]]
			name = "influxdb"
			url = "https://influxdb.example"
			token_env = "INFLUX_TOKEN"
			org = "watch"
			bucket = "nezuban/autogen"
			gzip = true
			[[output]]
			name = "router"
			urls = ["https://a.example"]
			token_env = "ROUTER_TOKEN"`,
			map[string]string{"INFLUX_TOKEN": "user:password", "ROUTER_TOKEN": "plain"},
			Config{
				Location: "tokyo", StateDir: "/srv/checks", Heartbeat: 5 * time.Second, Concurrency: 10, LogLevel: "debug",
				SentryDSN: "s3cret",
				Router:    Router{URLs: []string{"https://a.example", "https://b.example"}, Token: "s3cret", Refresh: time.Minute},
				Outputs: []influx.Output{
					{Name: "influxdb", URLs: []string{"https://influxdb.example"}, Token: "user:password", Org: "watch", Bucket: "nezuban/autogen", Gzip: true},
					{Name: "router", URLs: []string{"https://a.example"}, Token: "plain", Bucket: "nezuban"},
				},
			},
		},
		{
			"what systemd says", `
			location = "tokyo"
			[router]
			url = "http://127.0.0.1:17070"
			[[output]]
			name = "influxdb"
			url = "http://127.0.0.1:18086"`,
			map[string]string{"STATE_DIRECTORY": "/var/lib/private/checks", "SENTRY_DSN": "https://key@sentry.example/1"},
			Config{
				Location: "tokyo", StateDir: "/var/lib/private/checks", Listen: "127.0.0.1:17074", Heartbeat: 10 * time.Second,
				Concurrency: 256, LogLevel: "info", SentryDSN: "https://key@sentry.example/1",
				Router:  Router{URLs: []string{"http://127.0.0.1:17070"}, Refresh: 30 * time.Second},
				Outputs: []influx.Output{{Name: "influxdb", URLs: []string{"http://127.0.0.1:18086"}, Bucket: "nezuban"}},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := LoadConfig(writeFile(t, "checks-agent.toml", tt.file), environment(tt.env))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Each testdata/invalid-*.toml has one mistake and begins with the message that must come of it.
func TestLoadConfigRefuses(t *testing.T) {
	t.Chdir("testdata")
	files, err := filepath.Glob("invalid-*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(path, ".toml"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(data), "\n")
			want := strings.TrimPrefix(first, "# ")
			if _, err := LoadConfig(path, environment(nil)); err == nil || err.Error() != want {
				t.Errorf("\n got %v\nwant %s", err, want)
			}
		})
	}
}

func TestLoadConfigNamesEveryMistake(t *testing.T) {
	_, err := LoadConfig(writeFile(t, "checks-agent.toml", `
location = ""
heartbeat = "1h"
colour = "red"
[router]
url = "router"
[[output]]
url = "http://127.0.0.1:18086"`), environment(nil))
	var problems tomlfile.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("found %v, expected Problems", err)
	}
	var lines []int
	for _, p := range problems {
		lines = append(lines, p.Line)
	}
	if diff := cmp.Diff([]int{2, 3, 4, 6, 7}, lines); diff != "" {
		t.Errorf("lines of the problems (-want +got)\n%s\n%s", diff, err)
	}
}

func TestLoadConfigWithoutFile(t *testing.T) {
	if _, err := LoadConfig("/nowhere/checks-agent.toml", environment(nil)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("found %v", err)
	}
}
