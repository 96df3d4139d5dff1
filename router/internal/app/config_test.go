package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func noEnv(string) (string, bool) { return "", false }

func writeConfig(t *testing.T, text string, more map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range more {
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
	if cfg.smsToken != "s3cret" || cfg.SentryDSN == "" || len(cfg.Checks) != 1 || len(cfg.ChecksText) == 0 || cfg.Projects[0].Severity != "page" {
		t.Errorf("found %+v", cfg)
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
	if err := CheckOnCall(cfg); err == nil || !strings.Contains(err.Error(), `oncall.toml:3: people.alice: found channel "sms"`) {
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
