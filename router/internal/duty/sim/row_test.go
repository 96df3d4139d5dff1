package sim

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"nezuban/router/internal/incident"
)

// row is a stored row, as far as the oracle looks at it.
type row struct {
	Incident string
	Seq      int
	Kind     string
	Channel  string
	People   []string
	Pass     int
	Step     int
	Why      string
	Status   string
	Into     string
	Summary  bool
	Repeat   bool
	Attempt  int
	Reason   string
	Created  string

	first time.Time     // when it was stored first
	begun time.Time     // it was last marked as being sent
	ended time.Time     // the latest attempt
	after time.Duration // the provider asked for so long a pause
}

// readRow reads a row's record. A run stores thousands of them, so that this knows their form: a flat object of which no
// text can hold an unescaped quote.
func readRow(value string) row {
	return row{
		Incident: textOf(value, "incident"), Seq: numberOf(value, "seq"), Kind: textOf(value, "kind"), Channel: textOf(value, "channel"),
		People: listOf(value, "people"), Pass: numberOf(value, "pass"), Step: numberOf(value, "step"), Why: textOf(value, "why"),
		Status: textOf(value, "status"), Into: textOf(value, "into"), Summary: strings.Contains(value, `,"summary":true`),
		Repeat: strings.Contains(value, `,"repeat":true`), Attempt: numberOf(value, "attempt"), Reason: textOf(value, "reason"),
		Created: textOf(value, "created"),
	}
}

// behind is what follows a key; "" when it is not there.
func behind(value, key string) string {
	_, rest, _ := strings.Cut(value, `,"`+key+`":`)
	return rest
}

func textOf(value, key string) string {
	rest := behind(value, key)
	if rest == "" {
		return ""
	}
	end := 1
	for rest[end] != '"' {
		if rest[end] == '\\' {
			end++
		}
		end++
	}
	text := rest[1:end]
	if strings.Contains(text, `\`) {
		_ = json.Unmarshal([]byte(rest[:end+1]), &text) // TestReadRow
	}
	return text
}

func numberOf(value, key string) int {
	rest := behind(value, key)
	end := strings.IndexAny(rest, ",}")
	if end < 0 {
		return 0
	}
	n, _ := strconv.Atoi(rest[:end])
	return n
}

func listOf(value, key string) []string {
	list, ok := strings.CutPrefix(behind(value, key), `["`)
	if !ok {
		return nil
	}
	list, _, _ = strings.Cut(list, `"]`)
	return strings.Split(list, `","`)
}

func TestReadRow(t *testing.T) {
	full := incident.Row{
		Version: 1, Incident: "I1", Seq: 7, Kind: incident.MessageTrigger, Channel: "sms", People: []string{"alice", "bob"}, Pass: 2, Step: 3,
		Why: `step "1", <b>`, Status: incident.RowMerged, Attempt: 4, Repeat: true, Summary: true, Into: "I2-0", Reason: `said "no\" ,"repeat":true`,
		Created: time.Unix(1, 0).UTC(),
	}
	for name, r := range map[string]incident.Row{"full": full, "bare": {Incident: "I1", Kind: incident.MessageResolve}} {
		value, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got := readRow(string(value))
		if got.Incident != r.Incident || got.Seq != r.Seq || got.Kind != string(r.Kind) || got.Channel != r.Channel || strings.Join(got.People, ",") != strings.Join(r.People, ",") ||
			got.Pass != r.Pass || got.Step != r.Step || got.Why != r.Why || got.Status != string(r.Status) || got.Into != r.Into || got.Summary != r.Summary ||
			got.Repeat != r.Repeat || got.Attempt != r.Attempt || got.Reason != r.Reason || got.Created != r.Created.Format(time.RFC3339) {
			t.Errorf("%s: found %+v in %s", name, got, value)
		}
	}
}
