package docker

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What a client asks is what the other side reads.
func TestEventsQuery(t *testing.T) {
	at := time.Unix(1795311222, 532241955)
	for _, q := range []EventsQuery{
		{Actions: []string{ActionDie}},
		{Since: at, Actions: actions[:]},
		{Since: at, Until: at.Add(time.Nanosecond), Actions: []string{ActionStart, ActionDie}},
		{Until: time.Unix(1, 0), Actions: []string{ActionOOM}},
	} {
		values, err := q.values()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseEventsQuery(values)
		if diff := cmp.Diff(q, got); diff != "" || err != nil {
			t.Errorf("%v: %v (-want +got):\n%s", values, err, diff)
		}
	}
}

// Whatever the parameters: what is taken asks for actions that the agent follows, and is read again as the same.
func FuzzParseEventsQuery(f *testing.F) {
	f.Add(`filters={"type":["container","image"],"event":["die"]}&since=5.000000000`)
	f.Add(`filters={"type":["container","image"],"event":["die","exec_start"]}`)
	f.Add(`since=99999999999999999999.000000000&until=-1`)
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		q, err := ParseEventsQuery(values)
		if err != nil {
			if !strings.Contains(err.Error(), "expected") {
				t.Errorf("%v does not say what was expected", err)
			}
			return
		}
		if len(q.Actions) == 0 {
			t.Errorf("%q asks for all events", query)
		}
		again, err := q.values()
		if err != nil {
			t.Fatal(err)
		}
		if second, err := ParseEventsQuery(again); err != nil || !cmp.Equal(q, second) {
			t.Errorf("%q: %+v, read again %+v, %v", query, q, second, err)
		}
	})
}
