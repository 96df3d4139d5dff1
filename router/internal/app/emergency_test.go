package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nezuban/oncall/escalation"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/page"
)

// inTrouble is an emergency whose people have a text message and, if that fails, the terminal.
func inTrouble(t *testing.T, sms func(page.Message) error) (*emergency, chan page.Message) {
	t.Helper()
	file, err := schedule.Parse("oncall.toml", []byte(strings.Replace(rotationText, `["terminal"]`, `["sms", "terminal"]`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/contacts.toml"
	write(t, path, "[alice]\nsms = \"+4915112345678\"\n")
	contacts, err := escalation.LoadContacts(path)
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan page.Message, 100)
	e := &emergency{router: "http://router1", now: time.Now, guard: testDaemon().Guard, log: discard}
	e.equip(means{
		rotation: func() *schedule.File { return file }, contacts: func() *escalation.Contacts { return contacts },
		pagers: map[string]page.Pager{
			"sms":      pagerFunc(func(m page.Message) error { sent <- m; return sms(m) }),
			"terminal": pagerFunc(func(m page.Message) error { sent <- m; return nil }),
		},
	})
	return e, sent
}

type pagerFunc func(page.Message) error

func (f pagerFunc) Page(_ context.Context, m page.Message) (string, error) { return "provider-1", f(m) }

func TestAStateThatCannotBeWrittenIsToldOnceAndThenEveryHalfHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, sent := inTrouble(t, func(page.Message) error { return nil })
		ctx, cancel := context.WithCancel(t.Context())
		go e.run(ctx)
		defer func() { cancel(); synctest.Wait() }()
		e.failed(errFull)
		time.Sleep(10 * time.Second)
		e.ok(ctx) // a moment of it is nobody's business
		time.Sleep(time.Minute)
		if len(sent) != 0 {
			t.Fatal("somebody was told of a moment")
		}
		e.failed(errFull)
		for range 3 {
			e.refusedOne()
		}
		for range 29 * 60 { // every second, as the ticks do
			e.failed(errFull)
			time.Sleep(time.Second)
		}
		if len(sent) != 1 {
			t.Fatalf("found %d messages in 29 minutes, want one", len(sent))
		}
		first := <-sent
		if first.Kind != page.KindTrigger || first.Title != "the router's state cannot be written; 3 reports were refused (and 1 more)" || first.People[0].Address != "+4915112345678" || !strings.Contains(first.Text, errFull.Error()) || first.Why == "" {
			t.Errorf("found %+v", first)
		}
		time.Sleep(5 * time.Minute)
		second := <-sent
		if second.IncidentID != first.IncidentID || second.PageID == first.PageID {
			t.Errorf("the second message is %s of %s, the first %s of %s", second.PageID, second.IncidentID, first.PageID, first.IncidentID)
		}
		e.ok(ctx)
		if over := <-sent; over.Kind != page.KindResolve || over.IncidentID != first.IncidentID || over.ProviderID != "provider-1" || len(sent) != 0 {
			t.Errorf("found %+v and %d more, want one that says it is over", over, len(sent))
		}
		e.ok(ctx)
		time.Sleep(time.Hour)
		if len(sent) != 0 {
			t.Error("it goes on after it was over")
		}
	})
}

func TestAnEmergencyTakesTheNextChannelWhenOneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, sent := inTrouble(t, func(page.Message) error { panic("no provider") })
		e.failed(errFull)
		e.tell(t.Context(), true)
		if len(sent) != 2 {
			t.Fatalf("found %d tries, want the text message and the terminal", len(sent))
		}
		e.tell(t.Context(), true)
		if len(sent) != 2 {
			t.Error("told again at once")
		}
	})
}

func TestWithoutARotationFileAnEmergencyTellsNobody(t *testing.T) {
	e := &emergency{now: time.Now, log: discard}
	e.failed(errors.New("x"))
	e.tell(t.Context(), true)
	e.equip(means{rotation: func() *schedule.File { return nil }})
	e.tell(t.Context(), true)
	e.ok(t.Context())
}
