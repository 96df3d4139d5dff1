package packaging

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv/fakepagerduty"
	"nezuban/packaging/testenv/faketwilio"
)

// pagedBy is the tests' rotation with other channels and a shorter first wait.
func pagedBy(alice, bob, wait string) string {
	text := strings.Replace(oncallText, `alice = { page = ["terminal"] }`, fmt.Sprintf("alice = { page = [%q] }", alice), 1)
	text = strings.Replace(text, `bob   = { page = ["terminal"] }`, fmt.Sprintf("bob   = { page = [%q] }", bob), 1)
	return strings.Replace(text, `wait = "10m" }, {`, fmt.Sprintf("wait = %q }, {", wait), 1)
}

// newPagerDuty is an account with alice and bob, and the router's configuration for it.
func newPagerDuty(t *testing.T) (*fakepagerduty.Server, string) {
	t.Helper()
	account := fakepagerduty.New(t)
	account.AddUser("PALICE", "alice@example.com")
	account.AddUser("PBOB", "bob@example.com")
	token := t.TempDir() + "/token"
	if err := os.WriteFile(token, []byte(fakepagerduty.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	return account, fmt.Sprintf("[pagerduty]\nbase_url = %q\ntoken_file = %q\nfrom = %q\nservice = %q\n",
		account.URL, token, fakepagerduty.Bot, fakepagerduty.Service)
}

// await waits until the account is as the test wants it.
func await(t *testing.T, account *fakepagerduty.Server, within time.Duration, seen func(fakepagerduty.Snapshot) bool) fakepagerduty.Snapshot {
	t.Helper()
	ctx, cancel := patiently(t, within)
	defer cancel()
	snapshot, err := account.WaitFor(ctx, seen)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func status(want string) func(fakepagerduty.Snapshot) bool {
	return func(s fakepagerduty.Snapshot) bool { return len(s.Incidents) > 0 && s.Incidents[0].Status == want }
}

func die(at time.Time) string {
	return event("shop", "die", at, ",exit_code=7i,requested=false")
}

func TestPagerDutyIsToldOnceAndAgainWhenItIsOver(t *testing.T) {
	tests := []struct {
		name    string
		failing func(*fakepagerduty.Server)
	}{
		{"that answers", func(*fakepagerduty.Server) {}},
		{"that answers 500 first", func(s *fakepagerduty.Server) { s.Fail(1, http.StatusInternalServerError) }},
		{"that creates the incident and never says so", func(s *fakepagerduty.Server) { s.Swallow(1) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			account, config := newPagerDuty(t)
			s := newStack(t, pagedBy("pagerduty", "pagerduty", "10m"), "reopen_within = \"0s\"\n"+config) // its figures come with its end
			tt.failing(account)
			at := time.Now()
			if code, body := s.post(die(at)); code != http.StatusNoContent {
				t.Fatalf("found %d %s", code, body)
			}
			open := await(t, account, 30*time.Second, status("triggered"))
			inc := open.Incidents[0]
			if fmt.Sprint(inc.Assignees) != "[PALICE]" || inc.History[0].By != fakepagerduty.BotID {
				t.Errorf("assigned to %v by %s", inc.Assignees, inc.History[0].By)
			}
			if id := strings.Fields(strings.Split(s.command("nezuban-router", "incidents", "-config="+s.path("router.toml")), "\n")[1])[0]; inc.Key != id {
				t.Errorf("incident_key is %q, want our id %q", inc.Key, id)
			}
			s.post(event("shop", "start", at.Add(time.Second), ""))
			over := await(t, account, 30*time.Second, status("resolved"))
			if len(over.Incidents) != 1 {
				t.Errorf("found %d incidents, want one", len(over.Incidents))
			}
			eventually(t, 10*time.Second, "the figures of the incident", func() bool {
				return s.metric(`nezuban_incident_time_to_resolve_seconds_count{severity="page"}`) == 1
			})
		})
	}
}

func TestNotAcknowledgedTheSecondStepIsPagedOnTimeAsAReassignment(t *testing.T) {
	account, config := newPagerDuty(t)
	s := newStack(t, pagedBy("pagerduty", "pagerduty", "3s"), config)
	told := time.Now()
	s.post(die(told))
	first := await(t, account, 10*time.Second, status("triggered")).Incidents[0].History[0].At
	second := await(t, account, 10*time.Second, func(s fakepagerduty.Snapshot) bool {
		return len(s.Incidents) == 1 && fmt.Sprint(s.Incidents[0].Assignees) == "[PBOB]"
	})
	history := second.Incidents[0].History
	last := history[len(history)-1].At
	if took := last.Sub(told); took < 3*time.Second || running(t, first, last) > 6*time.Second {
		t.Errorf("the second step came %s after the event and %s after the first, want 3 s and a tick", took, last.Sub(first))
	}
}

func TestKilledBetweenTheEventAndThePage(t *testing.T) {
	account, config := newPagerDuty(t)
	s := newStack(t, pagedBy("pagerduty", "terminal", "10m"), config)
	release := account.Hang()
	at := time.Now()
	if code, body := s.post(die(at)); code != http.StatusNoContent {
		t.Fatalf("found %d %s", code, body)
	}
	await(t, account, 10*time.Second, func(s fakepagerduty.Snapshot) bool { return len(s.Requests) == 1 })
	s.router.kill()
	await(t, account, 10*time.Second, func(s fakepagerduty.Snapshot) bool { return s.Requests[0].Gone })
	release()
	restarted := time.Now()
	s.startRouter()
	await(t, account, 10*time.Second, status("triggered"))
	t.Logf("paged %s after the restart began, without a re-send", time.Since(restarted).Round(time.Millisecond))

	s.sent(1)
	before := s.command("nezuban-router", "incidents", "-json", "-config="+s.path("router.toml"))
	if code, body := s.post(die(at)); code != http.StatusNoContent {
		t.Fatalf("the same event again: found %d %s", code, body)
	}
	if after := s.command("nezuban-router", "incidents", "-json", "-config="+s.path("router.toml")); after != before {
		t.Errorf("the same event sent again changed\n%s\nto\n%s", before, after)
	}
	if n := len(account.Incidents()); n != 1 {
		t.Errorf("PagerDuty holds %d incidents, want one", n)
	}
}

func TestTextMessages(t *testing.T) {
	provider := faketwilio.New(t)
	token := t.TempDir() + "/token"
	if err := os.WriteFile(token, []byte(faketwilio.AuthToken), 0o600); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("[sms]\nbase_url = %q\naccount_sid = %q\nauth_token_file = %q\nfrom = %q\n", provider.URL, faketwilio.AccountSID, token, faketwilio.From)
	s := newStack(t, pagedBy("sms", "terminal", "2s"), config)
	s.post(die(time.Now()))
	ctx, cancel := patiently(t, 10*time.Second)
	defer cancel()
	got, err := provider.WaitFor(ctx, func(all faketwilio.Snapshot) bool { return len(all.Messages) == 1 })
	if err != nil {
		t.Fatal(err)
	}
	if m := got.Messages[0]; m.To != "+4915110000001" || !strings.Contains(m.Body, "container shop died") {
		t.Errorf("found %+v", m)
	}
	s.router.await(t, 10*time.Second, 0, "^PAGE bob TRIGGERED container-died")
}

// The REST API takes nothing: within ten seconds the catch-all service gets the page by the Events API, and hears that it is over. Who acknowledges
// it there has it here, though the incident there has a key and an id that nobody here has seen.
func TestPagerDutysRESTAPITakesNothing(t *testing.T) {
	url, public := outside(t)
	account, config := newPagerDuty(t)
	account.AddUser("PCHIEF", "chief@example.com")
	events := fakepagerduty.NewEvents(t)
	account.RaiseBy(events, "PCHIEF")
	s := newStack(t, pagedBy("pagerduty", "terminal", "10m"),
		public+config+fmt.Sprintf("events_url = %q\nevents_key_file = %q\nwebhook_secret_files = [%q]\n", events.URL, secretFile(t, fakepagerduty.RoutingKey), secretFile(t, hookSecret)))
	account.Subscribe(t, url+"/hooks/pagerduty", fakepagerduty.HookOptions{}, hookSecret)
	account.Fail(1000, http.StatusServiceUnavailable)
	at := time.Now()
	s.post(die(at))
	opened, err := events.WaitFor(within(t, 30*time.Second), func(all []fakepagerduty.Alert) bool { return len(all) == 1 })
	if err != nil {
		t.Fatal(err)
	}
	created := 0 // tries by the REST API
	for _, r := range account.Requests() {
		if r.Method == http.MethodPost && r.At.Before(opened[0].Opened) {
			created++
		}
	}
	least := 3 // tries, each after twice the pause of the one before
	if machine.Within(at, opened[0].Opened) >= 3*time.Second {
		least = 2 // the first pause was as long as two, and the next would have been too long
	}
	if took := running(t, at, opened[0].Opened); created < least || took > 11*time.Second || !strings.Contains(opened[0].Summary, "[for alice]") || !strings.HasSuffix(opened[0].Key, "-0") {
		t.Errorf("after %s and %d tries it got %+v", took, created, opened[0])
	}
	account.Acknowledge(account.Incidents()[0].ID, "PBOB")
	s.becomes("acknowledged", "bob")
	s.post(event("shop", "start", at.Add(time.Second), ""))
	if _, err := events.WaitFor(within(t, 30*time.Second), func(all []fakepagerduty.Alert) bool { return all[0].Status == "resolved" }); err != nil {
		t.Fatal(err)
	}
	s.unsaid(fakepagerduty.RoutingKey)
}

// PagerDuty asks to wait for five minutes: nobody waits for it.
func TestPagerDutyAsksToWait(t *testing.T) {
	account, config := newPagerDuty(t)
	phone := faketwilio.New(t)
	s := newStack(t, strings.Replace(pagedBy("pagerduty", "terminal", "10m"), `["pagerduty"]`, `["pagerduty", "5m sms"]`, 1), config+twilioConfig(t, "sms", phone))
	account.Limit(1, http.Header{"Retry-After": {"300"}})
	s.post(die(time.Now()))
	if _, err := phone.WaitFor(within(t, 60*time.Second), func(all faketwilio.Snapshot) bool { return len(all.Messages) == 1 }); err != nil {
		t.Fatal(err)
	}
}

// A hundred containers die at once: PagerDuty, which asks not to be used so, gets as many incidents as it may, and one that
// speaks for the others. That one is over when all of them are, though the router is killed meanwhile.
func TestAStormAtPagerDuty(t *testing.T) {
	account, config := newPagerDuty(t)
	s := newStack(t, pagedBy("pagerduty", "terminal", "10m"), config+"pages_per_minute = 5\n"+apart)
	var lines []string
	for n := range 100 {
		lines = append(lines, event(fmt.Sprintf("shop%03d", n), "die", time.Now(), ",exit_code=7i,requested=false"))
	}
	if code, body := s.post(strings.Join(lines, "\n")); code != http.StatusNoContent {
		t.Fatalf("found %d %s", code, body)
	}
	speaks := func(s fakepagerduty.Snapshot) (title string) {
		for _, i := range s.Incidents {
			if strings.Contains(i.Title, " incidents: ") {
				title = i.Title
			}
		}
		return title
	}
	got := await(t, account, 20*time.Second, func(s fakepagerduty.Snapshot) bool { return len(s.Incidents) == 6 && speaks(s) != "" })
	if title := speaks(got); !strings.HasPrefix(title, "95 incidents: container shop") {
		t.Errorf("found %q", title)
	}
	if text := s.command("nezuban-router", "incidents", "-config="+s.path("router.toml")); strings.Count(text, "triggered") != 100 {
		t.Errorf("not all are open:\n%s", text)
	}
	last := ""
	for n := range 100 { // one that has no incident of its own there
		name := fmt.Sprintf("shop%03d", n)
		if !slices.ContainsFunc(got.Incidents, func(i fakepagerduty.Incident) bool { return strings.Contains(i.Title, name) }) {
			last = name
		}
	}
	lines = nil
	for n := range 100 {
		if name := fmt.Sprintf("shop%03d", n); name != last {
			lines = append(lines, event(name, "start", time.Now(), ""))
		}
	}
	if code, body := s.post(strings.Join(lines, "\n")); code != http.StatusNoContent {
		t.Fatalf("found %d %s", code, body)
	}
	resolved := func(want int) func(s fakepagerduty.Snapshot) bool {
		return func(s fakepagerduty.Snapshot) bool {
			return want == len(slices.DeleteFunc(slices.Clone(s.Incidents), func(i fakepagerduty.Incident) bool { return i.Status != "resolved" }))
		}
	}
	await(t, account, 20*time.Second, resolved(5))
	s.router.kill()
	s.startRouter()
	if code, body := s.post(event(last, "start", time.Now(), "")); code != http.StatusNoContent {
		t.Fatalf("found %d %s", code, body)
	}
	await(t, account, 20*time.Second, resolved(6))
}
