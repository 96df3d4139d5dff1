package packaging

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nezuban/oncall/schedule"
	"nezuban/packaging/testenv"
)

// newAppliedStack starts a router that waits for its first rotation file.
func newAppliedStack(t *testing.T) *stack {
	t.Helper()
	s := &stack{t: t, dir: t.TempDir(), addr: testenv.FreeAddress(t)}
	s.write("oncall.toml", oncallText, 0o644)
	s.write("contacts.toml", "[alice]\npagerduty = \"PALICE\"\n", 0o600)
	s.write("router.toml", fmt.Sprintf("listen = %q\noncall_source = \"apply\"\n[ingest]\nopen_on_loopback = true\n", s.addr)+rulesText, 0o644)
	s.router = start(t, "nezuban-router", "run", "-config", s.path("router.toml"))
	s.awaitReady("http://" + s.addr + "/healthz")
	return s
}

// apply runs nezuban-oncall apply on a file of the stack, and returns what it printed and its exit code.
func (s *stack) apply(file string, more ...string) (printed string, code int) {
	s.t.Helper()
	args := append([]string{"apply", s.path(file), "--router", "http://" + s.addr, "--token-file", s.path("state/tokens/act"), "--by", "ci"}, more...)
	out, err := exec.CommandContext(s.t.Context(), filepath.Join(binaries, "nezuban-oncall"), args...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return string(out), 0
}

// ask runs a command of the router that asks it, and returns what it printed.
func (s *stack) ask(args ...string) string {
	s.t.Helper()
	return s.command("nezuban-router", append(args, "-config="+s.path("router.toml"))...)
}

// onCall is who is on call by the version in force, and that version's hash.
func (s *stack) onCall() (people []string, version string) {
	s.t.Helper()
	var answer struct {
		People  []string
		Version string
	}
	if err := json.Unmarshal([]byte(s.ask("who", "-json")), &answer); err != nil {
		s.t.Fatal(err)
	}
	return answer.People, answer.Version
}

// put hands a file to the router without judging it first, as no program of ours does.
func (s *stack) put(text string) (int, string) {
	s.t.Helper()
	token, err := os.ReadFile(s.path("state/tokens/act"))
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPut, "http://"+s.addr+"/api/v1/rotation", strings.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// bobText has bob on call in place of alice.
var bobText = strings.Replace(oncallText, `who = ["alice"]`, `who = ["bob"]`, 1)

func TestARouterThatWaitsForItsRotationFile(t *testing.T) {
	s := newAppliedStack(t)
	s.router.await(t, 10*time.Second, 0, "^on call: nobody, nothing is taken in before nezuban-oncall apply FILE --router http://"+s.addr)
	resp, err := http.Get("http://" + s.addr + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	why, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(why), "rotation: no rotation file was ever applied") {
		t.Errorf("/readyz: %d %s, %v", resp.StatusCode, why, err)
	}
	at := time.Now()
	if code, body := s.post(die(at)); code != http.StatusServiceUnavailable {
		t.Errorf("a death that nobody could be paged for: %d %s", code, body)
	}
	printed, code := s.apply("oncall.toml")
	if code != 0 || !strings.Contains(printed, "is in force since") {
		t.Fatalf("exit code %d: %s", code, printed)
	}
	s.awaitReady("http://" + s.addr + "/readyz")
	if code, body := s.post(die(at)); code != http.StatusNoContent {
		t.Errorf("the same death sent again: %d %s", code, body)
	}
	s.router.await(t, 10*time.Second, 0, "^PAGE alice TRIGGERED container-died")
}

func TestApplyAgainstTheBuiltRouter(t *testing.T) {
	s := newAppliedStack(t)
	s.write("bob.toml", bobText, 0o644)
	if printed, code := s.apply("oncall.toml"); code != 0 {
		t.Fatalf("exit code %d: %s", code, printed)
	}
	_, first := s.onCall()
	between := time.Now()

	s.write("wrong", "not-the-token\n", 0o600)
	if printed, code := s.apply("bob.toml", "--token-file", s.path("wrong")); code != 2 || !strings.Contains(printed, "refused the token") || strings.Contains(printed, "not-the-token") {
		t.Errorf("a wrong token: exit code %d: %s", code, printed)
	}
	if printed, code := s.apply("bob.toml", "--token-file", s.path("state/tokens/read")); code != 2 || !strings.Contains(printed, "refused the token") {
		t.Errorf("a read token: exit code %d: %s", code, printed)
	}
	if people, _ := s.onCall(); people[0] != "alice" {
		t.Fatalf("found %v on call", people)
	}
	if printed, code := s.apply("bob.toml"); code != 0 || !strings.Contains(printed, "is in force since") {
		t.Fatalf("exit code %d: %s", code, printed)
	}
	s.router.kill() // what has been answered is in force
	s.router = start(t, "nezuban-router", "run", "-config", s.path("router.toml"))
	s.awaitReady("http://" + s.addr + "/readyz")
	if printed, code := s.apply("bob.toml"); code != 0 || !strings.Contains(printed, "was in force already, since") {
		t.Errorf("the same again: exit code %d: %s", code, printed)
	}
	s.post(die(time.Now()))
	s.router.await(t, 10*time.Second, 0, "^PAGE bob TRIGGERED container-died")

	versions := s.ask("rotations")
	if lines := strings.Split(versions, "\n"); len(lines) != 3 || !strings.Contains(lines[2], first[:12]) || !strings.Contains(lines[1], "ci") {
		t.Errorf("found\n%s", versions)
	}
	was := s.ask("who", "-at", between.Format(time.RFC3339Nano))
	if !strings.Contains(was, "on call: alice (primary, ") || !strings.Contains(was, "by version "+first[:12]) {
		t.Errorf("between the two: found %s", was)
	}
	early := exec.CommandContext(t.Context(), filepath.Join(binaries, "nezuban-router"), "who", "-at", "2026-01-06T00:00:00Z", "-config", s.path("router.toml"))
	if out, err := early.CombinedOutput(); err == nil || !strings.Contains(string(out), "no version of the rotation file was in force: the first that is known came in force at ") {
		t.Errorf("before the first: found %s, %v", out, err)
	}
}

// A file that is merged and refused must not be believed to be in force.
func TestARefusedApplyIsToldToWhoeverIsOnCall(t *testing.T) {
	s := newAppliedStack(t)
	if printed, code := s.apply("oncall.toml"); code != 0 {
		t.Fatalf("exit code %d: %s", code, printed)
	}
	if code, body := s.put(strings.Replace(oncallText, `"UTC"`, `"Mars"`, 1)); code != http.StatusUnprocessableEntity || !strings.Contains(body, `oncall.toml:1: zone: found \"Mars\"`) {
		t.Errorf("found %d %s", code, body)
	}
	s.router.await(t, 10*time.Second, 0, `^PAGE alice TRIGGERED nezuban-rotation-refused.*oncall\.toml:1: zone: found "Mars"`)
	// A little more is read to its end. Of much more the rest is cut off, and a sender that stands still meanwhile may miss the answer.
	if code, body := s.put(strings.Repeat("#", schedule.MaxBytes+100<<10)); code != http.StatusRequestEntityTooLarge {
		t.Errorf("more than MaxBytes: found %d %s", code, body)
	}
	if people, _ := s.onCall(); people[0] != "alice" {
		t.Errorf("found %v on call", people)
	}
	if printed, code := s.apply("oncall.toml"); code != 0 {
		t.Fatalf("exit code %d: %s", code, printed)
	}
	s.router.await(t, 10*time.Second, 0, "^PAGE alice RESOLVED nezuban-rotation-refused")
}

func TestARouterWithItsFileOnDiskTakesNoApply(t *testing.T) {
	s := newStack(t, oncallText, "")
	s.write("bob.toml", bobText, 0o644)
	if printed, code := s.apply("bob.toml"); code != 1 || !strings.Contains(printed, `set oncall_source = "apply" in router.toml and restart the router`) {
		t.Errorf("exit code %d: %s", code, printed)
	}
	if people, _ := s.onCall(); people[0] != "alice" {
		t.Errorf("found %v on call", people)
	}
}

// TestWhatWasAppliedSurvivesAKillAtRandom kills the router while files are applied, at moments drawn from a seed, and demands
// that a file whose apply ended well is in force afterwards.
func TestWhatWasAppliedSurvivesAKillAtRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := newAppliedStack(t)
	if printed, code := s.apply("oncall.toml"); code != 0 {
		t.Fatalf("exit code %d: %s", code, printed)
	}
	ended := 0
	for round := range 6 {
		router := s.router
		killed, life := make(chan struct{}), time.Duration(100+random.IntN(400))*time.Millisecond
		last := ""
		for n, alive := 0, true; alive; n++ {
			text := oncallText + fmt.Sprintf("# round %d, file %d\n", round, n)
			s.write("next.toml", text, 0o644)
			printed, code := s.apply("next.toml", "--json")
			if code == 0 {
				var v struct{ Hash string }
				if err := json.Unmarshal([]byte(printed), &v); err != nil {
					t.Fatal(err)
				}
				last = v.Hash
				ended++
				if n == 0 { // from now on there is something to lose, however long that took
					time.AfterFunc(life, func() { defer close(killed); router.kill() })
				}
				continue
			}
			if n == 0 {
				t.Fatalf("round %d: exit code %d: %s", round, code, printed)
			}
			<-killed
			alive = false
			// The file under way when the router died may be in force or not; the ones before it are superseded by it.
			s.router = start(t, "nezuban-router", "run", "-config", s.path("router.toml"))
			s.awaitReady("http://" + s.addr + "/readyz")
			_, inForce := s.onCall()
			if printed, code := s.apply("next.toml"); code != 0 || (last != "" && inForce != last && !strings.Contains(printed, "was in force already")) {
				t.Fatalf("round %d: version %s is in force, want %s or the one under way: %s", round, inForce, last, printed)
			}
		}
	}
	t.Logf("%d applies had ended before the kills", ended)
	if ended == 0 {
		t.Error("no apply ended before a kill")
	}
}
