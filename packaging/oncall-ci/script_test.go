package oncallci

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"nezuban/packaging/testenv"
)

const good = `zone = "UTC"
[people]
alice = { page = ["pagerduty"], ticket = ["terminal"] }
bob   = { page = ["sms"], ticket = ["terminal"] }
carol = { page = ["sms"], ticket = ["terminal"] }
[schedule.api]
layers = [
  { name = "base", every = "1w", from = "2026-01-05 09:00", who = ["bob", "carol", "alice"] },
]
[limits]
notice = "48h"
`

const later = "[[change]]\ncover = { on = \"api\", by = \"carol\", for = \"alice\", from = \"2026-03-02 09:00\", to = \"2026-03-02\" }\n"

// repository is a git repository in which a test makes commits; the rotation file is team/oncall.toml.
type repository struct {
	testing.TB
	dir, program string
	env          []string
}

const file = "team/oncall.toml"

func newRepository(tb testing.TB, program string) *repository {
	tb.Helper()
	r := &repository{TB: tb, dir: tb.TempDir(), program: program}
	r.git("init", "--quiet", "--initial-branch=main")
	r.git("config", "user.name", "alice")
	r.git("config", "user.email", "alice@example.org")
	return r
}

func (r *repository) git(args ...string) string {
	r.Helper()
	cmd := exec.CommandContext(r.Context(), "git", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), r.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes the rotation file, and any others, and commits them.
func (r *repository) commit(text string, others ...string) string {
	r.Helper()
	r.write(file, text)
	for i := 0; i < len(others); i += 2 {
		r.write(others[i], others[i+1])
	}
	r.git("add", "--all")
	r.git("commit", "--quiet", "--message", "Change who is on call")
	return r.git("rev-parse", "HEAD")
}

func (r *repository) write(path, text string) {
	r.Helper()
	path = filepath.Join(r.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.Fatal(err)
	}
}

// judged is what the script has said.
type judged struct {
	code              int
	comment, problems string
}

// judge runs the script as of 2026-02-22 12:00 UTC, unless env says otherwise.
func (r *repository) judge(base, head string, env ...string) judged {
	r.Helper()
	script := filepath.Join(testenv.Repo(r), "packaging", "oncall-ci", "oncall-ci.sh")
	cmd := exec.CommandContext(r.Context(), "sh", script, file, base, head)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "NEZUBAN_ONCALL="+r.program, "ONCALL_NOW=2026-02-22T12:00:00Z", "TMPDIR="+r.TempDir())
	cmd.Env = append(cmd.Env, env...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.Fatal(err)
	}
	return judged{cmd.ProcessState.ExitCode(), out.String(), problems.String()}
}

// want fails unless the code is right and the texts are in the comment.
func (j judged) want(t *testing.T, code int, texts ...string) {
	t.Helper()
	if j.code != code {
		t.Errorf("exit code %d, want %d", j.code, code)
	}
	for _, text := range texts {
		if !strings.Contains(j.comment, text) {
			t.Errorf("no %q in the comment", text)
		}
	}
	if t.Failed() {
		t.Logf("comment:\n%s\nproblems:\n%s", j.comment, j.problems)
	}
}

func TestScript(t *testing.T) {
	testenv.Command(t, "git", "git")
	program := testenv.Build(t, "./oncall")

	t.Run("a good change", func(t *testing.T) {
		r := newRepository(t, program)
		base := r.commit(good)
		head := r.commit(good + later)
		j := r.judge(base, head)
		j.want(t, 0, "### On call: team/oncall\\.toml against before/team/oncall\\.toml", "| carol | api | - | 2026-03-02 09:00 UTC to 2026-03-03 00:00 UTC |",
			"Nobody's next 48 hours", "\n#### Check\n\n    team/oncall.toml: schedules 1, people 3, errors 0, ")
		if !strings.HasPrefix(j.comment, "<!-- nezuban-oncall -->\n### On call") {
			t.Errorf("the comment begins otherwise:\n%s", j.comment)
		}
		if left, err := os.ReadDir(r.dir); err != nil || len(left) != 2 {
			t.Errorf("%v in the repository, %v", left, err)
		}
	})
	t.Run("no difference", func(t *testing.T) {
		r := newRepository(t, program)
		base := r.commit(good)
		r.judge(base, r.commit(good, "README", "who is on call")).want(t, 0, "No difference from ")
	})
	t.Run("a refused file, with its lines", func(t *testing.T) {
		r := newRepository(t, program)
		base := r.commit(good)
		j := r.judge(base, r.commit(strings.Replace(good, `"alice"]`, `"alise"]`, 1)))
		j.want(t, 2, "**Not to be merged", "    team/oncall.toml:8: schedule.api.layers[0].who[2]: found \"alise\"")
		if !strings.HasPrefix(j.problems, "team/oncall.toml:8: ") {
			t.Errorf("problems:\n%s", j.problems)
		}
	})
	t.Run("an error of the check", func(t *testing.T) {
		r := newRepository(t, program)
		base := r.commit(good)
		cover := strings.Replace(later, `for = "alice"`, `for = "bob"`, 1)
		r.judge(base, r.commit(good+cover)).want(t, 1, "**Not to be merged", "    team/oncall.toml:13: error: ")
	})
	t.Run("the past is altered", func(t *testing.T) {
		r := newRepository(t, program)
		base := r.commit(good)
		past := "[[change]]\ncover = { on = \"api\", by = \"carol\", for = \"bob\", from = \"2026-02-17\", to = \"2026-02-18\" }\n"
		r.judge(base, r.commit(good+past)).want(t, 1, "    team/oncall.toml:8: error: api: alters who was on call before 2026-02-22 12:00 UTC")
	})
	t.Run("the past is altered by a commit that claims to be old", func(t *testing.T) {
		r := newRepository(t, program)
		base := r.commit(good)
		r.env = []string{"GIT_AUTHOR_DATE=2026-02-01T00:00:00Z", "GIT_COMMITTER_DATE=2026-02-01T00:00:00Z"}
		past := "[[change]]\ncover = { on = \"api\", by = \"carol\", for = \"bob\", from = \"2026-02-17\", to = \"2026-02-18\" }\n"
		r.judge(base, r.commit(good+past)).want(t, 1, "alters who was on call before 2026-02-22 12:00 UTC")
	})
	t.Run("tomorrow is changed by a commit that claims to be of next year", func(t *testing.T) {
		r := newRepository(t, program)
		base := r.commit(good)
		r.env = []string{"GIT_AUTHOR_DATE=2027-02-01T00:00:00Z", "GIT_COMMITTER_DATE=2027-02-01T00:00:00Z"}
		r.judge(base, r.commit(good+later), "ONCALL_NOW=2026-03-01T12:00:00Z").want(t, 1, "alice must approve", "carol must approve")
	})
	t.Run("approved", func(t *testing.T) {
		r := newRepository(t, program)
		base, head := r.commit(good), r.commit(good+later)
		late := "ONCALL_NOW=2026-03-01T12:00:00Z"
		r.judge(base, head, late).want(t, 1, "    team/oncall.toml:3: error: alice: ", "alice must approve", "**The next 48 hours")
		r.judge(base, head, late, "ONCALL_APPROVED=alice,carol").want(t, 0, "**The next 48 hours")
		logins := "ONCALL_LOGINS=al-ice=alice\ncarol2=carol\n"
		r.judge(base, head, late, logins, "ONCALL_APPROVED=Al-Ice,carol2").want(t, 0)
		r.judge(base, head, late, logins, "ONCALL_APPROVED=alice,carol2").want(t, 1, "alice must approve")
		r.judge(base, head, late, logins, "ONCALL_APPROVED=al,ice,carol").want(t, 1, "alice must approve", "carol must approve")
	})
	t.Run("what the base has got meanwhile is not undone", func(t *testing.T) {
		r := newRepository(t, program)
		r.commit(good + "\n# the end\n\n# of it\n")
		r.git("checkout", "--quiet", "-b", "theirs")
		head := r.commit(good + "\n# the end\n\n# of it\n" + later)
		r.git("checkout", "--quiet", "main")
		base := r.commit(strings.Replace(good, "[people]", "[people]\ndan = { page = [\"sms\"], ticket = [\"email\"] }", 1) + "\n# the end\n\n# of it\n")
		j := r.judge(base, head)
		j.want(t, 0, "| carol | api |", "people 4, errors 0")
		if strings.Contains(j.comment, "dan") {
			t.Errorf("dan is undone:\n%s", j.comment)
		}
		r.git("checkout", "--quiet", "theirs")
		conflicting := r.commit(strings.Replace(good, "[people]", "[people]\nerin = {}", 1) + "\n# the end\n\n# of it\n")
		if j := r.judge(base, conflicting); j.code != 2 || !strings.Contains(j.problems, "bring it up to date") {
			t.Errorf("%+v", j)
		}
	})
	t.Run("a base that nobody can use is mended", func(t *testing.T) {
		r := newRepository(t, program)
		r.commit(good)
		base := r.commit("zone = ")
		r.judge(base, r.commit(good+later)).want(t, 0, "| carol | api | - | 2026-03-02 09:00 UTC to 2026-03-03 00:00 UTC |")
		past := "[[change]]\ncover = { on = \"api\", by = \"carol\", for = \"bob\", from = \"2026-02-17\", to = \"2026-02-18\" }\n"
		r.judge(base, r.commit(good+past)).want(t, 1, "alters who was on call")
	})
	t.Run("the first file and the last", func(t *testing.T) {
		r := newRepository(t, program)
		r.write("README", "nothing yet")
		r.git("add", "--all")
		r.git("commit", "--quiet", "--message", "Begin")
		base := r.git("rev-parse", "HEAD")
		head := r.commit(good)
		r.judge(base, head).want(t, 0, "There is no rotation file in force")
		r.git("rm", "--quiet", file)
		r.git("commit", "--quiet", "--message", "End")
		if j := r.judge(head, "HEAD"); j.code != 2 || !strings.Contains(j.problems, "the merge would leave no such file") {
			t.Errorf("%+v", j)
		}
	})
	t.Run("revisions that are none", func(t *testing.T) {
		r := newRepository(t, program)
		base := r.commit(good)
		for _, revision := range []string{"v9", "--output=x", "$(touch pwned)", base + ":" + file, ""} {
			if j := r.judge(base, revision); j.code != 2 || !strings.Contains(j.problems, "HEAD: git knows no commit") {
				t.Errorf("%q: %+v", revision, j)
			}
		}
	})
}
