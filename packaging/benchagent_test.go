package packaging

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

// benchRun is how the benchmark tells the label of its containers.
var benchRun = regexp.MustCompile(`their label is (nezuban-bench-agent=\S+)`)

// TestBenchAgent runs `make bench-agent` on few containers for seconds: each program is measured, and no container stays.
func TestBenchAgent(t *testing.T) {
	socket := testenv.Docker(t)
	testenv.InfluxdPath(t)
	run := exec.CommandContext(t.Context(), "make", "bench-agent", "BENCHAGENT=-n 3 -window 2s -rounds 1 -intervals 1s")
	run.Dir = testenv.Repo(t)
	run.Env = append(os.Environ(), "MAKEFLAGS=")
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	cost := map[string]float64{} // ms a sample
	for _, name := range []string{
		"bare loop", "agent, up to line protocol", "agent, one output", "agent, one output, gzip", "cAdvisor's handler", "cAdvisor's manager",
	} {
		row := regexp.MustCompile(`(?m)^1s +` + regexp.QuoteMeta(name) + ` +([0-9.]+) / ([0-9.]+) / ([0-9.]+) `).FindSubmatch(out)
		if row == nil {
			t.Errorf("found no row of %q", name)
			continue
		}
		if cost[name], err = strconv.ParseFloat(string(row[2]), 64); err != nil || cost[name] <= 0 {
			t.Errorf("%s: found %q ms, want more than 0", name, row[2])
		}
	}
	if cost["bare loop"] >= cost["cAdvisor's handler"] {
		t.Error("to read files costs more than to understand them too")
	}
	noneLeft(t, socket, out)
}

// TestBenchAgentInterrupted ends the benchmark as Ctrl-C does, while it measures.
func TestBenchAgentInterrupted(t *testing.T) {
	socket := testenv.Docker(t)
	repo := testenv.Repo(t)
	dir := t.TempDir()
	for _, pkg := range []string{"./agent", "./packaging/benchagent/bareloop"} {
		name := strings.Replace(filepath.Base(pkg), "agent", "nezuban-agent", 1)
		if err := os.Symlink(testenv.Build(t, pkg), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.CommandContext(t.Context(), testenv.Build(t, "./packaging/benchagent"),
		"-programs", dir, "-influxd", testenv.InfluxdPath(t), "-n", "2", "-window", "10m", "-intervals", "1s")
	run.Dir = repo
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	run.Stderr = &errs
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	said := awaitLine(t, lines, &errs, "their label is")
	said += awaitLine(t, lines, &errs, "files of each container")
	if err := run.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, _ = io.Copy(io.Discard, lines)
	if err := run.Wait(); err == nil || run.ProcessState.ExitCode() != 1 {
		t.Errorf("found %v, want exit code 1; it says %s", err, &errs)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("ended after %s, though its window is ten minutes long", took)
	}
	noneLeft(t, socket, []byte(said))
}

// awaitLine reads lines up to one that holds a text, and gives all of them.
func awaitLine(t *testing.T, lines *bufio.Reader, errs *bytes.Buffer, text string) (said string) {
	t.Helper()
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("found no line with %q: %v\n%s%s", text, err, said, errs)
		}
		if said += line; strings.Contains(line, text) {
			return said
		}
	}
}

// noneLeft looks in Docker for containers of the run that said something.
func noneLeft(t *testing.T, socket string, said []byte) {
	t.Helper()
	label := benchRun.FindSubmatch(said)
	if label == nil {
		t.Fatalf("found no label of containers in what it said:\n%s", said)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	filters, err := json.Marshal(map[string][]string{"label": {string(label[1])}})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get("http://docker/containers/json?all=1&filters=" + url.QueryEscape(string(filters)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	left, err := io.ReadAll(resp.Body)
	if err != nil || strings.TrimSpace(string(left)) != "[]" {
		t.Errorf("found %s left (%v), want none", left, err)
	}
}
