package command

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const twoWeeks = `zone = "Europe/Berlin"
[people]
alice = { page = ["sms"] }
bob = { page = ["sms"] }
[schedule.api]
layers = [{ name = "base", every = "1w", from = "2026-01-05 09:00", who = ["alice", "bob"] }]
`

// rotationFile writes a file for one test.
func rotationFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "oncall.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Whoever writes one time and waits gets its answer before the next, also when half of that is written already.
func TestWhoAnswersEachLineAtOnce(t *testing.T) {
	path := rotationFile(t, twoWeeks)
	in, questions := io.Pipe()
	answers, out := io.Pipe()
	done := make(chan int)
	go func() {
		code := Run([]string{"who", path, "--at", "-"}, World{In: in, Out: out, Err: io.Discard})
		if err := out.Close(); err != nil {
			t.Error(err)
		}
		done <- code
	}()
	read := bufio.NewScanner(answers)
	for _, exchange := range []struct{ question, answer string }{
		{"2026-01-05T09:00:00+01:00\n2026-01-12", "on call: alice (api, until 2026-01-12 09:00 CET)"},
		{"T09:00:00+01:00\n\n", "on call: bob (api, until 2026-01-19 09:00 CET)"},
	} {
		if _, err := io.WriteString(questions, exchange.question); err != nil {
			t.Fatal(err)
		}
		if !read.Scan() || read.Text() != exchange.answer {
			t.Fatalf("%q: got %q, want %q", exchange.question, read.Text(), exchange.answer)
		}
	}
	if err := questions.Close(); err != nil {
		t.Fatal(err)
	}
	if code := <-done; code != exitOK || read.Scan() {
		t.Errorf("exit code %d, and %q", code, read.Text())
	}
}

// Before a bad line all are answered, and it is named.
func TestWhoNamesTheBadLine(t *testing.T) {
	path := rotationFile(t, twoWeeks)
	for name, bad := range map[string]string{
		`found "tomorrow", expected a time`: "tomorrow\n",
		"buffer full":                       strings.Repeat("1", maxLine+1),
	} {
		var out, complaints bytes.Buffer
		input := "2026-01-05T09:00:00+01:00\n\n" + bad + "2026-01-12T09:00:00+01:00\n"
		code := Run([]string{"who", path, "--at", "-", "--json"}, World{In: strings.NewReader(input), Out: &out, Err: &complaints})
		if code != exitRefused || strings.Count(out.String(), "\n") != 1 || !strings.Contains(complaints.String(), "input line 3: ") || !strings.Contains(complaints.String(), name) {
			t.Errorf("exit code %d, output %q, error output %q", code, out.String(), complaints.String())
		}
	}
}

// The last year that RFC 3339 can write has an answer too.
func TestWhoAtTheEndOfTime(t *testing.T) {
	path := rotationFile(t, twoWeeks)
	var out, complaints bytes.Buffer
	code := Run([]string{"who", path, "--at", "9999-12-31T23:59:59Z", "--json"}, World{Out: &out, Err: &complaints, Now: time.Time{}})
	if code != exitOK || !strings.Contains(out.String(), `"until":null`) {
		t.Errorf("exit code %d, output %q, error output %q", code, out.String(), complaints.String())
	}
}
