package packaging

import (
	"os/exec"
	"strings"
	"testing"

	"nezuban/packaging/testenv"
)

// TestOnlyApplySpeaksToANetwork holds the promise that nezuban-oncall works on files alone, but for the one command that is
// given a router.
func TestOnlyApplySpeaksToANetwork(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./oncall/...")
	list.Dir = testenv.Repo(t)
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	speaks := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		for _, imported := range words[1:] {
			if imported == "net" || imported == "net/http" || imported == "crypto/tls" {
				speaks[words[0]] = true
			}
		}
	}
	if len(speaks) != 1 || !speaks["nezuban/oncall/internal/apply"] {
		t.Errorf("found %v, want nezuban/oncall/internal/apply alone", speaks)
	}
}

// TestWhatEachProgramCarries holds the promise that the agent, which is everywhere and privileged, carries no database
// and no web page, and that only the router does.
func TestWhatEachProgramCarries(t *testing.T) {
	tests := []struct {
		program string
		without []string // parts of package paths
	}{
		{"./agent", []string{"etcd", "html/template", "nezuban/checks", "nezuban/oncall", "nezuban/router", "go-pagerduty", "go-mail"}},
		{"./checks", []string{"etcd", "html/template", "nezuban/oncall", "nezuban/router", "cadvisor", "go-pagerduty", "go-mail"}},
		{"./oncall", []string{"etcd", "html/template", "nezuban/checks", "nezuban/router", "cadvisor", "go-pagerduty", "go-mail"}},
		{"./router", []string{"cadvisor", "nezuban/agent/internal", "nezuban/checks/internal", "nezuban/oncall/internal", "emersion", "standard-webhooks"}},
	}
	for _, tt := range tests {
		t.Run(tt.program, func(t *testing.T) {
			list := exec.CommandContext(t.Context(), "go", "list", "-deps", tt.program)
			list.Dir = testenv.Repo(t)
			out, err := list.Output()
			if err != nil {
				t.Fatal(err)
			}
			packages := strings.Fields(string(out))
			if len(packages) < 50 {
				t.Fatalf("found only %d packages", len(packages))
			}
			for _, name := range packages {
				for _, part := range tt.without {
					if strings.Contains(name, part) {
						t.Errorf("%s carries %s", tt.program, name)
					}
				}
			}
		})
	}
}
