package escalation

import (
	"errors"
	"testing"

	"nezuban/agent/tomlfile"
)

// Whatever stands in the file, it is refused with Problems or every address in it has its form.
func FuzzContacts(f *testing.F) {
	f.Add([]byte("[alice]\npagerduty = \"PALICE1\"\nsms = \"+4915112345678\"\n"))
	f.Add([]byte("alice = { sms = \"49\" }\nbob = 5\n[carol.sms]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseContacts("contacts.toml", data)
		if err != nil {
			if problems, ok := errors.AsType[tomlfile.Problems](err); !ok || len(problems) == 0 || c != nil {
				t.Fatalf("%v, %v", c, err)
			}
			return
		}
		for person, addresses := range c.addresses {
			for channel, address := range addresses {
				if !forms()[channel].pattern.MatchString(address) {
					t.Fatalf("%s by %s: %q", person, channel, address)
				}
			}
		}
	})
}
