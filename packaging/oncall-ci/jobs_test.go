package oncallci

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nezuban/packaging/testenv"
)

const (
	past     = "[[change]]\ncover = { on = \"api\", by = \"carol\", for = \"bob\", from = \"2026-02-17\", to = \"2026-02-18\" }\n"
	tomorrow = "[[change]]\ncover = { on = \"api\", by = \"alice\", for = \"carol\", from = \"2026-02-23 10:00\", to = \"2026-02-23\" }\n"
)

// TestJobs runs the whole workflow on pull requests: what may be merged, and what the comment says of it.
func TestJobs(t *testing.T) {
	for _, name := range []string{"git", "jq", "curl"} {
		testenv.Command(t, name, name)
	}
	program := testenv.Build(t, "./oncall")
	tests := []struct {
		name     string
		text     string   // of the file in the pull request
		others   []string // other files in it
		approved []string // by whom
		old      bool     // what they have approved is an earlier commit
		logins   string   // ONCALL_LOGINS
		served   string   // in place of the released program
		check    string   // the result of the job check
		comment  string   // in the comment; "": none is made
	}{
		{name: "a good change is shown", text: good + later, check: "success", comment: "| carol | api | - | 2026-03-02 09:00 UTC"},
		{name: "a refused file fails, and the comment says why", text: strings.Replace(good, `"alice"]`, `"alise"]`, 1), check: "failure", comment: "    oncall.toml:8: schedule.api.layers[0].who[2]"},
		{name: "the past is altered", text: good + past, check: "failure", comment: "alters who was on call before 2026-02-22 12:00 UTC"},
		{name: "tomorrow is changed and nobody has approved", text: good + tomorrow, check: "failure", comment: "carol must approve"},
		{name: "tomorrow is changed and both have approved", text: good + tomorrow, approved: []string{"alice", "carol"}, check: "success", comment: "**The next 48 hours"},
		{name: "they have approved another commit", text: good + tomorrow, approved: []string{"alice", "carol"}, old: true, check: "failure", comment: "carol must approve"},
		{
			name: "logins are not names", text: good + tomorrow, approved: []string{"al-ice", "carol2"}, logins: "al-ice=alice\ncarol2=carol\n",
			check: "success", comment: "**The next 48 hours",
		},
		{
			name: "a pull request does not judge itself", text: good + past, check: "failure", comment: "alters who was on call",
			others: []string{".github/oncall-ci.sh", "touch pwned; echo '<!-- nezuban-oncall -->fine'\n", ".github/workflows/oncall.yml", "on: push\n"},
		},
		{name: "another program than the one named is not run", text: good + past, served: "#!/bin/sh\necho fine\n", check: "failure"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRunner(t, program, []byte(tt.served))
			r.propose(tt.text, tt.others...)
			commit := r.facts["github.event.pull_request.head.sha"]
			if tt.old {
				commit = r.origin.git("rev-parse", "main")
			}
			var approvals []approval
			for _, login := range tt.approved {
				approvals = append(approvals, approval{login, commit})
			}
			r.facts["vars.ONCALL_LOGINS"] = tt.logins
			posted := filepath.Join(t.TempDir(), "posted.md")
			r.reviewed(posted, approvals...)
			r.run()
			if r.result["approvals"] != "success" || r.result["check"] != tt.check {
				t.Errorf("the jobs end so: %v, want check to be a %s", r.result, tt.check)
			}
			comment, err := os.ReadFile(posted)
			if tt.comment == "" {
				if err == nil || r.result["comment"] != "skipped" {
					t.Errorf("commented, by a job that is a %s: %s", r.result["comment"], comment)
				}
				return
			}
			if err != nil || !strings.HasPrefix(string(comment), "<!-- nezuban-oncall -->\n") || !strings.Contains(string(comment), tt.comment) {
				t.Errorf("%v, no %q in the comment:\n%s", err, tt.comment, comment)
			}
		})
	}
}

// TestReleasedProgram: what comes from elsewhere is executable only once its checksum is right, and comes by https alone.
func TestReleasedProgram(t *testing.T) {
	testenv.Command(t, "curl", "curl")
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name        string
		served, sum string
		plain       bool // by http
		ok          bool
	}{
		{name: "the released one", ok: true},
		{name: "another", served: "#!/bin/sh\necho else\n"},
		{name: "no checksum is set", sum: "none"},
		{name: "by http", plain: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRunner(t, program, []byte(tt.served))
			url, sum := r.facts["vars.NEZUBAN_ONCALL_URL"], r.facts["vars.NEZUBAN_ONCALL_SHA256"]
			if tt.sum != "" {
				sum = ""
			}
			if tt.plain {
				server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(program))))
				defer server.Close()
				url = server.URL + "/program"
			}
			dir := t.TempDir()
			out, code := runStep(t, stepOf(t, readWorkflow(t), "check", "curl"), dir, nil, append(r.env, "RUNNER_TEMP="+dir, "URL="+url, "SHA256="+sum)...)
			info, err := os.Stat(filepath.Join(dir, "nezuban-oncall"))
			if runnable := err == nil && info.Mode()&0o111 != 0; (code == 0) != tt.ok || runnable != tt.ok {
				t.Errorf("exit code %d, executable %t:\n%s", code, runnable, out)
			}
		})
	}
}
