package oncallci

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"nezuban/packaging/testenv"
)

// workflow is what the tests know of a workflow of GitHub Actions; an unknown key fails.
type workflow struct {
	Name string
	On   map[string]struct{ Paths []string }
	// A job without permissions of its own has those of the workflow: none.
	Permissions map[string]string
	Concurrency map[string]string
	Jobs        map[string]job
}

type job struct {
	Needs          string
	If             string
	RunsOn         string `yaml:"runs-on"`
	TimeoutMinutes int    `yaml:"timeout-minutes"`
	Permissions    map[string]string
	Outputs        map[string]string
	Steps          []step
}

type step struct {
	ID, Name, Uses, Run string
	With, Env           map[string]string
}

func readWorkflow(t *testing.T) workflow {
	t.Helper()
	in, err := os.Open("oncall.yml")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var w workflow
	decoder := yaml.NewDecoder(in)
	decoder.KnownFields(true)
	if err := decoder.Decode(&w); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestWorkflow holds what the README promises: who may do what, and that nothing of a pull request reaches a shell.
func TestWorkflow(t *testing.T) {
	w := readWorkflow(t)
	if _, ok := w.On["pull_request_target"]; !ok || len(w.On) != 1 || len(w.Permissions) != 0 {
		t.Errorf("on %v with permissions %v", w.On, w.Permissions)
	}
	rights := map[string]map[string]string{}
	for name, j := range w.Jobs {
		rights[name] = j.Permissions
		for _, s := range j.Steps {
			if strings.Contains(s.Run, "${{") {
				t.Errorf("job %s: an expression within a script, where it is text of the script: %s", name, s.Run)
			}
			if s.Uses != "" && !regexp.MustCompile(`^[a-z-]+/[a-z-]+@[0-9a-f]{40}$`).MatchString(s.Uses) {
				t.Errorf("job %s: %q is not pinned to a commit", name, s.Uses)
			}
			if s.With["ref"] != "" {
				t.Errorf("job %s checks out %q, not the default branch", name, s.With["ref"])
			}
			if name != "check" && s.Uses != "" {
				t.Errorf("job %s needs no action, and no repository: %s", name, s.Uses)
			}
		}
	}
	want := map[string]map[string]string{
		"approvals": {"pull-requests": "read"}, "check": {"contents": "read"}, "comment": {"pull-requests": "write"},
	}
	if diff := cmp.Diff(want, rights); diff != "" {
		t.Errorf("permissions (-want +got):\n%s", diff)
	}
	hang := map[string]job{}
	for name, j := range w.Jobs {
		hang[name] = job{Needs: j.Needs, If: j.If, Outputs: j.Outputs}
	}
	wired := map[string]job{
		"approvals": {Outputs: map[string]string{"logins": "${{ steps.reviews.outputs.logins }}"}},
		"check":     {Needs: "approvals", Outputs: map[string]string{"comment": "${{ steps.judge.outputs.comment }}"}},
		"comment":   {Needs: "check", If: "always() && needs.check.outputs.comment != ''"}, // also when the check fails
	}
	if diff := cmp.Diff(wired, hang); diff != "" {
		t.Errorf("how the jobs hang together (-want +got):\n%s", diff)
	}
	judge := stepOf(t, w, "check", "oncall-ci.sh")
	given := map[string]string{
		"FILE": "oncall.toml", "BASE": "origin/${{ github.event.pull_request.base.ref }}", "HEAD": "${{ github.event.pull_request.head.sha }}",
		"ONCALL_APPROVED": "${{ needs.approvals.outputs.logins }}", "ONCALL_LOGINS": "${{ vars.ONCALL_LOGINS }}",
	}
	if diff := cmp.Diff(given, judge.Env); diff != "" {
		t.Errorf("what the judge is given (-want +got):\n%s", diff)
	}
	if !strings.Contains(judge.Run, `sh .github/oncall-ci.sh "$FILE" "$BASE" "$HEAD"`) || w.On["pull_request_target"].Paths[0] != judge.Env["FILE"] {
		t.Errorf("the judge runs %s", judge.Run)
	}
}

// stepOf finds the step of a job whose script contains a text.
func stepOf(t *testing.T, w workflow, job, text string) step {
	t.Helper()
	i := slices.IndexFunc(w.Jobs[job].Steps, func(s step) bool { return strings.Contains(s.Run, text) })
	if i < 0 {
		t.Fatalf("job %s has no step with %q", job, text)
	}
	return w.Jobs[job].Steps[i]
}

// runStep runs the script of a step as the runner does, with programs of ours before all others.
func runStep(t *testing.T, s step, dir string, programs map[string]string, env ...string) (output string, code int) {
	t.Helper()
	bash := testenv.Command(t, "bash", "bash")
	bin := t.TempDir()
	for name, text := range programs {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	output = filepath.Join(t.TempDir(), "output")
	cmd := exec.CommandContext(t.Context(), bash, "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "GITHUB_OUTPUT="+output, "RUNNER_TEMP="+t.TempDir())
	cmd.Env = append(cmd.Env, env...)
	said, err := cmd.CombinedOutput()
	t.Logf("%s", said)
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(output)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(said) + "\n---\n" + string(text), cmd.ProcessState.ExitCode()
}

// TestFetchStep: the pull request comes along as history, and nothing of it into the folder from which the script is run.
func TestFetchStep(t *testing.T) {
	testenv.Command(t, "git", "git")
	r := newRepository(t, testenv.Build(t, "./oncall"))
	base := r.commit(good, ".github/oncall-ci.sh", "echo ours\n")
	head := r.commit(good, ".github/oncall-ci.sh", "echo theirs\n", "pwned", "theirs\n")
	r.git("update-ref", "refs/pull/7/head", head) // as the host keeps it: no branch has it
	r.git("reset", "--hard", "--quiet", base)
	clone := filepath.Join(t.TempDir(), "clone")
	r.git("clone", "--quiet", r.dir, clone)
	_, code := runStep(t, stepOf(t, readWorkflow(t), "check", "git fetch"), clone, nil, "HEAD="+head)
	script, err := os.ReadFile(filepath.Join(clone, ".github/oncall-ci.sh"))
	if code != 0 || err != nil || string(script) != "echo ours\n" {
		t.Errorf("exit code %d, %v, the script is %q", code, err, script)
	}
	if _, err := os.Stat(filepath.Join(clone, "pwned")); !os.IsNotExist(err) {
		t.Errorf("a file of the pull request came along: %v", err)
	}
	if out, err := exec.CommandContext(t.Context(), "git", "-C", clone, "cat-file", "-e", head).CombinedOutput(); err != nil {
		t.Errorf("the pull request was not fetched: %v %s", err, out)
	}
}

// TestGetStep: a program whose sum is not the one that the team has written down does not become one.
func TestGetStep(t *testing.T) {
	const program = "#!/bin/sh\n"
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(program)))
	for name, test := range map[string]struct {
		sum string
		ok  bool
	}{
		"the sum of the program": {sum, true},
		"another sum":            {strings.Repeat("0", len(sum)), false},
		"no sum":                 {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := stepOf(t, readWorkflow(t), "check", "curl")
			s.Run = strings.ReplaceAll(s.Run, "$RUNNER_TEMP", "$HERE")
			here := t.TempDir()
			curl := "while [ $# -gt 1 ]; do [ \"$1\" = --output ] && out=$2; shift; done\nprintf '#!/bin/sh\\n' >\"$out\"\n"
			_, code := runStep(t, s, here, map[string]string{"curl": curl}, "HERE="+here, "URL=https://example.org/nezuban-oncall", "SHA256="+test.sum)
			info, err := os.Stat(filepath.Join(here, "nezuban-oncall"))
			if err != nil {
				t.Fatal(err)
			}
			if runs := info.Mode()&0o111 != 0; (code == 0) != test.ok || runs != test.ok {
				t.Errorf("exit code %d, may be run: %t", code, runs)
			}
		})
	}
}

// TestApprovals has the reviews of a pull request counted: the latest of each, of this commit, by those who belong there.
func TestApprovals(t *testing.T) {
	testenv.Command(t, "jq", "jq")
	reviews := `[
{"user":{"login":"alice"},"state":"APPROVED","author_association":"MEMBER","commit_id":"c0ffee","submitted_at":"2026-03-01T10:00:00Z"},
{"user":{"login":"bob"},"state":"APPROVED","author_association":"MEMBER","commit_id":"0ld","submitted_at":"2026-03-01T10:00:00Z"},
{"user":{"login":"carol"},"state":"APPROVED","author_association":"NONE","commit_id":"c0ffee","submitted_at":"2026-03-01T10:00:00Z"},
{"user":{"login":"dan"},"state":"APPROVED","author_association":"OWNER","commit_id":"c0ffee","submitted_at":"2026-03-01T10:00:00Z"},
{"user":{"login":"dan"},"state":"CHANGES_REQUESTED","author_association":"OWNER","commit_id":"c0ffee","submitted_at":"2026-03-01T11:00:00Z"}]
[{"user":{"login":"alice"},"state":"COMMENTED","author_association":"MEMBER","commit_id":"c0ffee","submitted_at":"2026-03-01T12:00:00Z"}]`
	tests := []struct{ name, reviews, association, want string }{
		{"the author belongs there", reviews, "MEMBER", "logins=alice,erin\n"},
		{"the author does not", reviews, "CONTRIBUTOR", "logins=alice\n"},
		{"nobody", "[]", "NONE", "logins=\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			gh := fmt.Sprintf("[ \"$*\" = 'api --paginate repos/o/r/pulls/7/reviews' ] || exit 1\ncat <<'END'\n%s\nEND\n", test.reviews)
			out, code := runStep(t, stepOf(t, readWorkflow(t), "approvals", "reviews"), t.TempDir(), map[string]string{"gh": gh},
				"REPO=o/r", "NUMBER=7", "HEAD=c0ffee", "AUTHOR=erin", "ASSOCIATION="+test.association)
			if code != 0 || !strings.HasSuffix(out, "\n---\n"+test.want) {
				t.Errorf("exit code %d:\n%s", code, out)
			}
		})
	}
}

// TestCommentIsMadeOnce: the first time it is posted, later it is changed; somebody else's that looks alike is left alone.
func TestCommentIsMadeOnce(t *testing.T) {
	testenv.Command(t, "jq", "jq")
	foreign := `{"id":1,"user":{"login":"mallory"},"body":"<!-- nezuban-oncall -->\nmine"}`
	body := "<!-- nezuban-oncall -->\n`$(touch pwned)` $HOME\n"
	for name, test := range map[string]struct{ comments, want string }{
		"first": {"[" + foreign + "]", "api --silent --method POST repos/o/r/issues/7/comments --field body=@comment.md\n"},
		"later": {
			"[" + foreign + `,{"id":5,"user":{"login":"github-actions[bot]"},"body":"else"}][{"id":9,"user":{"login":"github-actions[bot]"},"body":"<!-- nezuban-oncall -->\nold"}]`,
			"api --silent --method PATCH repos/o/r/issues/comments/9 --field body=@comment.md\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			gh := fmt.Sprintf("case \"$*\" in\n*--paginate*) cat <<'END'\n%s\nEND\n;;\n*) echo \"$*\" >called ;;\nesac\n", test.comments)
			_, code := runStep(t, stepOf(t, readWorkflow(t), "comment", "gh api"), dir, map[string]string{"gh": gh},
				"REPO=o/r", "NUMBER=7", "COMMENT="+base64.StdEncoding.EncodeToString([]byte(body)))
			called, err := os.ReadFile(filepath.Join(dir, "called"))
			if code != 0 || err != nil || string(called) != test.want {
				t.Errorf("exit code %d, %v, called %s", code, err, called)
			}
			if text, err := os.ReadFile(filepath.Join(dir, "comment.md")); err != nil || string(text) != body {
				t.Errorf("%v, posted %q", err, text)
			}
		})
	}
}

// TestJudgeStep runs the workflow's own step in a repository: its output is the comment, its exit code the script's, and
// what is printed is kept from the runner.
func TestJudgeStep(t *testing.T) {
	testenv.Command(t, "git", "git")
	r := newRepository(t, testenv.Build(t, "./oncall"))
	script, err := os.ReadFile("oncall-ci.sh")
	if err != nil {
		t.Fatal(err)
	}
	r.commit(good, ".github/oncall-ci.sh", string(script))
	head := r.commit(strings.Replace(good, `"alice"]`, `"alise"]`, 1), ".github/oncall-ci.sh", "touch pwned\n")
	r.git("checkout", "--quiet", head+"^")
	s := stepOf(t, readWorkflow(t), "check", "oncall-ci.sh")
	s.Run = strings.ReplaceAll(s.Run, `"$RUNNER_TEMP/nezuban-oncall"`, `"$PROGRAM"`)
	out, code := runStep(t, s, r.dir, nil, "PROGRAM="+r.program, "FILE="+file, "BASE=HEAD", "HEAD="+head)
	said, output, _ := strings.Cut(out, "\n---\n")
	if code != 2 {
		t.Errorf("exit code %d", code)
	}
	stop := regexp.MustCompile(`(?s)^::stop-commands::([0-9a-f]{32})\n.*team/oncall\.toml:8: .*\n::([0-9a-f]{32})::\n$`).FindStringSubmatch(said)
	if stop == nil || stop[1] != stop[2] {
		t.Errorf("printed:\n%s", said)
	}
	encoded, ok := strings.CutPrefix(strings.TrimSuffix(output, "\n"), "comment=")
	comment, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || !strings.HasPrefix(string(comment), "<!-- nezuban-oncall -->\n**Not to be merged") {
		t.Errorf("%v, output %q, comment %q", err, output, comment)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "pwned")); !os.IsNotExist(err) {
		t.Errorf("the pull request's own script was run: %v", err)
	}
}

func TestShellcheck(t *testing.T) {
	program, err := exec.LookPath("shellcheck")
	if err != nil {
		testenv.LeftOut(t, "shellcheck", "apt-get install -y --no-install-recommends shellcheck")
	}
	if out, err := exec.CommandContext(t.Context(), program, "oncall-ci.sh").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
