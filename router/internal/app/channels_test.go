package app

import (
	"io"
	"maps"
	"slices"
	"testing"

	"nezuban/oncall/schedule"
)

const everyChannel = `
[pagerduty]
token_file = "secret"
from = "nezuban@example.org"
service = "PSVC"
[sms]
account_sid = "AC1"
auth_token_file = "secret"
from = "+15005550006"
[call]
account_sid = "AC1"
auth_token_file = "secret"
from = "+15005550006"
[email]
server = "mail.example.org:587"
from = "nezuban@example.org"
[slack]
token_file = "secret"
[webhook]
secret_files = ["webhook", "webhook"]
`

// What check-config takes for reachable must be what the router can send through: all channels of the rotation file where
// each has its table, and the terminal where none has.
func TestEachChannelHasItsPager(t *testing.T) {
	secrets := map[string]string{"secret": "s3cret\n", "webhook": "whsec_S0VFUC1JVC1TRUNSRVQta2VlcC1pdC1zZWNyZXQ=\n"}
	for text, want := range map[string][]string{"": {schedule.ChannelTerminal}, everyChannel: schedule.Channels()} {
		cfg, err := Load(writeConfig(t, text, secrets), noEnv)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(want)
		r := &router{cfg: cfg, out: io.Discard}
		if got := slices.Sorted(maps.Keys(cfg.provided())); !slices.Equal(got, want) {
			t.Errorf("provided are %q, want %q", got, want)
		}
		if got := slices.Sorted(maps.Keys(r.pagers())); !slices.Equal(got, want) {
			t.Errorf("there are pagers for %q, want %q", got, want)
		}
	}
}
