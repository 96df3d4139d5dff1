package packaging

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

// fleet is the routers that are killed, each again and again.
type fleet struct {
	t       *testing.T
	routers []*stack
	running []*life
	members *testenv.EtcdCluster // nil: the routers keep their state themselves
}

// life is a router from its start to its end.
type life struct {
	cmd     *exec.Cmd
	started time.Time
	logged  int64 // bytes of the log when it started
	ended   chan struct{}
}

func newFleet(t *testing.T, routers []*stack, members *testenv.EtcdCluster) *fleet {
	t.Helper()
	f := &fleet{t: t, routers: routers, running: make([]*life, len(routers)), members: members}
	t.Cleanup(func() {
		for i, l := range f.running {
			_ = l.cmd.Process.Kill() // nothing is looked at any more
			<-l.ended
			if t.Failed() {
				t.Logf("the last lines of router %d:\n%s", i, f.lastLines(i))
			}
		}
	})
	for i := range routers {
		f.start(i)
	}
	return f
}

// start starts a router and does not wait until it answers.
func (f *fleet) start(i int) {
	f.t.Helper()
	s := f.routers[i]
	log, err := os.OpenFile(s.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		f.t.Fatal(err)
	}
	defer log.Close()
	l := &life{cmd: exec.Command(filepath.Join(binaries, "nezuban-router"), "run", "-config", s.path("router.toml")), ended: make(chan struct{})}
	l.cmd.Stdout, l.cmd.Stderr = log, log
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if info, err := log.Stat(); err == nil {
		l.logged = info.Size()
	}
	l.started = time.Now()
	if err := l.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	go func() { defer close(l.ended); _ = l.cmd.Wait() }() // killed
	f.running[i] = l
}

// killAfter kills a router when it is so old, counted from its start or from when it began to serve, and says whether it
// was still starting.
func (f *fleet) killAfter(i int, age time.Duration, serving bool) (inStart bool) {
	f.t.Helper()
	l := f.running[i]
	since := l.started
	if serving {
		eventually(f.t, 30*time.Second, "the router serves", func() bool { return f.serves(i) || l.over() })
		since = time.Now()
	}
	select {
	case <-time.After(time.Until(since.Add(age))):
	case <-l.ended:
		f.t.Fatalf("router %d ended by itself; its last lines:\n%s", i, f.lastLines(i))
	}
	inStart = !serving && !f.serves(i)
	_ = l.cmd.Process.Kill()
	<-l.ended
	return inStart
}

// serves says whether a router serves in this life: it has greeted, which is the last thing before, or as one of several,
// of which those that do not lead greet nobody, it answers.
func (f *fleet) serves(i int) bool {
	if f.members == nil {
		text, err := os.ReadFile(f.routers[i].path("log"))
		return err == nil && strings.Contains(string(text[f.running[i].logged:]), "sign in: ")
	}
	soon := &http.Client{Timeout: 200 * time.Millisecond}
	resp, err := soon.Get("http://" + f.routers[i].addr + "/healthz")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return true
}

func (l *life) over() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// killMember kills a member of etcd and starts it again.
func (f *fleet) killMember(i int) {
	f.members.Kill(i)
	f.members.Start(i)
}

// lastStart is when the youngest router was started.
func (f *fleet) lastStart() time.Time {
	var last time.Time
	for _, l := range f.running {
		if l.started.After(last) {
			last = l.started
		}
	}
	return last
}

func (f *fleet) lastLines(i int) string {
	text, err := os.ReadFile(f.routers[i].path("log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(len(lines)-15, 0):], "\n")
}

// client gives up soon: whoever hangs is dead, or about to be.
var client = &http.Client{Timeout: 10 * time.Second}

// ask sends a request to a router, with a token of a kind if one is named, and returns status and body; 0 is no answer.
func (f *fleet) ask(i int, method, path, token, body string) (int, string) {
	f.t.Helper()
	s := f.routers[i]
	req, err := http.NewRequestWithContext(f.t.Context(), method, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		f.t.Error(err)
		return 0, ""
	}
	if token != "" {
		secret, err := os.ReadFile(s.path("state/tokens/" + token))
		if err != nil {
			return 0, "" // it was killed before it had made one
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(secret)))
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "" // cut off: whether it was done is not known
	}
	return resp.StatusCode, string(answer)
}

// crashAlert is the JSON of a problem that is reported as an alert; it is over when until is set.
func crashAlert(name string, until time.Time) string {
	ends := ""
	if !until.IsZero() {
		ends = fmt.Sprintf(`,"endsAt":%q`, until.UTC().Format(time.RFC3339Nano))
	}
	return fmt.Sprintf(`{"labels":{"alertname":"Crash","problem":%q}%s}`, name, ends)
}
