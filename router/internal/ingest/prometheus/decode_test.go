package prometheus

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"nezuban/checks/check"
	"nezuban/router/internal/incident"
)

var now = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func one(t *testing.T, body string) incident.Alert {
	t.Helper()
	alerts, bad, err := Decode([]byte(body), now)
	if err != nil || len(bad) > 0 || len(alerts) != 1 {
		t.Fatalf("found %v, %v, %v, want one alert", alerts, bad, err)
	}
	return alerts[0]
}

func TestAnAlertAsPrometheusSendsIt(t *testing.T) {
	got := one(t, `[{"annotations":{"description":"3 % of requests fail","summary":"5xx over 2 %","runbook_url":"https://runbooks.example.org/5xx"},"endsAt":"2026-11-22T03:04:00Z","startsAt":"2026-11-22T02:58:30.123456789Z",
		"generatorURL":"http://prometheus/graph?g0","labels":{"alertname":"ErrorsHigh","instance":"web1:9100","severity":"critical","empty":""}}]`)
	want := incident.Alert{
		Key: got.Key, Rule: "alert-received", Kind: incident.KindState, Firing: true, Severity: incident.SeverityPage,
		Labels:  map[string]string{"alertname": "ErrorsHigh", "instance": "web1:9100", "severity": "critical"},
		Summary: "ErrorsHigh: 5xx over 2 %", At: time.Date(2026, 11, 22, 2, 58, 30, 123456789, time.UTC),
		Reason: "3 % of requests fail", Runbook: "https://runbooks.example.org/5xx", Source: "http://prometheus/graph?g0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !strings.HasPrefix(got.Key, "alert-received|") {
		t.Errorf("the dedup key is %q", got.Key)
	}
}

func TestTheKeyIsTheSetOfLabels(t *testing.T) {
	first := one(t, `[{"labels":{"alertname":"A","host":"b"}}]`).Key
	tests := []struct {
		name, alert string
		same        bool
	}{
		{"in another order", `{"labels":{"host":"b","alertname":"A"}}`, true},
		{"with an empty label", `{"labels":{"host":"b","alertname":"A","x":""}}`, true},
		{"with other annotations and times", `{"labels":{"alertname":"A","host":"b"},"annotations":{"summary":"x"},"startsAt":"2026-11-22T02:00:00Z"}`, true},
		{"resolved", `{"labels":{"alertname":"A","host":"b"},"endsAt":"2026-11-22T02:00:00Z"}`, true},
		{"with another value", `{"labels":{"alertname":"A","host":"c"}}`, false},
		{"with a label more", `{"labels":{"alertname":"A","host":"b","x":"1"}}`, false},
		{"with the border between name and value elsewhere", `{"labels":{"alertname":"A","hos":"tb"}}`, false},
		{"with values changed over", `{"labels":{"alertname":"b","host":"A"}}`, false},
		{"that differs beyond what is kept of it", `{"labels":{"alertname":"A","host":"b` + strings.Repeat("x", 2*valueMax) + `1"}}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := one(t, "["+tt.alert+"]").Key; (got == first) != tt.same {
				t.Errorf("found %s beside %s", got, first)
			}
		})
	}
}

func TestWhenAnAlertFiresAndWhenItIsOver(t *testing.T) {
	tests := []struct {
		name, times string
		firing      bool
		at          string
	}{
		{"without times", `"x":1`, true, "03:00:00"},
		{"since a time", `"startsAt":"2026-11-22T02:00:00Z"`, true, "02:00:00"},
		{"since a time of another zone", `"startsAt":"2026-11-22T03:00:00+01:00"`, true, "02:00:00"},
		{"from a sender whose clock is ahead", `"startsAt":"2026-11-22T04:00:00Z"`, true, "03:00:00"},
		{"until a time to come, by which Prometheus says how long it will be silent at most", `"startsAt":"2026-11-22T02:00:00Z","endsAt":"2026-11-22T03:04:00Z"`, true, "02:00:00"},
		{"that ended", `"startsAt":"2026-11-22T02:00:00Z","endsAt":"2026-11-22T02:30:00Z"`, false, "02:30:00"},
		{"that ends now", `"startsAt":"2026-11-22T02:00:00Z","endsAt":"2026-11-22T03:00:00Z"`, false, "03:00:00"},
		{"that ended as it began", `"startsAt":"2026-11-22T02:00:00Z","endsAt":"2026-11-22T02:00:00Z"`, false, "02:00:00.000000001"},
		{"that ended, and nobody says when it began", `"endsAt":"2026-11-22T02:30:00Z"`, false, "03:00:00.000000001"},
		{"with Go's times for none", `"startsAt":"0001-01-01T00:00:00Z","endsAt":"0001-01-01T00:00:00Z"`, true, "03:00:00"},
		{"with null for none", `"startsAt":null,"endsAt":null,"annotations":null`, true, "03:00:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := one(t, `[{"labels":{"alertname":"A"},`+tt.times+`}]`)
			if at := got.At.Format("15:04:05.999999999"); got.Firing != tt.firing || at != tt.at {
				t.Errorf("found firing %t at %s, want %t at %s", got.Firing, at, tt.firing, tt.at)
			}
		})
	}
}

// A firing that nobody gives a time of is as old as its arrival, so that a resolve is only newer when it counts from there too.
func TestWhatAResolveEnds(t *testing.T) {
	fires := one(t, `[{"labels":{"alertname":"A"}}]`)
	for _, tt := range []struct {
		name, times string
		ends        bool
	}{
		{"an end that is minutes past, without a beginning", `"endsAt":"2026-11-22T02:57:00Z"`, true},
		{"an end at the same moment, without a beginning", `"endsAt":"2026-11-22T03:00:00Z"`, true},
		{"of an earlier firing", `"startsAt":"2026-11-22T02:00:00Z","endsAt":"2026-11-22T02:57:00Z"`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if over := one(t, `[{"labels":{"alertname":"A"},`+tt.times+`}]`); over.Firing || over.At.After(fires.At) != tt.ends {
				t.Errorf("found firing %t at %s, beside one of %s", over.Firing, over.At, fires.At)
			}
		})
	}
}

func TestSeverity(t *testing.T) {
	for label, want := range map[string]incident.Severity{
		"critical": incident.SeverityPage, "page": incident.SeverityPage, "error": incident.SeverityPage, "": incident.SeverityPage,
		"seriously": incident.SeverityPage, "warning": incident.SeverityTicket, "Warning": incident.SeverityTicket,
		"ticket": incident.SeverityTicket, "info": incident.SeverityInfo, "none": incident.SeverityInfo,
	} {
		if got := one(t, fmt.Sprintf(`[{"labels":{"alertname":"A","severity":%q}}]`, label)).Severity; got != want {
			t.Errorf("%q: found %s, want %s", label, got, want)
		}
	}
}

func TestSummary(t *testing.T) {
	for body, want := range map[string]string{
		`{"labels":{"alertname":"DiskFull"}}`:                                                 "DiskFull",
		`{"labels":{"alertname":"DiskFull"},"annotations":{"summary":"DiskFull on web1"}}`:    "DiskFull on web1",
		`{"labels":{"alertname":"DiskFull"},"annotations":{"description":"d","message":"m"}}`: "DiskFull: m",
		`{"labels":{"job":"x"}}`: "alert without a name",
		`{"labels":{"alertname":"A"},"annotations":{"summary":"two\nlines \u0007"}}`:                     "A: two lines  ",
		`{"labels":{"alertname":"A"},"annotations":{"summary":"` + strings.Repeat("ä", valueMax) + `"}}`: "A: " + strings.Repeat("ä", (valueMax-3)/2) + "…",
	} {
		if got := one(t, "["+body+"]").Summary; got != want {
			t.Errorf("%.80s: found %q, want %q", body, got, want)
		}
	}
}

func TestReason(t *testing.T) {
	for _, tt := range []struct{ name, annotations, want string }{
		{"the description", `"summary":"s","description":"the value is 5"`, "the value is 5"},
		{"the message of older rules", `"summary":"s","message":"the value is 5"`, "the value is 5"},
		{"the description before the message", `"summary":"s","message":"m","description":"d"`, "d"},
		{"none, when it is the summary", `"description":"d"`, ""},
		{"none, when it says the same as the summary", `"summary":"d","description":"d"`, ""},
		{"the description besides a message that is the summary", `"message":"m","description":"d"`, "d"},
		{"none", `"summary":"s"`, ""},
		{"on one line, without what a terminal obeys", `"summary":"s","description":"two\nlines \u001b[2J"`, "two lines  [2J"},
		{"bounded", `"summary":"s","description":"` + strings.Repeat("x", 2*valueMax) + `"`, strings.Repeat("x", valueMax) + "…"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := one(t, `[{"labels":{"alertname":"A"},"annotations":{`+tt.annotations+`}}]`).Reason; got != tt.want {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRunbook(t *testing.T) {
	for _, tt := range []struct{ name, annotations, want string }{
		{"an address", `"runbook_url":"https://runbooks.example.org/load?x=1#do"`, "https://runbooks.example.org/load?x=1#do"},
		{"by its older name", `"runbook":"http://wiki/load"`, "http://wiki/load"},
		{"one that can be opened before one that cannot", `"runbook_url":"load.md","runbook":"http://wiki/load"`, "http://wiki/load"},
		{"no address", `"runbook_url":"see the wiki"`, ""},
		{"a script", `"runbook_url":"javascript:alert(1)"`, ""},
		{"a file", `"runbook_url":"file:///etc/passwd"`, ""},
		{"with a password", `"runbook_url":"https://u:p@wiki/load"`, ""},
		{"of two lines", `"runbook_url":"https://wiki/load\nPAGE alice"`, ""},
		{"too long", `"runbook_url":"https://wiki/` + strings.Repeat("x", 500) + `"`, ""},
		{"not UTF-8", `"runbook_url":"https://wiki/` + "\xff" + `"`, ""},
		{"none", `"summary":"s"`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := one(t, `[{"labels":{"alertname":"A"},"annotations":{`+tt.annotations+`}}]`).Runbook; got != tt.want {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSource(t *testing.T) {
	for _, tt := range []struct{ name, generator, want string }{
		{"a graph", `"https://prometheus.example.org/graph?g0.expr=up+%3D%3D+0&g0.tab=1"`, "https://prometheus.example.org/graph?g0.expr=up+%3D%3D+0&g0.tab=1"},
		{"as long as it may be", `"http://p/` + strings.Repeat("x", 491) + `"`, "http://p/" + strings.Repeat("x", 491)},
		{"too long", `"http://p/` + strings.Repeat("x", 492) + `"`, ""},
		{"a script", `"javascript:alert(1)"`, ""},
		{"no host", `"/graph"`, ""},
		{"with a password", `"http://u:p@prometheus/graph"`, ""},
		{"of two lines", `"http://prometheus/\nPAGE alice"`, ""},
		{"not UTF-8", `"http://prometheus/` + "\xff" + `"`, ""},
		{"nothing", `""`, ""},
		{"null", `null`, ""},
		{"no text", `7`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := one(t, `[{"labels":{"alertname":"A"},"generatorURL":`+tt.generator+`}]`).Source; got != tt.want {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
	if alerts, _, _ := Decode([]byte(`[{"labels":{"a":"1"},"generatorURL":"http://p/"},{"labels":{"a":"2"}}]`), now); alerts[1].Source != "" {
		t.Errorf("an alert has the source of the one before: %q", alerts[1].Source)
	}
}

func TestBadInputIsNamed(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"no JSON", `[{`, "read alerts: "},
		{"nothing", ``, "read alerts: found nothing, expected a list of alerts"},
		{"blanks", " \n", "read alerts: found nothing, expected a list of alerts"},
		{"no list", `{"labels":{}}`, "read alerts: found object, expected a list of alerts"},
		{"no object", `["x"]`, "alert 1: found string, expected an object"},
		{"no labels", `[{"annotations":{"summary":"x"}}]`, "alert 1: labels: found none that has a value, expected at least one"},
		{"empty labels alone", `[{"labels":{"a":""}}]`, "alert 1: labels: found none that has a value, expected at least one"},
		{"labels of another type", `[{"labels":["a"]}]`, "alert 1: labels: found array, expected an object of texts"},
		{"a label that is a number", `[{"labels":{"a":"b","port":80}}]`, "alert 1: labels.port: found number, expected a text"},
		{"a label twice", `[{"labels":{"a":"b","a":"c"}}]`, `alert 1: labels: found "a" twice, expected it once`},
		{"a label without a name", `[{"labels":{"":"c"}}]`, `alert 1: labels: found a name of 0 bytes, expected 1 to 128: ""`},
		{"a time that is none", `[{"labels":{"a":"b"},"startsAt":"yesterday"}]`, `alert 1: startsAt: found "yesterday", expected a time like 2026-03-02T12:00:00Z`},
		{"a time that is a number", `[{"labels":{"a":"b"},"endsAt":5}]`, "alert 1: endsAt: found number, expected a time like 2026-03-02T12:00:00Z"},
		{
			"an end before the beginning", `[{"labels":{"a":"b"},"startsAt":"2026-11-22T02:00:00Z","endsAt":"2026-11-22T01:00:00Z"}]`,
			"alert 1: endsAt: found 2026-11-22T01:00:00Z, expected no time before startsAt, 2026-11-22T02:00:00Z",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alerts, bad, err := Decode([]byte(tt.body), now)
			if len(bad) == 1 {
				err = bad[0]
			}
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || len(alerts) != 0 {
				t.Errorf("found %v, %v, want %s", alerts, err, tt.want)
			}
		})
	}
}

// A sender does not send again what is refused: nobody would be paged.
func TestOfVeryManyLabelsTheFirstAreKept(t *testing.T) {
	body := func(last string) string {
		return `[{"labels":{"zone":"z` + last + `",` + manyLabels(labelsMax) + `,"alertname":"Disk","severity":"warning","team":"db"}}]`
	}
	alerts, bad, err := Decode([]byte(body("")), now)
	if err != nil || len(bad) > 0 || len(alerts) != 1 {
		t.Fatalf("found %v, %v, %v", alerts, bad, err)
	}
	a := alerts[0]
	if len(a.Labels) != labelsMax || a.Labels["alertname"] != "Disk" || a.Labels["team"] != "db" || a.Severity != incident.SeverityTicket || a.Reason != "4 of its 68 labels are left out" {
		t.Errorf("found %d labels: %+v", len(a.Labels), a)
	}
	if other, _, _ := Decode([]byte(body("2")), now); other[0].Key == a.Key {
		t.Error("an alert that differs in a label that is left out is the same one")
	}
}

func TestLabelsThatAreLeftOutAreSaidWhateverTheAlertSays(t *testing.T) {
	for _, row := range []struct{ name, annotations, want string }{
		{"nothing", `{}`, "4 of its 68 labels are left out"},
		{"a summary", `{"summary":"s"}`, "4 of its 68 labels are left out"},
		{"a description", `{"summary":"s","description":"97 % of /"}`, "4 of its 68 labels are left out; 97 % of /"},
		{"a long description", `{"summary":"s","description":"` + strings.Repeat("x", 2000) + `"}`, "4 of its 68 labels are left out; xxx"},
	} {
		alerts, _, err := Decode([]byte(`[{"labels":{`+manyLabels(labelsMax+4)+`},"annotations":`+row.annotations+`}]`), now)
		if err != nil || len(alerts) != 1 || !strings.HasPrefix(alerts[0].Reason, row.want) || len(alerts[0].Reason) > valueMax+len("…") || (len(row.want) < 34 && alerts[0].Reason != row.want) {
			t.Errorf("%s: found %+v, %v, want %q", row.name, alerts, err, row.want)
		}
	}
}

func manyLabels(n int) string {
	var labels []string
	for i := range n {
		labels = append(labels, fmt.Sprintf(`"l%d":"v"`, i))
	}
	return strings.Join(labels, ",")
}

func TestABadAlertHidesNoOther(t *testing.T) {
	alerts, bad, err := Decode([]byte(`[{"labels":{"a":"1"}},{"labels":{}},{"labels":{"a":"3"}},7]`), now)
	if err != nil || len(alerts) != 2 || len(bad) != 2 || !strings.HasPrefix(bad[0].Error(), "alert 2: ") || !strings.HasPrefix(bad[1].Error(), "alert 4: ") {
		t.Errorf("found %v, %v, %v", alerts, bad, err)
	}
}

// What comes is anybody's: nothing may panic, and what is kept is bounded and valid.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`[{"labels":{"alertname":"A","severity":"critical"},"annotations":{"summary":"x","description":"y","runbook_url":"https://wiki/a"},"startsAt":"2026-11-22T02:00:00Z","endsAt":"2026-11-22T02:00:00Z"}]`))
	f.Add([]byte(`[{"labels":{"a":"\ud800","b":"\u0000"}}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		alerts, _, _ := Decode(body, now)
		for _, a := range alerts {
			if len(a.Labels) == 0 || len(a.Labels) > labelsMax || len(a.Summary) > valueMax+len("…") || a.Summary == "" || !utf8.ValidString(a.Summary) || a.At.IsZero() || a.Firing && a.At.After(now) {
				t.Fatalf("found %+v", a)
			}
			if len(a.Reason) > valueMax+len("…") || !utf8.ValidString(a.Reason) || a.Runbook != "" && (!check.ValidRunbook(a.Runbook) || !utf8.ValidString(a.Runbook)) {
				t.Fatalf("found the reason %q and the runbook %q", a.Reason, a.Runbook)
			}
			for name, value := range a.Labels {
				if !utf8.ValidString(name) || !utf8.ValidString(value) || len(value) > valueMax+len("…") {
					t.Fatalf("found the label %q=%q", name, value)
				}
			}
		}
	})
}
