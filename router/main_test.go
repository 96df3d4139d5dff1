package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"nezuban/packaging/testenv"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"nezuban-router": main}) }

// TestScripts gives the built command what people type, with a router that runs.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: func(env *testscript.Env) error { return files(env, testenv.FreeAddress(t)) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await": await, "exit-code": exitCode, "ready": ready, "remember": remember, "api": api, "post": post, "alert": alert,
			"certificate": certificate, "append": appendTo,
		},
	})
}

// files writes what a router needs: alice is on call, bob comes after ten minutes, mute has no channel.
func files(env *testscript.Env, address string) error {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return err
	}
	env.Setenv("ADDRESS", address)
	env.Setenv("TZ", berlin.String())
	env.Setenv("TOMORROW", time.Now().In(berlin).AddDate(0, 0, 1).Format(time.DateOnly))
	env.Setenv("ZONEINFO", os.Getenv("ZONEINFO"))
	for name, text := range map[string]string{
		"router.toml": fmt.Sprintf("listen = %q\n[ingest]\nopen_on_loopback = true\n[[rule]]\nid = \"container-died\"\nkind = \"container_died\"\n"+
			"[[rule]]\nid = \"agent-gone\"\nkind = \"absence\"\nmeasurement = \"nezuban_agent\"\nafter = \"1h\"\n", address),
		"contacts.toml": "\n",
		"oncall.toml": `zone = "UTC"
[people]
alice = { page = ["terminal"] }
bob   = { page = ["terminal"] }
mute  = {}
[schedule.primary]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice"] }]
[policy.standard]
steps = [{ page = "primary", wait = "10m" }, { page = "bob", wait = "10m" }]
fallback = "bob"
[[route]]
policy = "standard"
`,
	} {
		if err := os.WriteFile(filepath.Join(env.WorkDir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// exitCode runs a program that must end with this code: exit-code 2 nezuban-router who.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// ready waits until the router of the script takes something in.
func ready(ts *testscript.TestScript, _ bool, _ []string) {
	deadline := time.Now().Add(time.Minute)
	for {
		resp, err := http.Get("http://" + ts.Getenv("ADDRESS") + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the router is not ready: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// await runs a program until it prints what matches: await 'sent trigger' nezuban-router show ID.
func await(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile("(?m)" + args[0])
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s is not printed", pattern)
		}
	}
}

// appendTo adds a file to another: append EXTRA FILE.
func appendTo(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[1])
	ts.Check(os.WriteFile(path, []byte(ts.ReadFile(args[1])+ts.ReadFile(args[0])), 0o600))
}

// remember keeps, of what the last command printed, the first word, or what stands in the parentheses of a pattern, in a
// variable: remember ID ['^(\w+)  triggered'].
func remember(ts *testscript.TestScript, _ bool, args []string) {
	pattern := `^([^:\s]+)`
	if len(args) > 1 {
		pattern = args[1]
	}
	found := regexp.MustCompile("(?m)" + pattern).FindStringSubmatch(ts.ReadFile("stdout"))
	if found == nil {
		ts.Fatalf("%s is not printed", pattern)
	}
	ts.Setenv(args[0], found[1])
}

// api asks the router: api STATUS METHOD PATH [BODY]. The token is that for acting; a BODY of huge is 1 MiB long.
func api(ts *testscript.TestScript, _ bool, args []string) {
	token, err := os.ReadFile(ts.MkAbs("state/tokens/act"))
	ts.Check(err)
	body := ""
	if len(args) > 3 {
		body = args[3]
	}
	if body == "huge" {
		body = `{"by":"` + strings.Repeat("x", 1<<20) + `"}`
	}
	ask(ts, args[0], args[1], args[2], body, "Bearer "+strings.TrimSpace(string(token)))
}

// post sends line protocol: post LINE.
func post(ts *testscript.TestScript, _ bool, args []string) {
	ask(ts, "204", http.MethodPost, "/api/v2/write?bucket=nezuban", args[0], "")
}

// alert sends an alert as Prometheus does: alert JSON.
func alert(ts *testscript.TestScript, _ bool, args []string) {
	ask(ts, "200", http.MethodPost, "/api/v2/alerts", "["+args[0]+"]", "")
}

func ask(ts *testscript.TestScript, status, method, path, body, authorization string) {
	req, err := http.NewRequest(method, "http://"+ts.Getenv("ADDRESS")+path, bytes.NewBufferString(body))
	ts.Check(err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, err = ts.Stdout().Write(text)
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != status {
		ts.Fatalf("answered %d, want %s: %s", resp.StatusCode, status, text)
	}
}
