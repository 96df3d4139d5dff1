package replay_test

import (
	"errors"
	"strings"
	"testing"

	"nezuban/agent/tomlfile"
	"nezuban/oncall/internal/replay"
)

func TestReadRefuses(t *testing.T) {
	const good = `{"id":"a","at":"2026-01-06T03:00:00Z"}` + "\n"
	tests := []struct{ name, log, want string }{
		{"no JSON", good + "id=b", `log:2: found "id=b", expected an object such as {"id":"I1","at":"2026-11-27T03:10:00Z","severity":"page"}`},
		{"cut off", good + `{"id":"b","at":"2026`, `log:2: found "{\"id\":\"b\",\"at\":\"2026", expected an object such as {"id":"I1","at":"2026-11-27T03:10:00Z","severity":"page"}`},
		{"a list", `[]`, `log:1: found "[]", expected an object such as {"id":"I1","at":"2026-11-27T03:10:00Z","severity":"page"}`},
		{"two on a line", `{"id":"a","at":"2026-01-06T03:00:00Z"}{}`, `log:1: found "{\"id\":\"a\",\"at\":\"2026-01-06T03:00:00Z\"}{}", expected an object such as {"id":"I1","at":"2026-11-27T03:10:00Z","severity":"page"}`},
		{"no id", `{"at":"2026-01-06T03:00:00Z"}`, `log:1: id: found nothing, expected a text that no other incident has`},
		{"an id that is a number", `{"id":7,"at":"2026-01-06T03:00:00Z"}`, `log:1: id: found "7", expected a text`},
		{"an id twice", good + "\n" + good, `log:3: id: found "a", expected an id that no other incident has: line 1 has it`},
		{"no time", `{"id":"a"}`, `log:1: at: found nothing, expected a time like 2026-11-30T09:00:00+01:00`},
		{"a time without a zone", `{"id":"a","at":"2026-01-06T03:00:00"}`, `log:1: at: found "\"2026-01-06T03:00:00\"", expected a time like 2026-11-30T09:00:00+01:00`},
		{"a time that is a number", `{"id":"a","at":1767668400}`, `log:1: at: found "1767668400", expected a time like 2026-11-30T09:00:00+01:00`},
		{"acknowledged before it was", `{"id":"a","at":"2026-01-06T03:00:00Z","acked_at":"2026-01-06T02:59:59Z"}`, `log:1: acked_at: found 2026-01-06T02:59:59Z, expected a time that is not before at, 2026-01-06T03:00:00Z`},
		{"resolved before it was", `{"id":"a","at":"2026-01-06T03:00:00Z","resolved_at":"2026-01-06T03:00:00+01:00"}`, `log:1: resolved_at: found 2026-01-06T03:00:00+01:00, expected a time that is not before at, 2026-01-06T03:00:00Z`},
		{"a severity that is a number", `{"id":"a","at":"2026-01-06T03:00:00Z","severity":1}`, `log:1: severity: found "1", expected a text`},
		{"unpaged that is a text", `{"id":"a","at":"2026-01-06T03:00:00Z","unpaged":"yes"}`, `log:1: unpaged: found "\"yes\"", expected true or false`},
		{"labels that are a list", `{"id":"a","at":"2026-01-06T03:00:00Z","labels":["team"]}`, `log:1: labels: found "[\"team\"]", expected an object of texts such as {"team":"web"}`},
		{"a label that is a number", `{"id":"a","at":"2026-01-06T03:00:00Z","labels":{"team":1}}`, `log:1: labels: found "{\"team\":1}", expected an object of texts such as {"team":"web"}`},
		{"a huge line", good + `{"id":"` + strings.Repeat("x", 2<<20) + `"}`, `log:2: found a longer line, expected at most 1048576 bytes`},
		{"binary", "\x7fELF\x02\x00\n", `log:1: found "\x7fELF\x02\x00", expected an object such as {"id":"I1","at":"2026-11-27T03:10:00Z","severity":"page"}`},
		{"several mistakes at once", `{"id":"","at":"x"}` + "\n" + `{"id":"b"}`, "log:1: at: found \"\\\"x\\\"\", expected a time like 2026-11-30T09:00:00+01:00\nlog:2: at: found nothing, expected a time like 2026-11-30T09:00:00+01:00"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			incidents, err := replay.Read("log", strings.NewReader(test.log))
			if err == nil || incidents != nil {
				t.Fatalf("accepted as %v", incidents)
			}
			if err.Error() != test.want {
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
		})
	}
}

func TestReadStopsAtTwentyMistakes(t *testing.T) {
	_, err := replay.Read("log", strings.NewReader(strings.Repeat("x\n", 1000)))
	var problems tomlfile.Problems
	if !errors.As(err, &problems) || len(problems) != 20 {
		t.Errorf("%d mistakes, want 20: %v", len(problems), err)
	}
}

func TestReadTakes(t *testing.T) {
	log := "\ufeff" + `{"id":"b","at":"2026-01-06T03:00:00Z","later":{"a":[1]},"acked_at":null}` + "\r\n\r\n" + ` {"id":"a","at":"2026-01-06T03:00:00+01:00","labels":{"x":"y"},"acked_by":"bob"}`
	incidents, err := replay.Read("log", strings.NewReader(log))
	if err != nil || len(incidents) != 2 || incidents[0].ID != "a" || incidents[0].Labels["x"] != "y" || incidents[0].AckedBy != "bob" || !incidents[1].AckedAt.IsZero() {
		t.Errorf("got %+v, %v", incidents, err)
	}
	if none, err := replay.Read("log", strings.NewReader("")); err != nil || len(none) != 0 {
		t.Errorf("of nothing: %v, %v", none, err)
	}
	if _, err := replay.Read("log", broken{}); err == nil || !strings.Contains(err.Error(), "read log, line 1: the disk is gone") {
		t.Errorf("a log that cannot be read: %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"id":"a","at":"2026-01-06T03:00:00Z","severity":"page","acked_at":"2026-01-06T03:05:00Z"}` + "\n" + `{"id":"b","at":"2026-01-06T03:00:00Z","labels":{"service":"shop"}}`))
	f.Add([]byte("\ufeff{}\r\n[\n"))
	file := parse(f, rotation)
	f.Fuzz(func(t *testing.T, data []byte) {
		incidents, err := replay.Read("log", strings.NewReader(string(data)))
		if err != nil {
			var problems tomlfile.Problems
			if incidents != nil || !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("%v, %v", incidents, err)
			}
			return
		}
		for _, o := range (replay.Model{}).Run(file, incidents[:min(len(incidents), 3)]) {
			if d, ok := o.ReachedAfter(); ok && d < 0 {
				t.Fatalf("reached after %s", d)
			}
		}
	})
}
