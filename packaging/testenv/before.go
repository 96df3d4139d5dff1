package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// BuildBefore compiles the main package pkg (like "./router") as it was in the
// commit before the one that is checked out, and returns the binary's path and
// the commit. A checkout without history leaves the test out.
func BuildBefore(tb testing.TB, pkg string) (path, commit string) {
	tb.Helper()
	repo := Repo(tb)
	git := func(args ...string) *exec.Cmd {
		// The checkout may be somebody else's, who is not asked here.
		return exec.CommandContext(tb.Context(), "git", append([]string{"-c", "safe.directory=*", "-C", repo}, args...)...)
	}
	named, err := git("rev-parse", "--verify", "--quiet", "HEAD~1^{commit}").Output()
	if err != nil {
		LeftOut(tb, "history", "git fetch --unshallow, in a clone of the repository")
	}
	commit = strings.TrimSpace(string(named))
	source := tb.TempDir()
	archive := filepath.Join(source, "source.tar")
	for _, cmd := range []*exec.Cmd{
		git("archive", "-o", archive, commit, "go.mod", "go.sum", "agent", "checks", "oncall", "router"),
		exec.CommandContext(tb.Context(), "tar", "-x", "-f", archive, "-C", source),
	} {
		if out, err := cmd.CombinedOutput(); err != nil {
			tb.Fatalf("take the source of %s: %s: %v\n%s", commit, cmd, err, out)
		}
	}
	return build(tb, source, pkg), commit
}

// build compiles a main package of the source in a folder.
func build(tb testing.TB, source, pkg string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), filepath.Base(pkg))
	cmd := exec.CommandContext(tb.Context(), "go", "build", "-trimpath", "-o", path, pkg)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	return path
}
