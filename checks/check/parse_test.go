package check

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/tomlfile"
)

func TestParse(t *testing.T) {
	ok := Statuses{{200, 299}}
	tests := []struct {
		name, file string
		want       []Check
	}{
		{"no checks", "", []Check{}},
		{
			"defaults", `
			[[check]]
			name = "shop"
			url = "https://shop.example/health"`,
			[]Check{{
				Name: "shop", URL: "https://shop.example/health", Method: "GET", Severity: "page", Status: ok,
				Interval: 30 * time.Second, Timeout: 10 * time.Second,
			}},
		},
		{
			"a short interval shortens the default timeout", `
			[[check]]
			name = "shop"
			url = "http://[::1]:8080"
			interval = "2s"`,
			[]Check{{
				Name: "shop", URL: "http://[::1]:8080", Method: "GET", Severity: "page", Status: ok,
				Interval: 2 * time.Second, Timeout: 2 * time.Second,
			}},
		},
		{
			"everything", `
			locations = ["tokyo", "frankfurt"]
			[[check]]
			name = "shop front"
			url = "https://shop.example/?q=1"
			method = "HEAD"
			interval = "1m"
			timeout = "1m"
			status = [200, "3xx", 404]
			quorum = 2
			severity = "ticket"
			labels = { team = "web", service = "shop" }
			[[check]]
			name = "api"
			url = "http://api.example"`,
			[]Check{{
				Name: "shop front", URL: "https://shop.example/?q=1", Method: "HEAD", Interval: time.Minute, Timeout: time.Minute,
				Status: Statuses{{200, 200}, {300, 399}, {404, 404}}, Quorum: 2, Severity: "ticket",
				Labels: map[string]string{"team": "web", "service": "shop"}, Locations: []string{"tokyo", "frankfurt"},
			}, {
				Name: "api", URL: "http://api.example", Method: "GET", Severity: "page", Status: ok,
				Interval: 30 * time.Second, Timeout: 10 * time.Second, Locations: []string{"tokyo", "frankfurt"},
			}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse("checks.toml", []byte(tt.file))
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
func TestParseRefuses(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid-*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".toml"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(data), "\n")
			want := strings.TrimPrefix(first, "# ")
			checks, err := Parse("checks.toml", data)
			if err == nil {
				t.Fatalf("taken, want %s", want)
			}
			if err.Error() != want {
				t.Errorf("\n got %s\nwant %s", err, want)
			}
			if checks != nil {
				t.Errorf("a refused file gave %d checks", len(checks))
			}
		})
	}
}

func TestParseNamesEveryMistake(t *testing.T) {
	_, err := Parse("checks.toml", []byte(`
[[check]]
name = "shop"
url = "ftp://shop.example"
timout = "5s"
interval = "soon"
severity = "loud"`))
	var problems tomlfile.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("found %v, expected Problems", err)
	}
	var lines []int
	for _, p := range problems {
		lines = append(lines, p.Line)
	}
	if diff := cmp.Diff([]int{4, 5, 6, 7}, lines); diff != "" {
		t.Errorf("lines of the problems (-want +got)\n%s\n%s", diff, err)
	}
}

func TestParseKeepsPasswordsQuiet(t *testing.T) {
	_, err := Parse("checks.toml", []byte("[[check]]\nname = \"a\"\nurl = \"http://bob:hunter2@shop.example\""))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("found %v, expected a refusal without the password", err)
	}
}

func TestStatuses(t *testing.T) {
	s := Statuses{{200, 299}, {404, 404}, {500, 503}}
	for code, want := range map[int]bool{200: true, 299: true, 300: false, 404: true, 403: false, 503: true, 0: false} {
		if got := s.Contains(code); got != want {
			t.Errorf("Contains(%d) = %v", code, got)
		}
	}
	if got, want := s.String(), "2xx, 404, 500-503"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}
