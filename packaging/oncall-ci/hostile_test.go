package oncallci

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"nezuban/packaging/testenv"
)

// evil is a name that a shell, a runner, Markdown or HTML could take for its own. In TOML it stands with its escapes.
const evil = "`$(touch pwned)` $(touch pwned);touch pwned|*b* [x](http://evil.example) <img src=x onerror=alert(1)> --> @everyone #1 ::set-output name=x::y"

// TestScriptTakesNamesForData: nothing in the pull request is run, and nothing in its names marks anything up.
func TestScriptTakesNamesForData(t *testing.T) {
	testenv.Command(t, "git", "git")
	r := newRepository(t, testenv.Build(t, "./oncall"))
	base := r.commit(good)
	name := `"` + strings.ReplaceAll(evil, `"`, `\"`) + `"`
	text := strings.NewReplacer("carol = ", name+" = ", `"carol"`, name).Replace(good + later)
	// What a careless job would run: hooks of the tree, attributes with filters, a script of the same name, a Makefile.
	head := r.commit(text+"[policy."+name+"]\nsteps = [{ page = \"api\", wait = \"5m\" }]\nfallback = "+name+"\n[[route]]\nmatch = { \"a\\n-->\" = \"b\\n\\u0060\\u0060\\u0060\\n@everyone\" }\npolicy = "+name+"\n[[route]]\npolicy = "+name+"\n",
		"oncall-ci.sh", "touch pwned\n", ".gitattributes", "* filter=evil diff=evil merge=evil\n", "team/.gitattributes", "* -text\n",
		"Makefile", "all:\n\ttouch pwned\n", ".github/oncall-ci.sh", "touch pwned\n", "team/nezuban-oncall", "#!/bin/sh\ntouch pwned\n")
	for _, driver := range []string{"filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv"} {
		r.git("config", driver, "touch "+filepath.Join(r.dir, "pwned")+"; cat")
	}
	j := r.judge(base, head, "ONCALL_NOW=2026-03-01T12:00:00Z")
	j.want(t, 1, "must approve", "What else differs")
	for _, at := range []string{r.dir, filepath.Join(r.dir, "team")} {
		if _, err := os.Stat(filepath.Join(at, "pwned")); !os.IsNotExist(err) {
			t.Errorf("something was run: %v", err)
		}
	}

	body := strings.TrimPrefix(j.comment, "<!-- nezuban-oncall -->\n")
	shown, findings, ok := strings.Cut(body, "\n#### Check\n\n")
	if !ok {
		t.Fatalf("no findings in\n%s", body)
	}
	for line := range strings.Lines(findings) {
		if !strings.HasPrefix(line, "    ") {
			t.Errorf("a line of the findings ends the block: %q", line)
		}
	}
	if count := strings.Count(findings, "touch pwned"); count == 0 {
		t.Error("the findings do not have the name: the test shows nothing")
	}
	// The empty comment that the escapes write is the only HTML.
	plain := strings.ReplaceAll(shown, "<!-- -->", "")
	if !strings.Contains(plain, "touch pwned") {
		t.Error("the comment does not have the name: the test shows nothing")
	}
	for _, markup := range []string{"`", `\*b`, `\[x`, "<", `@[a-z]`, `#1`, "-->"} {
		if bare := regexp.MustCompile(`(^|[^\\])(` + markup + `)`); bare.MatchString(plain) {
			t.Errorf("%q marks up: %q", markup, bare.FindString(plain))
		}
	}
	if regexp.MustCompile(`(?m)^\s*::`).MatchString(j.comment + j.problems) {
		t.Error("a command to the runner")
	}
}

// TestScriptRefusesControlCharacters: names with line ends and escapes are no names.
func TestScriptRefusesControlCharacters(t *testing.T) {
	testenv.Command(t, "git", "git")
	r := newRepository(t, testenv.Build(t, "./oncall"))
	base := r.commit(good)
	name := `"a\n# Approved\n::set-output name=x::y\u001b[2J\r"`
	j := r.judge(base, r.commit(strings.NewReplacer("carol = ", name+" = ", `"carol"`, name).Replace(good+later)))
	j.want(t, 2, "**Not to be merged", "    team/oncall.toml:5: ")
	if strings.ContainsAny(j.comment, "\x1b\r") || regexp.MustCompile(`(?m)^(# Approved|::)`).MatchString(j.comment+j.problems) {
		t.Errorf("comment:\n%q\nproblems:\n%q", j.comment, j.problems)
	}
}

// TestScriptShortensComments: GitHub would refuse a comment of more than 65536 characters.
func TestScriptShortensComments(t *testing.T) {
	testenv.Command(t, "git", "git")
	r := newRepository(t, testenv.Build(t, "./oncall"))
	base := r.commit(good)
	hourly := `  { name = "base", every = "1w", from = "2026-01-05 09:00", to = "2026-03-02 09:00", who = ["bob", "carol", "alice"] },
  { name = "base", every = "1h", from = "2026-03-02 09:00", who = ["bob", "carol", "alice"] },`
	weekly := `  { name = "base", every = "1w", from = "2026-01-05 09:00", who = ["bob", "carol", "alice"] },`
	j := r.judge(base, r.commit(strings.Replace(good, weekly, hourly, 1)))
	j.want(t, 0, "too long for a comment")
	if len(j.comment) > 65536 || len(j.comment) < 50000 {
		t.Errorf("%d bytes", len(j.comment))
	}
}
