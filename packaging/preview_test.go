package packaging

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fails runs a program that is to end with an exit code other than 0, and returns what it printed.
func (s *stack) fails(name string, code int, args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(binaries, name), args...).CombinedOutput()
	exit, ended := errors.AsType[*exec.ExitError](err)
	if !ended || exit.ExitCode() != code {
		s.t.Fatalf("%s %q: found %v, want exit code %d\n%s", name, args, err, code, out)
	}
	return string(out)
}

// TestTemplates takes templates from the check of the configuration over a preview to the page.
func TestTemplates(t *testing.T) {
	s := prepareStack(t, oncallText, "[templates]\ndir = \"templates\"\n[templates.trigger]\ntitle = \"{{.Summary}} !\"\ntext = '{{template \"trigger.tmpl\" .}}'\n")
	if err := os.Mkdir(s.path("templates"), 0o700); err != nil {
		t.Fatal(err)
	}
	config := "-config=" + s.path("router.toml")
	s.write("templates/trigger.tmpl", "first\n{{.Sumary}}", 0o600)
	for _, command := range []string{"run", "check-config", "preview"} {
		if said := s.fails("nezuban-router", 1, command, config); !strings.Contains(said, "templates/trigger.tmpl:2: found") || !strings.Contains(said, "one of .AckURL") {
			t.Errorf("%s said\n%s", command, said)
		}
	}

	s.write("templates/trigger.tmpl", "{{.Word}} by {{.Channel}}\n{{.Text}}", 0o600)
	if said := s.command("nezuban-router", "check-config", config); !strings.Contains(said, "is good") {
		t.Errorf("check-config said %s", said)
	}
	said := s.command("nezuban-router", "preview", config, "-channel", "slack")
	for _, want := range []string{"--- sample container_died, trigger by slack", "title: container shop died with exit 137 on web1 !", "  TRIGGERED by slack", "changed 12s before: container shop was replaced: shop:1.4 → shop:1.5"} {
		if !strings.Contains(said, want) {
			t.Errorf("preview said\n%s\nwant %s", said, want)
		}
	}

	s.startRouter()
	s.post(die(time.Now()))
	line := s.router.await(t, 10*time.Second, 0, "^PAGE alice TRIGGERED")
	if !strings.Contains(line, "container shop died with exit 7 on web1 !") {
		t.Errorf("paged %s", line)
	}
	var open []struct{ ID string }
	s.incidents(&open)
	s.write("new.tmpl", "{{.Rule}} now: {{.Reason}}", 0o600)
	said = s.command("nezuban-router", "preview", config, "-incident", open[0].ID, "-template", s.path("new.tmpl"))
	for _, want := range []string{"--- incident " + open[0].ID + ", trigger by email", "shop died with exit 7", "container-died now: exit 7, which nobody asked for"} {
		if !strings.Contains(said, want) {
			t.Errorf("preview of an incident said\n%s\nwant %s", said, want)
		}
	}
	s.write("new.tmpl", "{{if eq .ID \"01JDN4Z3V0\"}}x{{else}}{{index .Summaries 7}}{{end}}", 0o600)
	if said := s.fails("nezuban-router", 1, "preview", config, "-incident", open[0].ID, "-template", s.path("new.tmpl")); !strings.Contains(said, "the built-in words would be sent") || !strings.Contains(said, "why now:") {
		t.Errorf("preview of a template that fails for this incident said\n%s", said)
	}
	s.fails("nezuban-router", 2, "preview", config, "-channel", "pigeon")
	s.fails("nezuban-router", 2, "preview", config, "-kind", "open")
	if said := s.fails("nezuban-router", 1, "preview", config, "-incident", "01NONE"); !strings.Contains(said, "the router does not know it") {
		t.Errorf("an incident that is not there: %s", said)
	}
}
