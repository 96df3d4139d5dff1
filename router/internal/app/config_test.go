package app

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/transport"
)

func noEnv(string) (string, bool) { return "", false }

func writeConfig(t *testing.T, text string, more map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range more {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "router.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEveryMistakeIsNamedAtOnceWithFileAndLine(t *testing.T) {
	path := writeConfig(t, `listen = "nowhere"
oncal = "oncall.toml"
log_level = 3

[pagerduty]
from = "nobody"
service = "PSVC"

[[rule]]
id = "x"
kind = "threshold"
for = "5"

[[project]]
id = "1"
name = "shop"
severity = "loud"
`, nil)
	_, err := Load(path, noEnv)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		`router.toml:1: listen: found "nowhere"`,
		`router.toml:2: oncal`,
		`router.toml:3: log_level`,
		`router.toml:6: pagerduty.from: found "nobody"`,
		`pagerduty.token_file`,
		`router.toml:12: rule[0].for`,
		`project[0].key`,
		`router.toml:17: project[0].severity: found "loud"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not said: %s\nsaid:\n%v", want, err)
		}
	}
}

func TestLoad(t *testing.T) {
	path := writeConfig(t, `checks = "checks.toml"
[sms]
account_sid = "AC1"
auth_token_file = "sms-token"
from = "+15005550006"
[[project]]
id = "1"
name = "shop"
key = "abc"
`, map[string]string{"checks.toml": "[[check]]\nname = \"shop\"\nurl = \"http://127.0.0.1:1/\"\n", "sms-token": "s3cret\n"})
	cfg, err := Load(path, func(key string) (string, bool) { return "https://key@sentry.example/1", key == "SENTRY_DSN" })
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	if cfg.PublicURL != "http://127.0.0.1:17070" || cfg.OnCall != filepath.Join(dir, "oncall.toml") || cfg.StateDir != filepath.Join(dir, "state") {
		t.Errorf("defaults: found %+v", cfg)
	}
	if cfg.sms.AuthToken != "s3cret" || cfg.SentryDSN == "" || len(cfg.Checks) != 1 || len(cfg.ChecksText) == 0 || cfg.Projects[0].Severity != "page" {
		t.Errorf("found %+v", cfg)
	}
}

func TestChannelsNeedTheirKeys(t *testing.T) {
	for _, row := range []struct {
		name, table string
		says        []string
	}{
		{"an empty dead man's switch", "[dead_man]\n", []string{"router.toml:1: dead_man.url_file: found nothing"}},
		{"an empty etcd", "\n[etcd]\n", []string{`router.toml:2: etcd.endpoints: found nothing, expected the URLs`, "router.toml:2: advertise: found nothing, expected a URL like"}},
		{"an empty listener", "public = {}\n", []string{"router.toml:1: public.listen: found nothing", "router.toml:1: public.url: found nothing"}},
		{"an empty sms", "[sms]\n", []string{"router.toml:1: sms.account_sid: found nothing", "sms.auth_token_file: found nothing", "sms.from: found nothing"}},
		{"sms with nothing but answers", "[sms]\nreplies = false\n", []string{"router.toml:1: sms.account_sid: found nothing"}},
		{"an empty call", "[call]\n", []string{"router.toml:1: call.account_sid: found nothing"}},
		{"an empty email", "[email]\n", []string{"router.toml:1: email.server: found nothing", "router.toml:1: email.from: found nothing"}},
		{"an empty slack", "[slack]\n", []string{"router.toml:1: slack.token_file: found nothing"}},
		{"an empty webhook", "[webhook]\n", []string{"router.toml:1: webhook.secret_files: found nothing, expected at least one file"}},
		{"an empty pagerduty", "[pagerduty]\n", []string{"router.toml:1: pagerduty.service: found nothing", "pagerduty.token_file: found nothing", "pagerduty.from: found nothing"}},
		{"call", "[call]\nbase_url = \"ftp://x\"\n", []string{
			`router.toml:2: call.base_url: found "ftp://x"`, "call.account_sid", "call.auth_token_file", "call.from",
		}},
		{"email", "[email]\nserver = \"mail.example.org\"\nfrom = \"nobody\"\nusername = \"u\"\n", []string{
			`router.toml:2: email.server: found "mail.example.org"`, `router.toml:3: email.from: found "nobody"`, "email.password_file",
		}},
		{"dead man's switch without a URL", "[dead_man]\nevery = \"1m\"\n", []string{"router.toml:1: dead_man.url_file: found nothing"}},
		{"dead man's switch with no URL, and too often", "[dead_man]\nurl_file = \"secret\"\nevery = \"1s\"\n", []string{
			`router.toml:2: dead_man.url_file: found "secret", expected a file with a URL`, `router.toml:3: dead_man.every: found "1s", expected a duration from "5s" to "1h"`,
		}},
		{"email without TLS", "[email]\nserver = \"10.0.0.1:25\"\ntls = \"none\"\nfrom = \"a@b.example\"\n", []string{`router.toml:3: email.tls: found "none"`}},
		{"email with a password of nobody's", "[email]\nserver = \"mx.example.org:25\"\nfrom = \"a@b.example\"\npassword_file = \"secret\"\n", []string{"email.username"}},
		{"slack", "[slack]\nbase_url = \"slack.com\"\n", []string{`router.toml:2: slack.base_url: found "slack.com"`, "slack.token_file"}},
		{"a second listener that is the first, with no URL and half a certificate", "[public]\nlisten = \"127.0.0.1:17070\"\ntls_cert = \"secret\"\n", []string{
			`router.toml:2: public.listen: found "127.0.0.1:17070", expected another address than listen`, `public.url: found nothing`, `router.toml:3: public.tls_key: found nothing, expected the private key of tls_cert`,
		}},
		{"a certificate that is none", "tls_cert = \"secret\"\ntls_key = \"secret\"\n", []string{`router.toml:1: tls_cert: found "secret", expected a certificate that can be used`}},
		{"a key without its certificate", "tls_key = \"secret\"\n", []string{`router.toml:1: tls_cert: found nothing, expected the certificate to which tls_key belongs`}},
		{"answers that cannot come in", "[sms]\naccount_sid = \"AC1\"\nauth_token_file = \"secret\"\nfrom = \"+15005550006\"\nreplies = true\n", []string{`router.toml:5: sms.replies: found true, expected the table [public]`}},
		{"answers to calls", "[call]\nreplies = true\n", []string{`router.toml:2: call.replies`}},
		{"webhooks that cannot come in", "[pagerduty]\nwebhook_secret_files = [\"secret\"]\n", []string{`router.toml:2: pagerduty.webhook_secret_files: found "secret", expected the table [public]`, "pagerduty.service"}},
		{"limits that are none", "[sms]\npages_per_minute = -1\nmessages_per_minute = 1000000\n[email]\npages_per_minute = -2\nmessages_per_minute = -3\n[slack]\nmessages_per_minute = -4\n", []string{
			`router.toml:2: sms.pages_per_minute: found -1, expected a number from 1 to 100000, or nothing for 20`, "router.toml:3: sms.messages_per_minute", "router.toml:5: email.pages_per_minute",
			`router.toml:6: email.messages_per_minute: found -3, expected a number from 1 to 100000, or nothing for 120`, "router.toml:8: slack.messages_per_minute",
		}},
		{"limits of nothing", "state_max_bytes = 0\nabsence_grace = \"0s\"\n[pagerduty]\npages_per_minute = 0\n[call]\npages_per_minute = 0\nmessages_per_minute = 0\n[webhook]\npages_per_minute = 0\n[dead_man]\nevery = \"0s\"\n", []string{
			"router.toml:1: state_max_bytes: found 0, expected a number of bytes from 16777216", `router.toml:2: absence_grace: found "0s", expected a duration above zero`,
			"router.toml:4: pagerduty.pages_per_minute: found 0, expected a number from 1 to 100000, or nothing for 30", "router.toml:6: call.pages_per_minute: found 0",
			"router.toml:7: call.messages_per_minute: found 0", "router.toml:9: webhook.pages_per_minute: found 0", `router.toml:11: dead_man.every: found "0s", expected a duration from "5s"`,
		}},
		{"keys with nothing in them", "[email]\nserver = \"\"\nusername = \"u\"\npassword_file = \"\"\n[[project]]\nid = \"\"\n", []string{
			`router.toml:2: email.server: found "", expected host and port`, "router.toml:1: email.from: found nothing", `router.toml:4: email.password_file: found "", expected a file`,
			`router.toml:6: project[0].id: found "", expected the project's number`, "router.toml:5: project[0].key: found nothing",
		}},
		{"email with two mistakes", "[email]\nserver = \"x\"\nfrom = \"a@b.example\"\ntls = \"no\"\n", []string{
			`router.toml:2: email.server: found "x", expected host and port`, `router.toml:4: email.tls: found "no", expected "starttls"`,
		}},
		{"InfluxDB at no address", "[influxdb]\n", []string{`router.toml:1: influxdb: found nothing, expected url = "http://…" or urls = […]`}},
		{"InfluxDB with mistakes", "[influxdb]\nurls = [\"http://h:8086\", \"h:8086\"]\ntoken_file = \"secret\"\ntoken_env = \"X\"\ntoken = \"t0ken\"\nname = \"a\"\n", []string{
			`router.toml:2: influxdb.urls[1]: found "h:8086", expected an address like`, `router.toml:4: influxdb.token_env: found "token_file and token_env", expected one of them`,
			`router.toml:5: influxdb.token: found unknown key`, `router.toml:6: influxdb.name: found unknown key`,
		}},
		{"InfluxDB with a token that is nowhere", "[influxdb]\nurl = \"http://h:8086\"\ntoken_env = \"NONE\"\n", []string{`router.toml:3: influxdb.token_env: found "NONE", expected an environment variable that is set`}},
		{"webhook without a secret", "[webhook]\nsecret_files = []\n", []string{"router.toml:2: webhook.secret_files: found an empty list, expected at least one file"}},
		{"webhook with a wrong secret", "[webhook]\nsecret_files = [\n  \"nowhere\",\n  \"secret\",\n]\n", []string{
			`router.toml:3: webhook.secret_files[0]: found "nowhere"`, `router.toml:4: webhook.secret_files[1]: found "secret"`, `"whsec_"`,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Load(writeConfig(t, row.table, map[string]string{"secret": "s3cret\n"}), noEnv)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range row.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("not said: %s\nsaid:\n%v", want, err)
				}
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the secret is said:\n%v", err)
			}
		})
	}
}

// InfluxDB 1.8 and 2.x differ in what is written here, and in nothing that is required.
func TestTheHistoryInInfluxDB(t *testing.T) {
	env := func(key string) (string, bool) { return "user:s3cret", key == "INFLUX_USER_AND_PASSWORD" }
	for _, row := range []struct {
		name, text string
		want       *influx.Output
	}{
		{"no table", "", nil},
		{"as little as can be", "[influxdb]\nurl = \"http://h:8086\"\n", &influx.Output{Name: "influxdb", URLs: []string{"http://h:8086"}, Bucket: "nezuban"}},
		{"1.8", "[influxdb]\nurl = \"http://h:8086\"\ntoken_env = \"INFLUX_USER_AND_PASSWORD\"\nbucket = \"db/policy\"\n", &influx.Output{
			Name: "influxdb", URLs: []string{"http://h:8086"}, Token: "user:s3cret", Bucket: "db/policy",
		}},
		{"2.x", "[influxdb]\nurls = [\"https://a\", \"https://b\"]\ntoken_file = \"token\"\norg = \"o\"\nbucket = \"b\"\ngzip = true\n", &influx.Output{
			Name: "influxdb", URLs: []string{"https://a", "https://b"}, Token: "t0ken", Org: "o", Bucket: "b", Gzip: true,
		}},
		{"1.8 with a user, through a proxy", "[influxdb]\nurl = \"https://h\"\nusername = \"u\"\npassword_file = \"token\"\ntls_server_name = \"db\"\nproxy_url = \"http://proxy\"\n", &influx.Output{
			Name: "influxdb", URLs: []string{"https://h"}, Username: "u", Password: "t0ken", Bucket: "nezuban",
			Transport: transport.Options{ServerName: "db", Proxy: "http://proxy"},
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg, err := Load(writeConfig(t, row.text, map[string]string{"token": "t0ken\n"}), env)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, cfg.history); diff != "" {
				t.Errorf("(-want +found):\n%s", diff)
			}
		})
	}
}

func TestAChannelThatNobodyProvidesIsNamed(t *testing.T) {
	path := writeConfig(t, "", map[string]string{
		"oncall.toml":   strings.Replace(rotationText, `["terminal"]`, `["terminal", "5m sms"]`, 1),
		"contacts.toml": "[alice]\nsms = \"+4915112345678\"\n",
	})
	cfg, err := Load(path, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckOnCall(cfg); err == nil || !strings.Contains(err.Error(), `oncall.toml:3: people.alice.page: found channel "sms"`) {
		t.Errorf("found %v, want that no [sms] is configured", err)
	}
}

func TestASecretIsNeverPartOfAMessage(t *testing.T) {
	path := writeConfig(t, "[sms]\nauth_token_file = \"sms-token\"\n", map[string]string{"sms-token": "s3cret"})
	if _, err := Load(path, noEnv); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("found %v", err)
	}
}

func TestOneSourceOfTheRotationFile(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"another word", "oncall_source = \"git\"\n", `router.toml:1: oncall_source: found "git", expected "file" or "apply"`},
		{"two sources", "oncall_source = \"apply\"\noncall = \"oncall.toml\"\n", `router.toml:2: oncall: found "oncall.toml", expected no path, because oncall_source is "apply"`},
	} {
		if _, err := Load(writeConfig(t, tt.text, nil), noEnv); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: found %v, want %s", tt.name, err, tt.want)
		}
	}
	cfg, err := Load(writeConfig(t, "oncall_source = \"apply\"\n", map[string]string{"contacts.toml": "[alice]\n"}), noEnv)
	if err != nil || cfg.OnCallSource != sourceApply || cfg.OnCall != "" {
		t.Fatalf("found %+v, %v", cfg, err)
	}
	if err := CheckOnCall(cfg); err != nil {
		t.Errorf("without a rotation file: %v", err)
	}
}

// Each provider has a limit, also where the configuration names none. PagerDuty's are kept by its own package.
func TestTheLimitOfEachProvider(t *testing.T) {
	cfg, err := Load(writeConfig(t, "[slack]\ntoken_file = \"secret\"\nmessages_per_minute = 7\n", map[string]string{
		"secret": "s3cret\n", "oncall.toml": rotationText, "contacts.toml": "[alice]\n",
	}), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if want := (map[string]int{"sms": 60, "call": 60, "email": 120, "slack": 7}); !maps.Equal(cfg.rates, want) {
		t.Errorf("messages a minute %v, want %v", cfg.rates, want)
	}
	if want := (map[string]int{"pagerduty": 30, "sms": 20, "call": 10, "email": 60, "slack": 60, "webhook": 600}); !maps.Equal(cfg.caps, want) {
		t.Errorf("pages a minute %v, want %v", cfg.caps, want)
	}
}
