package duty

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/tomlfile"
	"nezuban/oncall/escalation"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/wording"
)

// templates compiles one text for triggers.
func templates(t *testing.T, text string) *wording.Set {
	t.Helper()
	in, err := tomlfile.Decode("router.toml", nil, new(wording.Config))
	if err != nil {
		t.Fatal(err)
	}
	set, problems := wording.Compile(wording.Config{Trigger: wording.KindConfig{Title: "{{.Word}}", Text: text}}, nil, in)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

// wordedBy lets a container die on a router with templates, and returns the messages that went out within a minute.
func wordedBy(t *testing.T, store *disk, set *wording.Set, log *bytes.Buffer, reply func(ctx context.Context, m page.Message) error) []page.Message {
	t.Helper()
	e := newEngine(t, store)
	calls := make(chan page.Message, 100)
	ctx, cancel := context.WithCancel(t.Context())
	d := &Deliverer{
		Engine: e, Pagers: map[string]page.Pager{"terminal": &channel{calls, reply}}, Guard: quietly, Log: slog.New(slog.NewTextHandler(log, nil)), Templates: set,
		Contacts: func() *escalation.Contacts { return &escalation.Contacts{} }, Link: func(id string) string { return "http://router/incidents/" + id },
	}
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	if err := e.Ingest(t.Context(), []influx.Point{death(time.Now())}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	cancel()
	<-done
	close(calls)
	var sent []page.Message
	for m := range calls {
		sent = append(sent, m)
	}
	return sent
}

// timeline lists the texts of what was stored.
func (d *disk) timeline() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var texts []string
	for _, b := range d.batches {
		for _, e := range b.Change.Entries {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

func accepted(context.Context, page.Message) error { return nil }

func TestAMessageHasTheWordsOfItsTemplate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := wordedBy(t, &disk{}, templates(t, `{{.Channel}} {{.People}} {{.Labels.container_name}} {{.Why}} {{.URL}}`), &bytes.Buffer{}, accepted)
		if len(sent) != 1 || sent[0].Title != "TRIGGERED" || !strings.HasPrefix(sent[0].Text, "terminal [alice] shop step 1 of policy standard") ||
			!strings.HasSuffix(sent[0].Text, "http://router/incidents/I001") {
			t.Errorf("found %+v", sent)
		}
	})
}

// TestATemplateThatFailsDropsNoPage holds the promise for each way in which one can fail for this incident alone.
func TestATemplateThatFailsDropsNoPage(t *testing.T) {
	for name, fails := range map[string]string{
		"an index out of range": `{{index .Summaries 7}}`,
		"an entry of no map":    `{{index .Labels.host.x "y"}}`,
		"a huge text":           `{{range 100000}}xxxxxxxxxx{{end}}`,
		"a loop without an end": `{{range 1000000000000}}{{end}}`,
		"nothing":               ``,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, log := &disk{}, &bytes.Buffer{}
				set := templates(t, `{{if eq .ID "I001"}}`+fails+`{{else}}x{{end}}`)
				sent := wordedBy(t, store, set, log, accepted)
				if len(sent) != 1 || !strings.HasPrefix(sent[0].Title, "container shop died with exit 7") || !strings.Contains(sent[0].Text, "why you: step 1 of policy standard") {
					t.Fatalf("found %+v, want one message in the built-in words", sent)
				}
				if row := store.row(); row.Status != incident.RowSent || row.Attempt != 1 {
					t.Errorf("found %+v, want it sent at the first attempt", row)
				}
				if said := strings.Join(store.timeline(), "\n"); !strings.Contains(said, "the built-in words are sent by terminal, because a template failed: template: templates.trigger.text:") {
					t.Errorf("the timeline does not say why:\n%s", said)
				}
				if !strings.Contains(log.String(), "a template failed") {
					t.Errorf("the log does not say why:\n%s", log)
				}
			})
		})
	}
}

// TestAFailedTemplateIsSaidOnce lets the provider fail too, so that the message is worded again and again.
func TestAFailedTemplateIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &disk{}
		tries := 0
		sent := wordedBy(t, store, templates(t, `{{if eq .ID "I001"}}{{index .Summaries 7}}{{end}}x`), &bytes.Buffer{}, func(context.Context, page.Message) error {
			if tries++; tries < 4 {
				return errFull
			}
			return nil
		})
		if len(sent) != 4 {
			t.Fatalf("found %d tries, want 4", len(sent))
		}
		if n := strings.Count(strings.Join(store.timeline(), "\n"), "because a template failed"); n != 1 {
			t.Errorf("the timeline says so %d times, want once", n)
		}
	})
}
