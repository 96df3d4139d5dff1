package wording_test

import (
	"testing"
	"time"

	"nezuban/agent/tomlfile"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/wording"
)

// FuzzCompile holds that no text, whatever it is, hangs or breaks the start of a router, and that one which is accepted words
// any message within its bounds.
func FuzzCompile(f *testing.F) {
	for _, text := range []string{
		"{{.Summary}}", "{{range .Before}}{{.Ago}}{{end}}x", `{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`, "{{range 1000000000}}{{else}}{{end}}",
		`{{$x := "a"}}{{range $i := 99}}{{$x = print $x $x}}{{if eq $i 3}}{{break}}{{end}}{{end}}{{$x}}`, "{{with .Labels}}{{.host}}{{else with .By}}{{.}}{{end}}y",
		`{{block "b" .}}{{.Text}}{{end}}`, `{{range .Summaries}}{{range .}}{{end}}{{end}}`, "{{_step 5}}{{_step -999999}}x", `{{printf "%*d" 1000000 1}}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		began := time.Now()
		in, err := tomlfile.Decode("router.toml", nil, new(wording.Config))
		if err != nil {
			t.Fatal(err)
		}
		config := wording.Config{Trigger: wording.KindConfig{Title: text, Text: text}}
		set, problems := wording.Compile(config, []wording.File{{Path: "dir/a.tmpl", Name: "a.tmpl", Text: text}}, in)
		if (set == nil) != (problems.Err() != nil) {
			t.Fatalf("found %v beside %v", set, problems)
		}
		for _, sample := range wording.Samples() {
			m, facts := sample.Message(page.KindTrigger)
			got, err := set.Apply(m, wording.ViewOf(m, facts, schedule.ChannelEmail))
			if set != nil && err != nil {
				t.Errorf("accepted, and then %v", err)
			}
			if got.Title != page.Line(got.Title, page.TitleMax) || got.Text != page.Lines(got.Text, page.TextMax) || got.Title == "" {
				t.Errorf("found %q, %q", got.Title, got.Text)
			}
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("took %s", took)
		}
	})
}
