package deb_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

const (
	config = "/etc/nezuban/agent.toml"
	bucket = "fromdeb"
)

// TestPackage tries the package in clean Debian systems.
func TestPackage(t *testing.T) {
	testenv.Root(t)
	debootstrap := testenv.Command(t, "debootstrap", "debootstrap")
	deb := build(t)
	t.Run("whole life", func(t *testing.T) { wholeLife(t, newRoot(t, debootstrap), deb) })
	t.Run("upgrade", func(t *testing.T) { upgrade(t, newRoot(t, debootstrap), deb) })
}

// wholeLife is a host's whole acquaintance with the package: install, run as
// the unit says, samples arrive, remove, purge, nothing left.
func wholeLife(t *testing.T, r *root, deb string) {
	influx := testenv.Influxd(t)
	before := r.list()

	r.install(deb)
	u := r.unit("nezuban-agent")
	user := u.one(t, "User")
	uid, groups := r.user(user)
	if len(groups) != 1 || groups[0] != user {
		t.Errorf("user %s is in groups %q, want only its own", user, groups)
	}
	proxy := r.unit("nezuban-docker-proxy")
	if user, groups := r.user(proxy.one(t, "User")); user == uid || len(groups) != 1 || proxy.one(t, "SupplementaryGroups") != "docker" {
		t.Errorf("docker-proxy runs as user %d in groups %q and %q, want one of its own, in group docker by its unit alone", user, groups, proxy["SupplementaryGroups"])
	}
	r.write(config, fmt.Sprintf(`interval = "1s"
listen = "127.0.0.1:0"
cgroups = ["*"]
docker_socket = ""
[[output]]
name = "test"
url = %q
bucket = %q
`, influx, bucket))

	stop := r.run(uid, strings.Fields(u.one(t, "ExecStart")))
	for _, measurement := range []string{"nezuban_agent", "cpu", "mem", "nezuban_cgroup"} {
		awaitRows(t, influx, measurement)
	}
	stop()

	state := "/var/lib/" + u.one(t, "StateDirectory") // systemd makes it
	r.chroot("install", "-d", "-o", user, "-g", user, "-m", u.one(t, "StateDirectoryMode"), state)
	r.chroot("touch", state+"/docker-seen")

	r.chroot("dpkg", "--remove", "nezuban-agent")
	if !r.has(config) || !r.has(state) || r.has("/usr/bin/nezuban-agent") {
		t.Error("remove: want configuration and state kept and the program gone")
	}
	r.chroot("dpkg", "--purge", "nezuban-agent")
	if diff := difference(before, r.list()); diff != "" {
		t.Errorf("install, remove and purge changed the system:\n%s", diff)
	}
}

// upgrade installs twice: the scripts must bear what they find.
func upgrade(t *testing.T, r *root, deb string) {
	r.install(deb)
	r.write(config, "# mine\n")
	r.install(deb)
	if text, err := os.ReadFile(filepath.Join(r.dir, config)); err != nil || string(text) != "# mine\n" {
		t.Errorf("after an upgrade the configuration holds %q, %v", text, err)
	}
	r.chroot("dpkg", "--purge", "nezuban-agent")
	if r.has(filepath.Dir(config)) {
		t.Errorf("purge leaves %s", filepath.Dir(config))
	}
}

// build makes the package the way a release is made.
func build(t *testing.T) (path string) {
	t.Helper()
	dist := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "make", "--silent", "packages", "VERSION=9.9.9", "DIST="+dist)
	cmd.Dir = testenv.Repo(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make packages: %v\n%s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(dist, "nezuban-agent_9.9.9_*.deb"))
	if err != nil || len(found) != 1 {
		t.Fatalf("make packages made %q, %v", found, err)
	}
	return found[0]
}

// awaitRows waits until InfluxQL finds rows of the measurement.
func awaitRows(t *testing.T, base, measurement string) {
	t.Helper()
	query := base + "/query?" + url.Values{
		"db": {bucket}, "q": {fmt.Sprintf("SELECT * FROM %q WHERE time > now() - 1h LIMIT 1", measurement)},
	}.Encode()
	var last string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		resp, err := http.Get(query)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Results []struct {
				Series []json.RawMessage
				Error  string
			}
		}
		err = json.NewDecoder(resp.Body).Decode(&answer)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Results) == 1 && len(answer.Results[0].Series) > 0 {
			return
		}
		last = fmt.Sprintf("%+v", answer)
	}
	t.Errorf("no rows of %s within 30 s: %s", measurement, last)
}

// run starts the unit's command as its user, in a mount namespace of its own:
// its /proc and cgroup mounts end with the process. stop ends it by TERM.
func (r *root) run(uid int, command []string) (stop func()) {
	t := r.t
	t.Helper()
	script := `set -e
		mount -t proc proc "$0/proc"
		mount --rbind /sys/fs/cgroup "$0/sys/fs/cgroup"
		mount --make-rprivate "$0/sys/fs/cgroup"
		id=$1; shift
		exec chroot --userspec="$id:$id" --groups= "$0" "$@"`
	if err := os.MkdirAll(filepath.Join(r.dir, "sys/fs/cgroup"), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	args := append([]string{"--mount", "--propagation=private", "sh", "-c", script, r.dir, strconv.Itoa(uid)}, command...)
	log, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", args...)
	cmd.Cancel = func() error { return cmd.Process.Kill() }
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("the agent said:\n%s", text)
		}
		log.Close()
	})
	return func() {
		t.Helper()
		r.runsAs(cmd.Process.Pid, uid)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(15 * time.Second): // the unit's TimeoutStopSec
			t.Error("the agent does not end within 15 s of TERM")
			return
		}
		if !cmd.ProcessState.Success() {
			t.Errorf("after TERM: %v", cmd.ProcessState)
		}
	}
}

// runsAs checks the identity of a process: all four user ids, no other group,
// no capability.
func (r *root) runsAs(pid, uid int) {
	r.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		r.t.Error(err)
		return
	}
	want := map[string]string{
		"Uid": strings.Repeat(strconv.Itoa(uid)+" ", 4), "CapEff": "0000000000000000", "Groups": "",
	}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		wanted, checked := want[key]
		if checked && strings.Join(strings.Fields(value), " ") != strings.TrimSpace(wanted) {
			r.t.Errorf("the agent runs with %s, want %s", strings.TrimSpace(line), wanted)
		}
	}
}

// chroot runs a command in the root, for a minute at most.
func (r *root) chroot(command ...string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "chroot", append([]string{r.dir}, command...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
	return string(out)
}
