package dashboards_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

const (
	database = "nezuban"
	// rowsWithin bounds the wait for the rows of all queries together.
	rowsWithin = 90 * time.Second
)

// TestQueriesReturnRows fills a real InfluxDB by the real agent, with real
// containers to look at, and asks every query of every dashboard.
func TestQueriesReturnRows(t *testing.T) {
	d := newDocker(t)
	base := testenv.Influxd(t)
	d.containers()
	host := startAgent(t, base)
	d.crash() // once the agent follows Docker: it reports what happens, not what happened

	deadline := time.Now().Add(rowsWithin)
	for _, q := range queries(t) {
		text := substitute(q.text, host, d.name("burn")+"|"+d.name("crash")+"|"+d.name("serve"))
		for {
			rows, err := ask(t, base, text)
			if err == nil && rows > 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("%s: %d rows, %v\n%s", q.where, rows, err, text)
				break
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
}

// substitute does what Grafana does with macros and variables.
func substitute(text, host, containers string) string {
	return strings.NewReplacer(
		"$timeFilter", "time >= now() - 10m AND time <= now()",
		"$__interval", "2s",
		"$host", "("+host+")",
		"$container", "("+containers+")",
	).Replace(text)
}

// ask returns how many rows of an InfluxQL query hold a value besides the time.
func ask(t *testing.T, base, text string) (rows int, err error) {
	t.Helper()
	resp, err := http.PostForm(base+"/query", url.Values{"db": {database}, "q": {text}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Error   string
		Results []struct {
			Error  string
			Series []struct{ Values [][]any }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, err
	}
	if answer.Error != "" || len(answer.Results) != 1 || answer.Results[0].Error != "" {
		return 0, fmt.Errorf("influxdb: %+v", answer)
	}
	for _, series := range answer.Results[0].Series {
		for _, values := range series.Values {
			if len(values) > 1 && values[1] != nil {
				rows++
			}
		}
	}
	return rows, nil
}

// startAgent runs the built agent until the test ends and returns the name of
// the host that it reports, once it knows the containers of Docker.
func startAgent(t *testing.T, base string) (host string) {
	t.Helper()
	host = "dashboard-test"
	config := filepath.Join(t.TempDir(), "agent.toml")
	text := fmt.Sprintf(`host = %q
interval = "1s"
listen = ""
cgroups = ["*"]
docker_socket = %q
[[output]]
name = "influxdb"
url = %q
bucket = %q
`, host, testenv.Docker(t), base, database)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), testenv.Build(t, "./agent"), "run", "-config", config)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the context has ended: TERM was sent
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the agent said:\n%s", log.String())
		}
	})
	for end := time.Now().Add(rowsWithin); ; time.Sleep(100 * time.Millisecond) {
		if rows, err := ask(t, base, `SELECT last("usage_total") FROM "docker_container_cpu"`); err == nil && rows > 0 {
			return host
		}
		if time.Now().After(end) {
			t.Fatalf("the agent wrote nothing of a container within %s", rowsWithin)
		}
	}
}

// docker runs this test's containers.
type docker struct {
	t          *testing.T
	image, cli string
	prefix     string
}

func newDocker(t *testing.T) *docker {
	t.Helper()
	d := &docker{t: t, image: testenv.DockerImage(t), cli: testenv.Command(t, "docker", "docker.io")}
	d.prefix = fmt.Sprintf("nz-dash-%08x-", rand.Uint32())
	return d
}

func (d *docker) name(what string) string { return d.prefix + what }

// containers starts one that does everything, and one with a network address.
// Its writes are throttled because kernels of 6.10 and newer count block IO on
// cgroup v1 only once some container has a limit.
func (d *docker) containers() {
	d.t.Helper()
	d.run("burn", []string{"--cpus=0.2", "--memory=128m", "--device-write-bps=" + d.device() + ":1gb"}, "burn")
	d.run("serve", nil, "serve", ":8000")
}

// crash runs a container that fails at once.
func (d *docker) crash() { d.run("crash", nil, "exit", "7") }

func (d *docker) run(what string, options []string, command ...string) {
	d.t.Helper()
	args := append([]string{"run", "--detach", "--name", d.name(what)}, options...)
	args = append(append(args, d.image), command...)
	d.do(args...)
	d.t.Cleanup(func() {
		// The test's own context has ended by now.
		out, err := exec.Command(d.cli, "rm", "--force", "--volumes", d.name(what)).CombinedOutput()
		if err != nil {
			d.t.Errorf("docker rm %s: %v\n%s", d.name(what), err, out)
		}
	})
}

func (d *docker) do(args ...string) string {
	d.t.Helper()
	out, err := exec.CommandContext(d.t.Context(), d.cli, args...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// device is the disk below the engine's folder, the whole disk of a partition.
func (d *docker) device() string {
	d.t.Helper()
	info, err := os.Stat(d.do("info", "--format", "{{.DockerRootDir}}"))
	if err != nil {
		d.t.Fatal(err)
	}
	dev := info.Sys().(*syscall.Stat_t).Dev
	link := fmt.Sprintf("/sys/dev/block/%d:%d", dev>>8&0xfff, dev&0xff|dev>>12&0xfff00)
	path, err := filepath.EvalSymlinks(link)
	if err != nil {
		d.t.Logf("docker's folder is on no block device: %v", err)
		testenv.LeftOut(d.t, "blockdevice", "keep Docker's folder on a disk")
	}
	if _, err := os.Stat(filepath.Join(path, "partition")); err == nil {
		path = filepath.Dir(path)
	}
	return "/dev/" + filepath.Base(path)
}
