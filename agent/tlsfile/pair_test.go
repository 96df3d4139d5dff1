package tlsfile

import (
	"crypto/x509"
	"testing"
	"time"
)

func TestWhenACertificateIsGood(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name        string
		from, until time.Duration // from now
		found       string
		ending      bool
	}{
		{"in its first days", -day, 89 * day, "", false},
		{"two weeks before the end", -76 * day, 14 * day, "", false},
		{"less than that", -76 * day, 14*day - time.Second, "", true},
		{"one of six days, in its last fifth", -5 * day, day, "", true},
		{"one of six days, before that", -4 * day, 2 * day, "", false},
		{"in its last second", -90 * day, 0, "", true},
		{"over", -90 * day, -time.Second, "was good until 2026-11-28T11:59:59Z", true},
		{"in its first second", 0, 90 * day, "", false},
		{"not yet", time.Second, 90 * day, "is good from 2026-11-28T12:00:01Z on", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leaf := &x509.Certificate{NotBefore: now.Add(tt.from), NotAfter: now.Add(tt.until)}
			found := ""
			if late := untimely("router.crt", leaf, now); late != nil {
				found = late.Found
				if want := "certificate router.crt: found one that " + found + ", expected one that is good now"; late.Error() != want {
					t.Errorf("says %q, want %q", late, want)
				}
			}
			if found != tt.found || ending(leaf, now) != tt.ending {
				t.Errorf("found %q, ending %t; want %q, %t", found, ending(leaf, now), tt.found, tt.ending)
			}
		})
	}
}
