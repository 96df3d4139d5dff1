package oncallci

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// runner runs the jobs of the workflow one after the other, as GitHub would for pull request 7 of a repository of the
// test's own: with the step's own scripts and expressions, outputs handed on, and nothing else shared between jobs.
type runner struct {
	*testing.T
	origin *repository
	facts  map[string]string // what expressions name, such as github.token; the jobs add their outputs
	result map[string]string // of a job: success, failure or skipped
	env    []string          // of the machine
	gh     string            // the program gh
}

// approval is one review that approves.
type approval struct{ login, commit string }

// newRunner has the released program behind a web server of ours; served is what that server gives.
func newRunner(t *testing.T, program string, served []byte) *runner {
	t.Helper()
	release, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if len(served) == 0 {
		served = release
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(served) }))
	t.Cleanup(server.Close)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(release)
	r := &runner{T: t, origin: newRepository(t, program), result: map[string]string{}, facts: map[string]string{
		"github.token": "token", "github.repository": "o/r", "github.event.pull_request.number": "7",
		"github.event.pull_request.user.login": "erin", "github.event.pull_request.author_association": "MEMBER",
		"github.event.pull_request.base.ref": "main",
		"vars.NEZUBAN_ONCALL_URL":            server.URL + "/nezuban-oncall", "vars.NEZUBAN_ONCALL_SHA256": hex.EncodeToString(sum[:]), "vars.ONCALL_LOGINS": "",
	}}
	r.env = []string{"CURL_CA_BUNDLE=" + authority, "ONCALL_NOW=2026-02-22T12:00:00Z"}
	r.origin.git("config", "uploadpack.allowAnySHA1InWant", "true")
	return r
}

// propose commits the file and the script to main, and what the pull request would change of them to no branch at all.
func (r *runner) propose(text string, others ...string) {
	r.Helper()
	script, err := os.ReadFile("oncall-ci.sh")
	if err != nil {
		r.Fatal(err)
	}
	r.origin.commit("", "oncall.toml", good, ".github/oncall-ci.sh", string(script))
	head := r.origin.commit("", append([]string{"oncall.toml", text}, others...)...)
	r.facts["github.event.pull_request.head.sha"] = head
	r.origin.git("update-ref", "refs/pull/7/head", head)
	r.origin.git("reset", "--quiet", "--hard", "HEAD^")
}

// reviewed makes a gh that knows the approvals, and no comment yet; what it posts it leaves in the file posted.
func (r *runner) reviewed(posted string, by ...approval) {
	var reviews []string
	for _, a := range by {
		reviews = append(reviews, fmt.Sprintf(`{"user":{"login":%q},"state":"APPROVED","author_association":"MEMBER","commit_id":%q,"submitted_at":"2026-02-22T10:00:00Z"}`, a.login, a.commit))
	}
	r.gh = fmt.Sprintf("case \"$*\" in\n*/reviews) echo '[%s]' ;;\n*POST*/issues/7/comments*) cp comment.md '%s' ;;\n*--paginate*) echo '[]' ;;\n*) exit 1 ;;\nesac\n", strings.Join(reviews, ","), posted)
}

var expression = regexp.MustCompile(`\$\{\{ ([\w.]+) \}\}`)

// evaluated has the values of a text's expressions in their place, as a job that needs another sees them. An output that was
// never written is empty, as there, and so is that of a job that is not needed.
func (r *runner) evaluated(text, needs string) string {
	return expression.ReplaceAllStringFunc(text, func(found string) string {
		name := expression.FindStringSubmatch(found)[1]
		value, ok := r.facts[name]
		if of, isOutput := strings.CutPrefix(name, "needs."); isOutput && !strings.HasPrefix(of, needs+".") {
			return ""
		}
		if !ok && !strings.Contains(name, ".outputs.") {
			r.Errorf("nobody sets %s", name)
		}
		return value
	})
}

// due says whether a job runs after those that it needs.
func (r *runner) due(j job) bool {
	rest, always := strings.CutPrefix(j.If, "always() && ")
	if !always && j.Needs != "" && r.result[j.Needs] != "success" {
		return false
	}
	if rest == "" {
		return true
	}
	output, ok := strings.CutSuffix(rest, " != ''")
	if !ok {
		r.Fatalf("a condition that this runner does not know: %s", j.If)
	}
	return r.evaluated("${{ "+output+" }}", j.Needs) != ""
}

// run runs all jobs.
func (r *runner) run() {
	r.Helper()
	jobs := readWorkflow(r.T).Jobs
	for len(r.result) < len(jobs) {
		before := len(r.result)
		for name, j := range jobs {
			if _, done := r.result[name]; done || j.Needs != "" && r.result[j.Needs] == "" {
				continue
			}
			r.result[name] = "skipped"
			if r.due(j) {
				r.result[name] = r.job(name, j)
			}
		}
		if len(r.result) == before {
			r.Fatalf("the other jobs wait for ever: %v", r.result)
		}
	}
}

// job runs the steps of a job until one fails. Outputs that were written count all the same.
func (r *runner) job(name string, j job) (result string) {
	r.Helper()
	dir := r.TempDir()
	env := append([]string{"RUNNER_TEMP=" + r.TempDir()}, r.env...)
	result = "success"
	for _, s := range j.Steps {
		if s.Uses != "" {
			r.origin.git("clone", "--quiet", "file://"+r.origin.dir, dir)
			continue
		}
		stepEnv := env
		for key, value := range s.Env {
			stepEnv = append(stepEnv, key+"="+r.evaluated(value, j.Needs))
		}
		out, code := runStep(r.T, s, dir, map[string]string{"gh": r.gh}, stepEnv...)
		_, written, _ := strings.Cut(out, "\n---\n")
		for line := range strings.Lines(written) {
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			r.facts["steps."+s.ID+".outputs."+key] = value
		}
		if name == "check" {
			r.untouched(dir)
		}
		if code != 0 {
			result = "failure"
			break
		}
	}
	for key, value := range j.Outputs {
		r.facts["needs."+name+".outputs."+key] = r.evaluated(value, j.Needs)
	}
	return result
}

// untouched says that what is checked out is still the default branch, and only that.
func (r *runner) untouched(dir string) {
	r.Helper()
	git := func(args ...string) string { return r.origin.git(append([]string{"-C", dir}, args...)...) }
	if at, main := git("rev-parse", "HEAD"), git("rev-parse", "origin/main"); at != main {
		r.Errorf("%s is checked out, not the default branch", at)
	}
	if changed := git("status", "--porcelain", "--ignored"); changed != "" {
		r.Errorf("the tree is changed:\n%s", changed)
	}
}
