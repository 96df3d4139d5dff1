package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/internal/cgroup"
	"nezuban/agent/settings"
	"nezuban/agent/tomlfile"
	"nezuban/packaging/testenv"
)

// load writes a configuration beside two secrets and loads it.
func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"agent.toml": text, "token": "s3cret\n", "empty": "\n", "lines": "a\nb\n", "url": "https://example.org/hook\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(content, "DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := func(key string) (string, bool) {
		switch key {
		case "INFLUX_TOKEN":
			return "from-env", true
		case sentryEnv:
			return "https://key@sentry.example/1", true
		default:
			return "", false
		}
	}
	return LoadConfig(filepath.Join(dir, "agent.toml"), env)
}

func TestLoadConfig(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text string
		want       Config
	}{
		{
			name: "defaults",
			text: "[[output]]\nname = \"influxdb\"\nurl = \"http://127.0.0.1:8086\"\n",
			want: Config{
				Host: host, Interval: 10 * time.Second, DockerSocket: "/var/run/docker.sock",
				SpoolBytes: 1 << 30, SpoolAge: 7 * 24 * time.Hour,
				Listen: "127.0.0.1:17073", LogLevel: "info", SentryDSN: "https://key@sentry.example/1",
				Outputs: []influx.Output{{Name: "influxdb", URLs: []string{"http://127.0.0.1:8086"}, Bucket: "nezuban"}},
			},
		},
		{
			name: "everything",
			text: `
host = "db1"
interval = "1m"
cpu_per_core = true
cgroups = ["/system.slice/*.service", "docker"]
docker_socket = ""
state_dir = "state"
spool_max_bytes = 1048576
spool_max_age = "90m"
listen = ""
log_level = "debug"
sentry_dsn_file = "DIR/token"
[[output]]
name = "router"
urls = ["http://a:7070", "https://b:7070"]
token_file = "DIR/token"
org = "o"
bucket = "b/rp"
gzip = true
[[output]]
name = "influxdb"
url = "http://127.0.0.1:8086"
token_env = "INFLUX_TOKEN"
`,
			want: Config{
				Host: "db1", Interval: time.Minute, CPUPerCore: true, Cgroups: []cgroup.Glob{"system.slice/*.service", "docker"}, LogLevel: "debug", SentryDSN: "s3cret", StateDir: "state",
				SpoolBytes: 1 << 20, SpoolAge: 90 * time.Minute,
				Outputs: []influx.Output{
					{Name: "router", URLs: []string{"http://a:7070", "https://b:7070"}, Token: "s3cret", Org: "o", Bucket: "b/rp", Gzip: true},
					{Name: "influxdb", URLs: []string{"http://127.0.0.1:8086"}, Token: "from-env", Bucket: "nezuban"},
				},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := load(t, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.IsAbs(got.StateDir) {
				got.StateDir = filepath.Base(got.StateDir) // its parent is the folder of the file
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// manyLabels are so many, for a list.
func manyLabels(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("\"l%d\"", i))
	}
	return strings.Join(all, ", ")
}

func TestLoadConfigNamesEveryMistake(t *testing.T) {
	const output = "[[output]]\nname = \"a\"\nurl = \"http://h\"\n"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"three at once", "interval = \"5ms\"\nlog_level = \"loud\"\nintervall = 3\n" + output, []string{
			`agent.toml:1: interval: found "5ms", expected 1s to 1m0s`,
			`agent.toml:2: log_level: found "loud", expected debug, info, warn or error`,
			`agent.toml:3: intervall: found`,
		}},
		{"cgroups", "cgroups = [\"system.slice/*.service\", \"../etc\", \"a[\"]\n" + output, []string{
			`agent.toml:1: cgroups[1]: found "../etc", expected the path of cgroups, such as "system.slice/*.service"`, `agent.toml:1: cgroups[2]: found "a["`,
		}},
		{"no output", "host = \"a\"\n", []string{"output: found nothing, expected at least one [[output]]"}},
		{"syntax", "host = \n", []string{"agent.toml:1:"}},
		{"interval too long", "interval = \"61s\"\n" + output, []string{`agent.toml:1: interval: found "1m1s"`}},
		{"spool too small", "spool_max_bytes = 1000\n" + output, []string{"agent.toml:1: spool_max_bytes: found 1000, expected 1048576 or more"}},
		{"spool too short", "spool_max_age = \"59s\"\n" + output, []string{`agent.toml:1: spool_max_age: found "59s", expected 1m0s to 2160h0m0s`}},
		{"spool too long", "spool_max_age = \"2161h\"\n" + output, []string{`agent.toml:1: spool_max_age: found "2161h0m0s", expected 1m0s to 2160h0m0s`}},
		{"spool much too long", "spool_max_age = \"99999999h\"\n" + output, []string{`agent.toml:1: spool_max_age: found "99999999h", expected 1m0s to 2160h0m0s`}},
		{"interval in an output", output + "interval = \"5s\"\n", []string{`; keys of the top level, as this one, stand before the first [[output]]`}},
		{"host in the dead man's switch", "state_dir = \"DIR\"\n[dead_man]\nurl_file = \"url\"\noutput = \"a\"\nhost = \"h\"\n" + output, []string{`agent.toml:5: dead_man.host: found unknown key "host", expected one of events_key_file, base_url, url_file, output, after; keys of the top level, as this one, stand before the first [dead_man]`}},
		{"open to others", "listen = \"0.0.0.0:17073\"\n" + output, []string{`agent.toml:1: listen: found "0.0.0.0:17073", expected an address that only this machine reaches, like "127.0.0.1:17073"`}},
		{"open to others, without an address", "listen = \":17073\"\n" + output, []string{`agent.toml:1: listen: found ":17073", expected an address that only this machine reaches`}},
		{"labels", "labels = [\"team\", \"a b\", \"host\", \"team\"]\n" + output, []string{
			`agent.toml:1: labels[1]: found "a b", expected the key of a label`,
			`agent.toml:1: labels[2]: found "host", expected a label whose key is not that of one of the agent's own tags`,
			`agent.toml:1: labels[3]: found "team", expected each label once`,
		}},
		{"many labels", "labels = [" + manyLabels(maxLabels+1) + "]\n" + output, []string{`expected at most 20 labels`}},
		{"listen", "listen = \"17073\"\n" + output, []string{`agent.toml:1: listen: found "17073", expected an address like`}},
		{"output without name or url", "[[output]]\nbucket = \"a\"\n", []string{"output[0].name: found nothing", `output[0]: found nothing, expected url = "http://…"`}},
		{"two of a name", output + output, []string{`agent.toml:5: output[1].name: found "a", expected a name that no other output has`}},
		{"url and urls", output + "urls = [\"http://h\"]\n", []string{"agent.toml:4: output[0].urls: found \"url and urls\", expected one of them"}},
		{"bad url", "[[output]]\nname = \"a\"\nurls = [\"http://h\", \"h:8086\"]\n", []string{`output[0].urls[1]: found "h:8086", expected an address like`}},
		{"password in the url", "[[output]]\nname = \"a\"\nurl = \"http://u@h\"\n", []string{"without user and password"}},
		{"token file missing", output + "token_file = \"DIR/none\"\n", []string{"agent.toml:4: output[0].token_file: found", "a file that exists"}},
		{"token file empty", output + "token_file = \"DIR/empty\"\n", []string{"expected a file that holds the secret in one line"}},
		{"token file of two lines", output + "token_file = \"DIR/lines\"\n", []string{"expected a file that holds the secret in one line"}},
		{"token file a folder", output + "token_file = \"DIR\"\n", []string{"expected a file that holds the secret in one line"}},
		{"two tokens", output + "token_file = \"DIR/token\"\ntoken_env = \"X\"\n", []string{`output[0].token_env: found "token_file and token_env", expected one of them`}},
		{"token in the file itself", output + "token = \"x\"\n", []string{"output[0].token: found unknown key"}},
		{"token not in the environment", output + "token_env = \"NONE\"\n", []string{`output[0].token_env: found "NONE", expected an environment variable that is set`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, tt.text)
			var problems tomlfile.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error %v, expected problems", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error\n%v\nexpected to contain\n%s", err, want)
				}
			}
			if len(problems) > len(tt.want) {
				t.Errorf("%d problems, expected at most %d:\n%v", len(problems), len(tt.want), err)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

// What would be good TOML and could never work: a line that cannot be written, a port that there is not, a part of a URL that nobody sends.
func TestLoadConfigRefusesWhatCannotWork(t *testing.T) {
	const output = "[[output]]\nname = \"a\"\nurl = \"http://h\"\n"
	withURL := func(url string) string { return "[[output]]\nname = \"a\"\nurl = \"" + url + "\"\n" }
	tests := []struct {
		name, text string
		want       []string // all problems; none: it is good
	}{
		{"a host of two lines", "host = \"a\\nb\"\n" + output, []string{`agent.toml:1: host: found "a\nb", expected a name of printable characters`}},
		{"a host of blanks", "host = \" \"\n" + output, []string{`host: found " ", expected a name`}},
		{"a host that ends with a backslash", "host = 'a\\'\n" + output, []string{`host: found "a\\", expected a name`}},
		{"a long host", "host = \"" + strings.Repeat("a", 256) + "\"\n" + output, []string{`expected a name of printable characters, at most 255 bytes`}},
		{"a host with blanks inside", "host = \"büro 2 (münchen)\"\n" + output, nil},
		{"no such port to listen on", "listen = \"127.0.0.1:99999\"\n" + output, []string{`agent.toml:1: listen: found "127.0.0.1:99999", expected an address like "127.0.0.1:17073", with a port of at most 65535`}},
		{"a port by name", "listen = \"127.0.0.1:http\"\n" + output, []string{`listen: found "127.0.0.1:http"`}},
		{"any port", "listen = \"127.0.0.1:0\"\n" + output, nil},
		{"no such port to send to", withURL("http://h:80860"), []string{`agent.toml:3: output[0].url: found "http://h:80860", expected an address with a port from 1 to 65535`}},
		{"port 0 to send to", withURL("http://h:0"), []string{`output[0].url: found "http://h:0", expected an address with a port from 1 to 65535`}},
		{"a port alone", withURL("http://:8086"), []string{`output[0].url: found "http://:8086", expected an address like`}},
		{"a query", withURL("http://h/foo?x=1#z"), []string{`agent.toml:3: output[0].url: found "http://h/foo?x=1#z", expected an address without "?" and "#": only a path may follow the host`}},
		{"an empty query", withURL("http://h?"), []string{`expected an address without "?" and "#"`}},
		{"a fragment", withURL("http://h/#z"), []string{`expected an address without "?" and "#"`}},
		{"a path", withURL("https://h:65535/foo/"), nil},
		{"one of several addresses", "[[output]]\nname = \"a\"\nurls = [\"http://h\", \"http://h:70000\"]\n", []string{`output[0].urls[1]: found "http://h:70000"`}},
		{"a list for url", "[[output]]\nname = \"a\"\nurl = [\"http://h\"]\n", []string{`agent.toml:3: output[0].url: found a list, expected a string`}},
		{"a text for urls", "[[output]]\nname = \"a\"\nurls = \"http://h\"\n", []string{`agent.toml:3: output[0].urls: found "http://h", expected a list`}},
		{"a number for a password", output + "username = \"u\"\npassword_file = 3\n", []string{`output[0].password_file: found 3, expected a string`}},
		{"Docker over TCP", "docker_socket = \"tcp://127.0.0.1:2375\"\n" + output, []string{`agent.toml:1: docker_socket: found "tcp://127.0.0.1:2375", expected the path of a socket, like "/var/run/docker.sock"`}},
		{"a socket's URL without a path", "docker_socket = \"unix://docker.sock\"\n" + output, []string{`docker_socket: found "unix://docker.sock", expected the path`}},
		{"state in a file", "state_dir = \"token\"\n" + output, []string{`agent.toml:1: state_dir: found "token", expected a folder, or a path where none is yet: this is a file`}},
		{"state below a file", "state_dir = \"token/state\"\n" + output, []string{`state_dir: found "token/state", expected a folder, or a path where none is yet: a part of it is a file`}},
		{"state in a folder", "state_dir = \"DIR\"\n" + output, nil},
		{"a long name", "[[output]]\nname = \"" + strings.Repeat("a", 300) + "\"\nurl = \"http://h\"\n", []string{`output[0].name: found "` + strings.Repeat("a", 80) + `"…, expected a shorter name: its folder, in which other characters than letters and digits count three or more, would have 300, and may have 200`}},
		{"a name whose folder is long", "[[output]]\nname = \"" + strings.Repeat("ü", 40) + "\"\nurl = \"http://h\"\n", []string{`would have 240, and may have 200`}},
		{"a name of two lines", "[[output]]\nname = \"a\\nb\"\nurl = \"http://h\"\n", []string{`output[0].name: found "a\nb", expected a name of printable characters`}},
		{"a bucket of three parts", output + "bucket = \"a/b/c\"\n", []string{`agent.toml:4: output[0].bucket: found "a/b/c", expected "database" or "database/retention policy", as there is no org`}},
		{"a bucket without a database", output + "bucket = \"/b\"\n", []string{`output[0].bucket: found "/b", expected "database"`}},
		{"a bucket of an organisation", output + "org = \"o\"\nbucket = \"a/b/c\"\n", nil},
		{"the dead man's output beside another mistake", "interval = \"5ms\"\nstate_dir = \"DIR\"\n[dead_man]\nurl_file = \"url\"\noutput = \"b\"\n" + output, []string{
			`agent.toml:1: interval: found "5ms"`, `agent.toml:5: dead_man.output: found "b", expected the name of the [[output]] that is the router`,
		}},
		{"the dead man's output beside one whose name is not known", "state_dir = \"DIR\"\n[dead_man]\nurl_file = \"url\"\n[[output]]\nname = 3\nurl = \"http://h\"\n", []string{`output[0].name: found 3, expected a string`}},
		{"a number for the dead man's key", "state_dir = \"DIR\"\n[dead_man]\nevents_key_file = 3\noutput = \"a\"\n" + output, []string{`dead_man.events_key_file: found 3, expected a string`}},
		{"no output beside another mistake", "interval = \"5ms\"\n", []string{`interval: found "5ms"`, `output: found nothing, expected at least one [[output]]`}},
		{"outputs by a wrong name", "[[outputs]]\nname = \"a\"\n", []string{`outputs: found unknown key "outputs"`}},
		{"a filter that leaves nothing, beside another mistake", "interval = \"5ms\"\n" + output + "exclude = [\"*\"]\n", []string{`interval: found "5ms"`, `output[0].exclude: found "*", expected patterns that leave something`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, tt.text)
			if tt.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var problems tomlfile.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error %v, expected problems", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error\n%v\nexpected to contain\n%s", err, want)
				}
			}
			if len(problems) != len(tt.want) {
				t.Errorf("%d problems, expected %d:\n%v", len(problems), len(tt.want), err)
			}
		})
	}
}

// docker_socket may be written as DOCKER_HOST has it, and from the folder of the file.
func TestLoadConfigDockerSocket(t *testing.T) {
	const output = "[[output]]\nname = \"a\"\nurl = \"http://h\"\n"
	for text, want := range map[string]string{
		"unix:///var/run/docker.sock": "/var/run/docker.sock", "/run/docker.sock": "/run/docker.sock", "docker.sock": "DIR/docker.sock", "": "",
	} {
		path := filepath.Join(t.TempDir(), "agent.toml")
		if err := os.WriteFile(path, []byte("docker_socket = \""+text+"\"\n"+output), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := LoadConfig(path, func(string) (string, bool) { return "", false })
		if found := strings.Replace(cfg.DockerSocket, filepath.Dir(path), "DIR", 1); err != nil || found != want {
			t.Errorf("%q: found %q, %v, expected %q", text, found, err, want)
		}
	}
}

// Each host name that a file may have can be written: no line is left out because of it.
func TestHostsThatAreGoodCanBeWritten(t *testing.T) {
	for _, host := range []string{"a\nb", "a\x00", " ", "a ", `a\`, `\a`, "a\u2028b", "büro 2", "a,b=c", "\ufffd", "a", "0"} {
		_, err := influx.Encode(nil, []influx.Point{{
			Measurement: influx.Agent, Tags: []influx.Tag{{Key: influx.TagHost, Value: host}},
			Fields: []influx.Field{influx.String(influx.FieldState, influx.StateUp)}, Time: time.Unix(1, 0),
		}})
		if err != nil && settings.Name(host) {
			t.Errorf("%q is a good name, and cannot be written: %v", host, err)
		}
	}
}

func TestLoadConfigStateDir(t *testing.T) {
	const output = "[[output]]\nname = \"a\"\nurl = \"http://h\"\n"
	dir := t.TempDir()
	tests := []struct {
		name, text, env, want string
	}{
		{"none", output, "", ""},
		{"of systemd", output, "/var/lib/nezuban-agent", "/var/lib/nezuban-agent"},
		{"the file leads", "state_dir = \"/srv/agent\"\n" + output, "/var/lib/nezuban-agent", "/srv/agent"},
		{"from the folder of the file", "state_dir = \"state\"\n" + output, "", filepath.Join(dir, "state")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, "agent.toml")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, err := LoadConfig(path, func(key string) (string, bool) { return tt.env, key == stateDirEnv && tt.env != "" })
			if err != nil || cfg.StateDir != tt.want {
				t.Errorf("state_dir %q, %v, expected %q", cfg.StateDir, err, tt.want)
			}
		})
	}
}

func TestLoadConfigWithoutFile(t *testing.T) {
	_, err := LoadConfig(filepath.Join(t.TempDir(), "agent.toml"), os.LookupEnv)
	if err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("error %v", err)
	}
}

// The configuration that the package installs is a good one.
func TestLoadConfigOfThePackage(t *testing.T) {
	path := filepath.Join(testenv.Repo(t), "packaging", "deb", "agent.toml")
	cfg, err := LoadConfig(path, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	unit, err := os.ReadFile(filepath.Join(filepath.Dir(path), "nezuban-agent.service"))
	if err != nil {
		t.Fatal(err)
	}
	// check-config, which systemd does not start, would find none in the environment.
	if folder, ok := strings.CutPrefix(cfg.StateDir, "/var/lib/"); !ok || !strings.Contains(string(unit), "\nStateDirectory="+folder+"\n") {
		t.Errorf("state_dir %q is not the unit's StateDirectory:\n%s", cfg.StateDir, unit)
	}
	socket, err := os.ReadFile(filepath.Join(filepath.Dir(path), "nezuban-docker-proxy.socket"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(socket), "\nListenStream="+cfg.DockerSocket+"\nSocketUser=root\nSocketGroup=nezuban-agent\nSocketMode=0660\n") {
		t.Errorf("docker_socket %q is not the one of docker-proxy, for the package's user:\n%s", cfg.DockerSocket, socket)
	}
}
