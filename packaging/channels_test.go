package packaging

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv/fakeslack"
	"nezuban/packaging/testenv/faketwilio"
	"nezuban/packaging/testenv/fakewebhook"
)

// secretFile is a file that holds a secret.
func secretFile(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// within bounds what a test awaits.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// twilioConfig is the router's configuration for an account; the table is sms or call.
func twilioConfig(t *testing.T, table string, account *faketwilio.Server) string {
	t.Helper()
	return fmt.Sprintf("[%s]\nbase_url = %q\naccount_sid = %q\nauth_token_file = %q\nfrom = %q\n",
		table, account.URL, faketwilio.AccountSID, secretFile(t, faketwilio.AuthToken), faketwilio.From)
}

// calls waits until so many calls were made.
func calls(t *testing.T, account *faketwilio.Server, n int) []faketwilio.Call {
	t.Helper()
	got, err := account.WaitFor(within(t, 10*time.Second), func(all faketwilio.Snapshot) bool { return len(all.Calls) == n })
	if err != nil {
		t.Fatal(err)
	}
	return got.Calls
}

func TestCalls(t *testing.T) {
	account := faketwilio.New(t)
	s := newStack(t, pagedBy("call", "terminal", "2s"), twilioConfig(t, "call", account))
	at := time.Now()
	s.post(die(at))
	rung := calls(t, account, 1)[0]
	if rung.To != "+4915110000001" || !strings.Contains(rung.Spoken[0], "container shop died") {
		t.Errorf("found %+v", rung)
	}
	account.Answer(rung.SID) // a voice mailbox, say: it acknowledges nothing
	s.router.await(t, 10*time.Second, 0, "^PAGE bob TRIGGERED container-died")
	s.post(event("shop", "start", at.Add(time.Second), ""))
	s.router.await(t, 10*time.Second, 0, "^PAGE bob RESOLVED container-died")
	if all := account.Calls(); len(all) != 1 {
		t.Errorf("found %d calls, want none to say that it is over", len(all))
	}
}

// prepareStackFor writes a router's files with contacts of its own for alice; bob is reached in the terminal.
func prepareStackFor(t *testing.T, channel, address, config string) *stack {
	t.Helper()
	s := prepareStack(t, pagedBy(channel, "terminal", "10m"), config)
	s.write("contacts.toml", fmt.Sprintf("[alice]\n%s = %q\n", channel, address), 0o600)
	return s
}

func TestWebhooks(t *testing.T) {
	receiver := fakewebhook.New(t, fakewebhook.Secret)
	config := fmt.Sprintf("[webhook]\nsecret_files = [%q]\n", secretFile(t, fakewebhook.Secret))
	s := prepareStackFor(t, "webhook", receiver.URL+"/alice", config)
	s.startRouter()
	receiver.Swallow(1) // taken and never answered: sent again with the same id
	at := time.Now()
	s.post(die(at))
	first, err := receiver.WaitFor(within(t, 10*time.Second), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := receiver.Await(within(t, 20*time.Second), func() bool { return receiver.Doubled() == 1 }); err != nil {
		t.Fatalf("the page was not sent again with its id: %v", err)
	}
	s.post(event("shop", "start", at.Add(time.Second), ""))
	over, err := receiver.WaitFor(within(t, 10*time.Second), 2)
	if err != nil {
		t.Fatal(err)
	}
	if first[0].Said["type"] != "page.trigger" || over[1].Said["type"] != "page.resolve" || !strings.Contains(string(first[0].Body), "container shop died") {
		t.Errorf("found %s and %s", first[0].Body, over[1].Body)
	}
}

func TestSlack(t *testing.T) {
	workspace := fakeslack.New(t)
	config := fmt.Sprintf("[slack]\nbase_url = %q\ntoken_file = %q\n", workspace.URL, secretFile(t, fakeslack.Token))
	s := prepareStackFor(t, "slack", fakeslack.Alice, config)
	s.startRouter()
	workspace.Swallow(1) // posted and never answered: it is looked for, and not posted again
	at := time.Now()
	s.post(die(at))
	if _, err := workspace.WaitFor(within(t, 10*time.Second), 1); err != nil {
		t.Fatal(err)
	}
	s.post(event("shop", "start", at.Add(time.Second), ""))
	over, err := workspace.WaitFor(within(t, 20*time.Second), 2)
	if err != nil {
		t.Fatal(err)
	}
	if first := over[0]; first.Channel != fakeslack.AliceDM || !strings.Contains(first.Text, "container shop died") || len(first.Links) != 1 {
		t.Errorf("found %+v", first)
	}
	if last := over[1]; !strings.HasPrefix(last.Text, "RESOLVED") || last.Thread != over[0].TS || len(over) != 2 {
		t.Errorf("found %+v", over)
	}
}
