package wording_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"nezuban/agent/tomlfile"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/wording"
)

// compile reads a router.toml with nothing but [templates], and files beside it.
func compile(t *testing.T, config string, files ...wording.File) (*wording.Set, error) {
	t.Helper()
	var in struct {
		Templates wording.Config `toml:"templates"`
	}
	f, err := tomlfile.Decode("router.toml", []byte(config), &in)
	if err != nil {
		t.Fatal(err)
	}
	set, problems := wording.Compile(in.Templates, files, f)
	return set, problems.Err()
}

func good(t *testing.T, config string, files ...wording.File) *wording.Set {
	t.Helper()
	set, err := compile(t, config, files...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// file is one of the folder.
func file(name, text string) wording.File {
	return wording.File{Path: "templates/" + name, Name: name, Text: text}
}

func byName(t *testing.T, name string) wording.Sample {
	t.Helper()
	for _, s := range wording.Samples() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no sample %q", name)
	return wording.Sample{}
}

func TestApply(t *testing.T) {
	const config = `
[templates.trigger]
title = "{{.Summary}} ({{.Severity}})"
short_title = "{{.Rule}} {{.Labels.host}}{{.Labels.none}}"
text = '{{template "trigger.tmpl" .}}'

[templates.resolve]
text = "{{.Text}}\nresolved by {{default \"nobody in particular\" .By}}"
`
	trigger := file("trigger.tmpl", `{{.Title}}
{{- range .Before}}
{{.Ago}} {{.At.Format "15:04"}}: {{.Text}}{{end}}
{{with .Runbook}}do: {{.}}{{else}}no runbook{{end}} {{printf "%.4s" .ID}} {{.People}} {{template "tail"}}{{define "tail"}}end{{end}}`)
	set := good(t, config, trigger)
	for _, row := range []struct {
		name, sample string
		kind         page.Kind
		channel      string
		title, text  string // "=": the built-in
	}{
		{"a trigger", "container_died", page.KindTrigger, schedule.ChannelEmail, "container shop died with exit 137 on web1 (page)", `container shop died with exit 137 on web1
12s before 03:03: container shop was replaced: shop:1.4 → shop:1.5
3m before 03:01: container db was stopped on request
do: https://wiki.example.org/shop 01JD [alice] end`},
		{"where little is shown", "container_died", page.KindTrigger, schedule.ChannelSMS, "container-died web1", `container shop died with exit 137 on web1
12s before 03:03: container shop was replaced: shop:1.4 → shop:1.5
3m before 03:01: container db was stopped on request
do: https://wiki.example.org/shop 01JD [alice] end`},
		{"a rule without a runbook", "error-seen", page.KindTrigger, schedule.ChannelSlack, "OperationalError: connection refused (page)", "OperationalError: connection refused\nno runbook 01JD [alice] end"},
		{"a resolve", "manual", page.KindResolve, schedule.ChannelSlack, "=", `the shop looks odd (opened by alice)
since: 2026-11-29 03:04:05 UTC
rule: manual
by: bob
acknowledge: https://nezuban.example.org/ack/example
see: https://nezuban.example.org/incidents/01JDN4Z3V0
resolved by bob`},
		{"a kind without templates", "manual", page.KindAcknowledge, schedule.ChannelSlack, "=", "="},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, f := byName(t, row.sample).Message(row.kind)
			got, err := set.Apply(m, wording.ViewOf(m, f, row.channel))
			if err != nil {
				t.Fatal(err)
			}
			want := m
			if row.title != "=" {
				want.Title = row.title
			}
			if row.text != "=" {
				want.Text = row.text
			}
			if got.Title != want.Title || got.Text != want.Text {
				t.Errorf("found %q,\n%s\nwant  %q,\n%s", got.Title, got.Text, want.Title, want.Text)
			}
			if got.PageID != m.PageID || got.URL != m.URL || len(got.People) != len(m.People) {
				t.Errorf("more than the words was changed: %+v", got)
			}
		})
	}
	m, f := byName(t, "manual").Message(page.KindTrigger)
	if got, err := (*wording.Set)(nil).Apply(m, wording.ViewOf(m, f, "sms")); err != nil || got.Title != m.Title || got.Text != m.Text {
		t.Errorf("without a set: found %+v, %v", got, err)
	}
}

// TestMistakes has one template that cannot be used in each row.
func TestMistakes(t *testing.T) {
	for _, row := range []struct {
		name, config string
		files        []wording.File
		want         []string // the beginning of each problem
	}{
		{"syntax", "[templates.trigger]\ntitle = \"{{.Summary\"", nil, []string{`router.toml:2: templates.trigger.title: found unclosed action, expected a Go template`}},
		{"syntax in a file", "", []wording.File{file("a.tmpl", "one\n{{if}}\n")}, []string{`templates/a.tmpl:2: found missing value for if`}},
		{"a function that is not there", "", []wording.File{file("a.tmpl", "{{env \"HOME\"}}")}, []string{`templates/a.tmpl:1: found function "env" not defined`}},
		{"an unknown field", "[templates.resolve]\n\ntext = \"{{.Sumary}}\"", nil, []string{
			`router.toml:3: templates.resolve.text: found .Sumary, expected one of .AckURL, .Again, .Before, .By,`,
		}},
		{"an unknown field in a file", "[templates.trigger]\ntext = '{{template \"a.tmpl\" .}}'", []wording.File{file("a.tmpl", "\n\n {{.Sumary}}")}, []string{
			`templates/a.tmpl:3: found .Sumary, expected one of .AckURL,`,
		}},
		{"an unknown field of a change", "[templates.trigger]\ntext = '{{range .Before}}{{.Image}}{{end}}x'", nil, []string{
			`router.toml:2: templates.trigger.text: found .Image, expected one of .Ago, .At, .Text`,
		}},
		{"an unknown field where only one channel comes by", "[templates.trigger]\ntext = '{{if eq .Channel \"slack\"}}{{.Sumary}}{{end}}x'", nil, []string{`router.toml:2: templates.trigger.text: found .Sumary, expected one of`}},
		{"an unknown field where only a ticket comes by", "[templates.trigger]\ntext = '{{if eq .Severity \"ticket\"}}{{.Sumary}}{{end}}x'", nil, []string{`router.toml:2: templates.trigger.text: found .Sumary, expected one of`}},
		{"a line of many", "[templates.trigger]\ntext = '''a\nb\n{{.Sumary}}'''", nil, []string{`router.toml:2: templates.trigger.text: found line 3: .Sumary, expected one of`}},
		{"a template that is not there", "[templates.trigger]\ntext = '''x\n{{if false}}{{template \"none.tmpl\" .}}{{end}}'''", nil, []string{`router.toml:2: templates.trigger.text: found line 2: there is no template "none.tmpl"`}},
		{"an index out of range", "[templates.trigger]\ntext = '{{(index .Before 1).Text}}'", nil, []string{`router.toml:2: templates.trigger.text: found executing "templates.trigger.text" at <index .Before 1>: error calling index:`}},
		{"nothing is said of some", "[templates.trigger]\ntext = '{{.Labels.host}}'", nil, []string{`router.toml:2: templates.trigger.text: found it says nothing`}},
		{"a loop that would not end", "[templates.trigger]\ntitle = 'x{{range 1000000000000}}{{end}}'", nil, []string{`router.toml:2: templates.trigger.title: found`}},
		{"loops in loops", "[templates.trigger]\ntitle = 'x{{range 1000}}{{range 1000}}{{end}}{{end}}'", nil, []string{`router.toml:2: templates.trigger.title: found`}},
		{"a template that calls itself", "[templates.trigger]\ntitle = '{{template \"a\"}}'", []wording.File{file("a.tmpl", `{{define "a"}}{{template "a"}}{{end}}`)}, []string{`templates/a.tmpl:1: found`}},
		{"a huge text", "[templates.trigger]\ntext = '{{range 2000}}0123456789{{end}}'", nil, []string{`router.toml:2: templates.trigger.text: found it says more than 16384 bytes`}},
		{"a text that doubles", "[templates.trigger]\ntext = '{{$x := \"xx\"}}{{range 100}}{{$x = printf \"%s%s\" $x $x}}{{end}}y'", nil, []string{`router.toml:2: templates.trigger.text: found executing`}},
		{"a text that grows by escaping", "[templates.trigger]\ntext = '{{$x := \"\\\\\"}}{{range 100}}{{$x = js $x}}{{end}}y'", nil, []string{`router.toml:2: templates.trigger.text: found executing`}},
		{"a wide figure", "[templates.trigger]\ntext = '{{printf \"%900000d\" 1}}'", nil, []string{`router.toml:2: templates.trigger.text: found executing`}},
		{"two at once", "[templates.trigger]\ntitle = '{{.A}}'\n[templates.resolve]\ntitle = '{{.B}}'", nil, []string{
			`router.toml:2: templates.trigger.title: found`, `router.toml:4: templates.resolve.title: found`,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			began := time.Now()
			set, err := compile(t, row.config, row.files...)
			if err == nil || set != nil {
				t.Fatalf("found %v, %v, want it refused", set, err)
			}
			lines := strings.Split(err.Error(), "\n")
			for i, want := range row.want {
				if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
					t.Errorf("found\n%v\nwant a line %s…", err, want)
				}
			}
			if len(lines) != len(row.want) {
				t.Errorf("found %d problems, want %d:\n%v", len(lines), len(row.want), err)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("took %s to refuse it", took)
			}
		})
	}
}

func TestOfFile(t *testing.T) {
	beside := []wording.File{file("b.tmpl", `{{define "b"}}{{.Rule}}{{end}}`), file("a.tmpl", "an older one of this name")}
	set, err := wording.OfFile(page.KindResolve, file("a.tmpl", `{{template "b" .}}`), beside)
	if err != nil {
		t.Fatal(err)
	}
	m, f := byName(t, "manual").Message(page.KindResolve)
	if got, err := set.Apply(m, wording.ViewOf(m, f, "email")); err != nil || got.Text != "manual" || got.Title != m.Title {
		t.Errorf("found %+v, %v", got, err)
	}
	for text, want := range map[string]string{
		"\n{{.Sumary}}":        "templates/a.tmpl:2: found",
		"{{if false}}x{{end}}": "templates/a.tmpl: templates.resolve.text: found it says nothing",
	} {
		if _, err := wording.OfFile(page.KindResolve, file("a.tmpl", text), beside); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: found %v, want %s", text, err, want)
		}
	}
	if _, err := wording.OfFile("open", file("a.tmpl", "x"), nil); err == nil {
		t.Error("a kind that is not there was accepted")
	}
}

// TestAFailureAtRunTimeLeavesTheBuiltInWords has templates that are good for every sample and fail for one message.
func TestAFailureAtRunTimeLeavesTheBuiltInWords(t *testing.T) {
	for name, fails := range map[string]string{
		"an index out of range": `{{index .Summaries 7}}`,
		"an entry of no map":    `{{index .Labels.host.x "y"}}`,
		"a huge text":           `{{range 100000}}xxxxxxxxxx{{end}}`,
		"a loop without an end": `{{range 1000000000000}}{{end}}`,
		"a text that doubles":   `{{$x := "xx"}}{{range 100}}{{$x = print $x $x}}{{end}}`,
		"a call that panics":    `{{slice .ID 5 2}}`,
		"nothing":               `{{define "nothing"}}{{end}}`,
	} {
		t.Run(name, func(t *testing.T) {
			text := `{{if eq .ID "I666"}}` + fails + `{{else}}x{{end}}`
			if name == "nothing" {
				text = fails + `{{if ne .ID "I666"}}x{{end}}`
			}
			set := good(t, "[templates.trigger]\ntitle = \"fine\"\ntext = '{{template \"a.tmpl\" .}}'", file("a.tmpl", text))
			sample := byName(t, "container_died")
			sample.Incident.ID = "I666"
			m, f := sample.Message(page.KindTrigger)
			got, err := set.Apply(m, wording.ViewOf(m, f, schedule.ChannelEmail))
			if err == nil || got.Title != m.Title || got.Text != m.Text {
				t.Errorf("found %q, %q, %v, want both built-in texts and an error", got.Title, got.Text, err)
			}
			if sample.Incident.ID = "I667"; err != nil {
				m, f = sample.Message(page.KindTrigger)
				if got, err := set.Apply(m, wording.ViewOf(m, f, schedule.ChannelEmail)); err != nil || got.Text != "x" || got.Title != "fine" {
					t.Errorf("the next message: found %q, %q, %v", got.Title, got.Text, err)
				}
			}
		})
	}
}

// TestWordsOfATemplateArePlainAndBounded holds what channels rely on: what a sender wrote steers nothing, and a long text is
// cut.
func TestWordsOfATemplateArePlainAndBounded(t *testing.T) {
	set := good(t, "[templates.trigger]\ntitle = \"{{.Summary}}\\u001b[2J\\nx\"\ntext = \"{{range .Summaries}}{{.}}\\r\\n\\u202e{{end}}{{range 5}}{{$.Summary}}{{end}}{{.Labels}}\"")
	m, f := byName(t, "hostile").Message(page.KindTrigger)
	got, err := set.Apply(m, wording.ViewOf(m, f, schedule.ChannelSlack))
	if err != nil {
		t.Fatal(err)
	}
	if n := utf8.RuneCountInString(got.Title); n > page.TitleMax || got.Title != page.Line(got.Title, page.TitleMax) {
		t.Errorf("title of %d characters: %q", n, got.Title)
	}
	if n := utf8.RuneCountInString(got.Text); n > page.TextMax || got.Text != page.Lines(got.Text, page.TextMax) {
		t.Errorf("text of %d characters: %q", n, got.Text)
	}
	if !strings.Contains(got.Title, "<b>{{.Secret}}</b>") {
		t.Errorf("found %q, want what the sender wrote as it is: the channel escapes it", got.Title)
	}
}

// TestSamplesCoverEveryRule is about what the samples are for.
func TestSamplesCoverEveryRule(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range wording.Samples() {
		if seen[s.Name] {
			t.Errorf("two samples are called %q", s.Name)
		}
		seen[s.Name] = true
		if m, _ := s.Message(page.KindTrigger); m.Title == "" || m.Text == "" {
			t.Errorf("%s: %+v", s.Name, m)
		}
	}
	for _, kind := range []string{"threshold", "absence", "container_died", "container_oom", "container_unhealthy", "check-down", "slo", "error-seen", "alert-received", "manual"} {
		if !seen[kind] {
			t.Errorf("no sample of %s", kind)
		}
	}
	m, f := byName(t, "alert-received").Message(page.KindTrigger)
	v := wording.ViewOf(m, f, schedule.ChannelEmail)
	if graph := "https://prometheus.example.org/graph?g0.expr=shop_errors_ratio+%3E+0.02&g0.tab=1"; v.Source != graph || !strings.Contains(m.Text, "\nsource: "+graph+"\n") {
		t.Errorf("the alert's source is %q, of\n%s", v.Source, m.Text)
	}
}

func BenchmarkApply(b *testing.B) {
	var in struct {
		Templates wording.Config `toml:"templates"`
	}
	f, err := tomlfile.Decode("router.toml", []byte("[templates.trigger]\ntitle = \"{{.Summary}} ({{.Severity}})\"\ntext = \"{{.Text}}{{range .Before}}\\n{{.Ago}} {{.Text}}{{end}}\"\n"), &in)
	if err != nil {
		b.Fatal(err)
	}
	set, problems := wording.Compile(in.Templates, nil, f)
	if err := problems.Err(); err != nil {
		b.Fatal(err)
	}
	m, facts := wording.Samples()[0].Message(page.KindTrigger)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := set.Apply(m, wording.ViewOf(m, facts, "slack")); err != nil {
			b.Fatal(fmt.Errorf("%w", err))
		}
	}
}
