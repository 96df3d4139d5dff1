package state

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

// silentMember is the URL of a member that lets everybody connect and waits for the client to begin, as etcd does.
func silentMember(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return fmt.Sprintf("http://%s", ln.Addr()) // the kernel completes the connection
}

// A member that lets this router connect takes no time from the others, and is not named as one that does not. One after another
// those that do would take probeWithin each.
func TestEachMemberIsLookedAtInItsOwnTime(t *testing.T) {
	gone := "http://" + testenv.FreeAddress(t)
	var good []string
	for range 5 {
		good = append(good, silentMember(t))
	}
	for _, tt := range []struct {
		name      string
		endpoints []string
	}{
		{"all let it connect", good},
		{"the last one is away", append(slices.Clone(good), gone)},
		{"the first one is away", append([]string{gone}, good...)},
		{"none is there", []string{gone}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			begun := time.Now()
			err := probe(t.Context(), Options{Endpoints: tt.endpoints})
			if took, each := time.Since(begun), probeWithin*time.Duration(len(good)); took >= each {
				t.Errorf("it took %s, want about %s for all and not %s", took, probeWithin, each)
			}
			if away := slices.Contains(tt.endpoints, gone); (err != nil) != away {
				t.Fatalf("found %v, one is away: %t", err, away)
			}
			for _, endpoint := range tt.endpoints {
				if err != nil && strings.Contains(err.Error(), endpoint) != (endpoint == gone) {
					t.Errorf("%s: want the one that is away named, and no other: %v", endpoint, err)
				}
			}
		})
	}
}
