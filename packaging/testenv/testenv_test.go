package testenv_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

// recorder is a testing.TB that notes how a test ended, without ending it.
type recorder struct {
	testing.TB
	fatal, skip string
}

func (r *recorder) Helper()                        {}
func (r *recorder) Fatalf(format string, _ ...any) { r.fatal = format; panic(r) }
func (r *recorder) Skipf(format string, _ ...any)  { r.skip = format; panic(r) }

func TestLeftOut(t *testing.T) {
	rows := []struct {
		name, require string
		fatal         bool
	}{
		{"nothing required", "", false},
		{"all required", "all", true},
		{"this one required", "root,docker", true},
		{"another required", "root", false},
		{"a longer name required", "docker-compose", false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			list := filepath.Join(t.TempDir(), "left-out")
			t.Setenv(testenv.RequireEnv, row.require)
			t.Setenv(testenv.LeftOutEnv, list)
			r := &recorder{TB: t}
			func() {
				defer func() {
					if got := recover(); got != r {
						t.Fatalf("LeftOut returned; recovered %v", got)
					}
				}()
				testenv.LeftOut(r, "docker", "bring docker")
			}()
			if (r.fatal != "") != row.fatal || (r.skip != "") == row.fatal {
				t.Errorf("fatal %q, skip %q; want fatal %t", r.fatal, r.skip, row.fatal)
			}
			noted, _ := os.ReadFile(list)
			want := "docker: bring docker\n"
			if row.fatal {
				want = ""
			}
			if string(noted) != want {
				t.Errorf("list holds %q, want %q", noted, want)
			}
		})
	}
}

// asked is set for the process that TestNoFreeAddressIsGivenTwice starts.
const asked = "NEZUBAN_TEST_ADDRESSES"

func TestNoFreeAddressIsGivenTwice(t *testing.T) {
	given := map[string]bool{}
	for range 500 { // of 10,000, so that by chance some would be the same
		address := testenv.FreeAddress(t)
		if given[address] {
			t.Fatalf("%s is given twice", address)
		}
		given[address] = true
		if os.Getenv(asked) != "" {
			fmt.Println(address)
		}
	}
	if os.Getenv(asked) != "" {
		return
	}
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNoFreeAddressIsGivenTwice$")
	other.Env = append(os.Environ(), asked+"=1")
	said, err := other.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for line := range strings.Lines(string(said)) {
		if address := strings.TrimSpace(line); given[address] {
			t.Fatalf("%s is given to two processes", address)
		}
	}
	if n := strings.Count(string(said), "127.0.0.1:"); n != 500 {
		t.Errorf("another process was given %d addresses, want 500", n)
	}
}

func TestInfluxdAnswersBothLanguages(t *testing.T) {
	base := testenv.Influxd(t)
	post := func(path, contentType, body string) (ok bool) {
		t.Helper()
		resp, err := http.Post(base+path, contentType, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode < 300
	}
	// A server that has just started may answer the first statement before it knows the database.
	for deadline := time.Now().Add(30 * time.Second); !post("/write?db=d", "", "m,host=a v=1"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the database cannot be made")
		}
		post("/query?q="+url.QueryEscape("CREATE DATABASE d"), "", "")
	}
	if !post("/query?db=d&q="+url.QueryEscape("SELECT v FROM m"), "", "") {
		t.Error("no answer in InfluxQL")
	}
	if !post("/api/v2/query", "application/vnd.flux", `from(bucket: "d/autogen") |> range(start: -1h)`) {
		t.Error("no answer in Flux")
	}
}

func TestDockerImageRuns(t *testing.T) {
	image := testenv.DockerImage(t)
	docker := testenv.Command(t, "docker", "docker.io")
	err := exec.CommandContext(t.Context(), docker, "run", "--rm", image, "exit", "7").Run()
	if code := exitCode(err); code != 7 {
		t.Errorf("testload exit 7: %v, exit code %d", err, code)
	}
	if again := testenv.DockerImage(t); again != image {
		t.Errorf("second call made %s, first %s", again, image)
	}
}

func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}
