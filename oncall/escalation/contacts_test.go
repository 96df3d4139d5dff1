package escalation_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nezuban/oncall/escalation"
)

const goodContacts = `[alice]
pagerduty = "PALICE1"
sms = "+4915112345678"
[bob]
sms = "+4915187654321"
`

func contactsFile(tb testing.TB, text string, mode os.FileMode) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "contacts.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		tb.Fatal(err)
	}
	return path
}

func TestContactsGiveAddresses(t *testing.T) {
	c, err := escalation.LoadContacts(contactsFile(t, goodContacts, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := c.Address("alice", "sms"); !ok || a != "+4915112345678" {
		t.Errorf("alice by sms: %q, %v", a, ok)
	}
	for _, ask := range [][2]string{{"bob", "pagerduty"}, {"carol", "sms"}, {"alice", "terminal"}} {
		if a, ok := c.Address(ask[0], ask[1]); ok {
			t.Errorf("%s by %s: %q", ask[0], ask[1], a)
		}
	}
}

func TestPeopleAt(t *testing.T) {
	c, err := escalation.LoadContacts(contactsFile(t, goodContacts+"[ann]\nsms = \"+4915187654321\"\n", 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		channel, address string
		want             string
	}{
		{"pagerduty", "PALICE1", "[alice]"},
		{"sms", "+4915187654321", "[ann bob]"},
		{"call", "+4915187654321", "[]"},
		{"sms", "", "[]"},
		{"pagerduty", "palice1", "[]"},
	} {
		if got := fmt.Sprint(c.PeopleAt(row.channel, row.address)); got != row.want {
			t.Errorf("%s %q: found %s, want %s", row.channel, row.address, got, row.want)
		}
	}
}

func TestContactsRefuseFilesThatOthersMayTouch(t *testing.T) {
	for _, mode := range []os.FileMode{0o604, 0o640, 0o602, 0o620, 0o601, 0o644, 0o666} {
		_, err := escalation.LoadContacts(contactsFile(t, goodContacts, mode))
		if err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if _, err := escalation.LoadContacts(contactsFile(t, goodContacts, 0o400)); err != nil {
		t.Errorf("mode 400: %v", err)
	}
	if _, err := escalation.LoadContacts(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
	if _, err := escalation.LoadContacts(filepath.Join(t.TempDir(), "none")); err == nil || strings.Count(err.Error(), "none") != 1 {
		t.Errorf("no file: %v", err)
	}
}

func TestContactsRefuseAnotherUsersFile(t *testing.T) {
	path := contactsFile(t, goodContacts, 0o600)
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 12345, -1); err != nil {
			t.Fatal(err)
		}
	} else {
		path = "/etc/passwd" // another user's, for everybody but root
	}
	if _, err := escalation.LoadContacts(path); err == nil || !strings.Contains(err.Error(), "owned by user id") {
		t.Errorf("got %v", err)
	}
}

func TestContactsNeverShowAnAddress(t *testing.T) {
	for name, text := range map[string]string{
		"not TOML":           "[alice]\nsms = +49151SECRET\n",
		"unclosed":           "[alice]\nsms = \"+49151SECRET\n",
		"no telephone":       "[alice]\nsms = \"49151SECRET\"\n",
		"a list":             "[alice]\nsms = [\"+49151SECRET\"]\n",
		"not in a person":    "sms = \"+49151SECRET\"\n",
		"no user id":         "[alice]\npagerduty = \"P SECRET\"\n",
		"unknown channel":    "[alice]\npigeon = \"+49151SECRET\"\n",
		"no mail":            "[alice]\nemail = \"SECRET example.org\"\n",
		"no Slack id":        "[alice]\nslack = \"@SECRET\"\n",
		"no URL":             "[alice]\nwebhook = \"SECRET\"\n",
		"no address":         "[alice]\nterminal = \"SECRET\"\n",
		"changed places":     "[alice]\n\"+49151SECRET\" = \"sms\"\n",
		"in bare letters":    "[alice]\nPSECRET = \"pagerduty\"\n",
		"of the table":       "\"+49151SECRET\" = \"sms\"\n",
		"a table of its own": "[\"SECRET@example.org\"]\nemail = \"alice\"\n",
		"a table of digits":  "[4915112345678SECRET]\nsms = \"alice\"\n",
		"twice":              "[alice]\nPSECRET = 1\nPSECRET = 2\n",
		"without a value":    "[alice]\nPSECRET\n",
		"in another address": "[\"https://SECRET/x\"]\n\"+49151SECRET\" = \"sms\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := contactsFile(t, text, 0o600)
			_, err := escalation.LoadContacts(path)
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), "SECRET") || !strings.Contains(err.Error(), path+":") {
				t.Errorf("it shows an address, or no line: %v", err)
			}
		})
	}
}

func TestWhatIsWrongInContactsIsSaid(t *testing.T) {
	path := contactsFile(t, "[alice]\nsms = 5\nPALICE1 = \"pagerduty\"\n[\"+4915\"]\nsms = \"x\"\n[bob]\nfax = \"y\"\n", 0o600)
	_, err := escalation.LoadContacts(path)
	want := path + `:2: alice.sms: found something else, expected a telephone number such as "+4915112345678"` + "\n" +
		path + `:3: alice: found something else, expected one of call, email, pagerduty, slack, sms, webhook` + "\n" +
		path + `:5: found something else, expected a telephone number such as "+4915112345678"` + "\n" +
		path + `:7: bob.fax: found something else, expected one of call, email, pagerduty, slack, sms, webhook`
	if err == nil || err.Error() != want {
		t.Errorf("found\n%v\nwant\n%s", err, want)
	}
}

func TestWhatIsNoTOMLInContactsIsSaid(t *testing.T) {
	for text, line := range map[string]string{"[tom": ":1", "[tom\n": ":1", "[alice]\nsms = \n": ":2"} {
		path := contactsFile(t, text, 0o600)
		_, err := escalation.LoadContacts(path)
		want := path + line + `: found a syntax error, expected TOML such as [alice] and sms = "+4915112345678" below it`
		if err == nil || err.Error() != want {
			t.Errorf("%q: found\n%v\nwant\n%s", text, err, want)
		}
	}
}

func TestCheckNamesMissingAddresses(t *testing.T) {
	path := contactsFile(t, goodContacts, 0o600)
	c, err := escalation.LoadContacts(path)
	if err != nil {
		t.Fatal(err)
	}
	got := c.Check(file(t, onePolicy)).Error()
	want := `oncall.toml:5: people.carol: found channel "pagerduty", expected an address for it under [carol] in ` + path + "\n" +
		`oncall.toml:6: people.dan: found channel "pagerduty", expected an address for it under [dan] in ` + path
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
