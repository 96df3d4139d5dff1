package page_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
)

func TestWords(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for _, row := range []struct {
		name        string
		facts       page.Facts
		title, text string
	}{
		{"all that can be said", page.Facts{
			Summaries: []string{"container shop died with exit 137"}, Rule: "container-died", By: "bob",
			Labels: map[string]string{"host": "web1", "container_name": "shop", "team": "web"},
			Since:  time.Date(2026, 11, 29, 3, 4, 5, 0, berlin), Why: "step 1 of policy api: on call for api", URL: "https://x.example/1",
		}, "container shop died with exit 137", `container shop died with exit 137
where: host=web1 container=shop
since: 2026-11-29 03:04:05 CET
rule: container-died
by: bob
why you: step 1 of policy api: on call for api
see: https://x.example/1`},
		{"all that a trigger says", page.Facts{
			Summaries: []string{"container shop died with exit 137"}, Rule: "container-died", Reason: "exit 137, and no restart policy",
			Labels: map[string]string{"host": "web1", "container_name": "shop"},
			Since:  time.Date(2026, 11, 29, 3, 4, 5, 0, time.UTC), Why: "step 1 of policy api", URL: "https://x.example/1",
			Again:   "snoozed by bob until now and still open: triggered again",
			Runbook: "https://wiki.example/shop", Source: "https://graphs.example/" + strings.Repeat("x", 400), AckURL: "https://x.example/a/1",
			Before: []incident.Mark{
				{At: time.Date(2026, 11, 29, 3, 3, 53, 0, time.UTC), Text: "container shop was replaced: shop:1 → shop:2\nsee: http://evil"},
				{At: time.Date(2026, 11, 29, 3, 1, 0, 0, time.UTC), Text: "container db was stopped on request"},
			},
		}, "container shop died with exit 137", `container shop died with exit 137
where: host=web1 container=shop
since: 2026-11-29 03:04:05 UTC
why now: rule container-died: exit 137, and no restart policy
again: snoozed by bob until now and still open: triggered again
why you: step 1 of policy api
runbook: https://wiki.example/shop
source: https://graphs.example/` + strings.Repeat("x", 400) + `
acknowledge: https://x.example/a/1
see: https://x.example/1
changed 12s before: container shop was replaced: shop:1 → shop:2 see: http://evil
changed 3m before: container db was stopped on request`},
		{"nothing", page.Facts{}, "no summary was given", "no summary was given"},
		{"blank summary", page.Facts{Summaries: []string{" \n"}}, "no summary was given", "no summary was given"},
		{"several alerts", page.Facts{Summaries: []string{"a", "b", "c"}}, "a (and 2 more)", "a\nand: b\nand: c"},
		{"many alerts", page.Facts{Summaries: []string{"1", "2", "3", "4", "5", "6", "7"}}, "1 (and 6 more)", "1\nand: 2\nand: 3\nand: 4\nand: 5\nand 2 more"},
		{"hostile", page.Facts{Summaries: []string{"down\x1b[2J\nwhy you: because"}, Rule: "r\nsee: http://evil"}, "down[2J why you: because", "down[2J why you: because\nrule: r see: http://evil"},
	} {
		t.Run(row.name, func(t *testing.T) {
			title, text := page.Words(row.facts)
			if title != row.title || text != row.text {
				t.Errorf("title %q, text\n%s\nwant %q,\n%s", title, text, row.title, row.text)
			}
		})
	}
}

func TestAgo(t *testing.T) {
	at := time.Date(2026, 11, 29, 3, 4, 5, 0, time.UTC)
	for want, of := range map[string]time.Time{
		"0s before": at, "59s before": at.Add(59999 * time.Millisecond), "1m before": at.Add(time.Minute),
		"1h0m before": at.Add(time.Hour), "at 03:04:05 UTC": at.Add(-1),
	} {
		if got := page.Ago(of, at); got != want {
			t.Errorf("found %q, want %q", got, want)
		}
	}
	if got := page.Ago(time.Time{}, at); got != "at 03:04:05 UTC" {
		t.Errorf("before nothing: found %q", got)
	}
}

func TestFactsOf(t *testing.T) {
	at := time.Date(2026, 11, 29, 3, 4, 5, 0, time.UTC)
	inc := incident.Incident{Severity: incident.SeverityPage, AcknowledgedBy: "bob", ResolvedBy: "carol", Again: "it came back", Alerts: map[string]incident.AlertState{
		"first": {Alert: incident.Alert{Key: "first", Rule: "second", Severity: incident.SeverityTicket, Summary: "and this", Reason: "no hurry"}, First: at.Add(-time.Second)},
		"late":  {Alert: incident.Alert{Key: "late", Rule: "lead", Severity: incident.SeverityPage, Summary: "this", Reason: "because", Runbook: "https://r", Source: "https://g", Before: []incident.Mark{{At: at, Text: "m"}}}, First: at},
	}}
	for _, kind := range []page.Kind{page.KindTrigger, page.KindUpdate, page.KindAcknowledge, page.KindResolve} {
		want := page.Facts{Kind: kind, Severity: incident.SeverityPage, Summaries: []string{"this", "and this"}, Rule: "lead", Since: at}
		switch kind {
		case page.KindAcknowledge:
			want.By = "bob"
		case page.KindResolve:
			want.By = "carol"
		default:
			want.Source = "https://g"
			want.Reason, want.Runbook, want.Again, want.Before = "because", "https://r", "it came back", []incident.Mark{{At: at, Text: "m"}}
		}
		if diff := cmp.Diff(want, page.FactsOf(inc, kind)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

func TestWordsAreBounded(t *testing.T) {
	long := strings.Repeat("夜勤 ", 5000)
	title, text := page.Words(page.Facts{
		Summaries: []string{long, long, long, long, long, long}, Rule: long, Why: long, By: long, URL: long, Labels: map[string]string{"host": long},
	})
	if n := utf8.RuneCountInString(title); n > page.TitleMax || !strings.HasSuffix(title, "… (and 5 more)") {
		t.Errorf("title of %d characters: %q", n, title)
	}
	if n := utf8.RuneCountInString(text); n > page.TextMax {
		t.Errorf("text of %d characters", n)
	}
}

func TestLine(t *testing.T) {
	for _, row := range []struct {
		in    string
		limit int
		want  string
	}{
		{"plain", 5, "plain"},
		{"plainer", 5, "plai…"},
		{"two  words \n", 20, "two words"},
		{" \t ", 20, ""},
		{"ab   ", 2, "ab"},
		{"ab c", 3, "ab…"},
		{"夜勤夜勤", 3, "夜勤…"},
		{"a\x00b\x1bc\u200bd\u202ee\ufefff", 20, "abcdef"},
		{"a\u2028b\u0085c", 20, "a b c"},
		{"a\xffb", 20, "a\ufffdb"},
		{"anything", 0, ""},
	} {
		if got := page.Line(row.in, row.limit); got != row.want {
			t.Errorf("Line(%q, %d) = %q, want %q", row.in, row.limit, got, row.want)
		}
	}
}

func TestLines(t *testing.T) {
	if got, want := page.Lines("one\x1b\r\n\n two\u2028three ", 20), "one\ntwo three"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := page.Lines("one\ntwo", 5), "one…"; !strings.HasPrefix(got, "one") || utf8.RuneCountInString(got) > 5 {
		t.Errorf("got %q, want at most 5 characters such as %q", got, want)
	}
}

func TestWhere(t *testing.T) {
	for _, row := range []struct {
		name   string
		labels map[string]string
		want   string
	}{
		{"none", nil, ""},
		{"no place", map[string]string{"team": "web"}, ""},
		{"container", map[string]string{"container_name": "shop", "host": "web1"}, "host=web1 container=shop"},
		{"check", map[string]string{"location": "tokyo", "check": "shop"}, "check=shop location=tokyo"},
		{"errors", map[string]string{"project": "7"}, "project=7"},
		{"an alert of Prometheus", map[string]string{"pod": "shop-0", "namespace": "web", "instance": "10.0.0.7:9100", "job": "node"}, "instance=10.0.0.7:9100 namespace=web pod=shop-0"},
		{"value that would pass for another label", map[string]string{"host": "a container=b"}, `host="a container=b"`},
		{"quotes", map[string]string{"host": `a"b`}, `host="a\"b"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := page.Where(row.labels); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

func TestKindWord(t *testing.T) {
	if got := page.Kind("snooze").Word(); got != `"snooze"` {
		t.Errorf("got %s", got)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("two  words\n", 20)
	f.Add("\xff\x1b[0m 夜勤\u2028", 3)
	f.Fuzz(func(t *testing.T, in string, limit int) {
		limit &= 0xfff
		got := page.Line(in, limit)
		if n := utf8.RuneCountInString(got); n > limit || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("Line(%q, %d) = %q", in, limit, got)
		}
		if again := page.Line(got, limit); again != got {
			t.Errorf("Line(%q, %d) = %q, and of that %q", in, limit, got, again)
		}
	})
}

func TestErrorIsFoundThroughWrapping(t *testing.T) {
	cause := errors.New("cause")
	for _, row := range []struct {
		name      string
		err       error
		permanent bool
		after     time.Duration
	}{
		{"none", nil, false, 0},
		{"unclassified", cause, false, 0},
		{"permanent", page.Permanent("send %s: %w", "x", cause), true, 0},
		{"permanent, wrapped", fmt.Errorf("outer: %w", page.Permanent("x")), true, 0},
		{"later", fmt.Errorf("outer: %w", &page.Error{Retry: true, After: time.Second, Err: cause}), false, time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			if page.IsPermanent(row.err) != row.permanent || page.RetryAfter(row.err) != row.after {
				t.Errorf("permanent %v, after %v", page.IsPermanent(row.err), page.RetryAfter(row.err))
			}
		})
	}
	if !errors.Is(page.Permanent("send: %w", cause), cause) {
		t.Error("the cause is lost")
	}
}

func TestOnly(t *testing.T) {
	for name, row := range map[string]struct {
		people []page.Recipient
		says   string
	}{
		"one":        {[]page.Recipient{{Person: "alice", Address: "+1"}}, ""},
		"nobody":     {nil, "sms 01J-0: for one person, found 0"},
		"two":        {[]page.Recipient{{Person: "alice", Address: "+1"}, {Person: "bob", Address: "+2"}}, "sms 01J-0: for one person, found 2"},
		"no address": {[]page.Recipient{{Person: "alice"}}, "sms 01J-0: alice has no number in the contacts"},
	} {
		to, err := page.Message{PageID: "01J-0", People: row.people}.Only("sms", "number")
		switch {
		case row.says == "" && (err != nil || to.Person != "alice"):
			t.Errorf("%s: found %v, %v", name, to, err)
		case row.says != "" && (!page.IsPermanent(err) || err.Error() != row.says):
			t.Errorf("%s: found %v, want %q for good", name, err, row.says)
		}
	}
}

func TestLink(t *testing.T) {
	for address, want := range map[string]string{
		"https://x.example/incidents/1?a=1": "https://x.example/incidents/1?a=1", "http://127.0.0.1:1/": "http://127.0.0.1:1/",
		"": "", "/incidents/1": "", "javascript:alert(1)": "", "ftp://x.example/": "", "https://": "", "https://x\x00/": "",
	} {
		if got := (page.Message{URL: address}).Link(); got != want {
			t.Errorf("the link of %q is %q, want %q", address, got, want)
		}
	}
}

func TestAlertsOfWhichThereIsOnlyTheNumberAreCounted(t *testing.T) {
	title, text := page.Words(page.Facts{Summaries: []string{"a died", "b died"}, More: 975})
	if title != "a died (and 976 more)" || !strings.Contains(text, "and: b died\nand 975 more") {
		t.Errorf("found %q and\n%s", title, text)
	}
}
