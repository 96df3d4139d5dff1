package app

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestFindReadsWhatCommandsNeedAlone(t *testing.T) {
	for _, row := range []struct{ name, text, url, dir, says string }{
		{"an empty file", "", "http://127.0.0.1:17070", "state", ""},
		{"another address", "listen = \"127.0.0.1:17071\"\n", "http://127.0.0.1:17071", "state", ""},
		{"a URL and a folder", "public_url = \"https://n.example.org/\"\nstate_dir = \"/var/lib/n\"\n", "https://n.example.org", "/var/lib/n", ""},
		{"files that are not there", "tls_cert = \"a\"\ntls_key = \"b\"\nchecks = \"c\"\n[slack]\ntoken_file = \"d\"\n", "http://127.0.0.1:17070", "state", ""},
		{"mistakes elsewhere", "oncal = 1\nlog_level = 3\npublic_url = \"http://n\"\n[slack]\nstate_dir = 5\n", "http://n", "state", ""},
		{"a URL that is none", "public_url = \"n.example.org\"\n", "", "", `router.toml:1: public_url: found "n.example.org", expected a URL like`},
		{"a folder that is none", "state_dir = 5\n", "", "", `router.toml:1: state_dir: found 5, expected a string`},
		{"no TOML", "public_url = \"http://n\"\n= 5\n", "", "", `router.toml:2: found a syntax error`},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := writeConfig(t, row.text, nil)
			found, err := Find(path)
			if row.says != "" {
				if err == nil || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "unknown") {
					t.Errorf("found %v, want %q", err, row.says)
				}
				return
			}
			dir := row.dir
			if !filepath.IsAbs(dir) {
				dir = filepath.Join(filepath.Dir(path), dir)
			}
			if want := (Found{row.url, filepath.Join(dir, "tokens")}); err != nil || found != want {
				t.Errorf("found %+v, %v, want %+v", found, err, want)
			}
		})
	}
	if _, err := Find(filepath.Join(t.TempDir(), "none.toml")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("without a file: found %v", err)
	}
}
