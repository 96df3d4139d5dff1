package rule

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule/slo"
)

// version is what this release writes into its records; it reads this one and the one before.
const version = 1

// Prefixes of the records' keys.
const (
	seriesPrefix    = "series/"
	containerPrefix = "container/"
)

// standing is what was last made durable about a state alert. It is comparable: two equal ones need no write. Times are
// nanoseconds since the epoch, 0 for none.
type standing struct {
	Known    bool      `json:"known,omitempty"`    // absence: has been seen
	Goodbye  int64     `json:"goodbye,omitempty"`  // absence: the time of its goodbye, its silence is meant
	Since    int64     `json:"since,omitempty"`    // threshold: when the condition began to hold; absence: the time that the firing said
	Firing   bool      `json:"firing,omitempty"`   // what was last said
	Fired    int64     `json:"fired,omitempty"`    // the newest sample behind the firing: only newer ones can resolve it
	Severity string    `json:"severity,omitempty"` // objective: the severity last said
	Burning  slo.Pairs `json:"burning,omitempty"`  // objective: the pairs behind the firing
}

// seriesRecord is a standing with what identifies its series.
type seriesRecord struct {
	Version int      `json:"version"`
	Rule    string   `json:"rule"`
	Values  []string `json:"values,omitempty"` // of the by tags, in the order of their names
	standing
}

func (s seriesRecord) dedupKey() string { return incident.DedupKey(s.Rule, s.Values...) }

func seriesKey(dedupKey string) string { return seriesPrefix + url.PathEscape(dedupKey) }

func containerKey(host, name string) string {
	return containerPrefix + url.PathEscape(host) + "/" + url.PathEscape(name)
}

func encodeSeries(rule string, values []string, s standing) []byte {
	if s == (standing{}) {
		return nil
	}
	return encode(seriesRecord{Version: version, Rule: rule, Values: values, standing: s})
}

// encode marshals a record; records consist of strings, numbers and booleans, which always have JSON.
func encode(record any) []byte {
	value, err := json.Marshal(record)
	if err != nil {
		panic(fmt.Sprintf("rule: encode %T: %v", record, err))
	}
	return value
}

func decodeSeries(r Record) (seriesRecord, error) {
	var s seriesRecord
	if err := decode(r, &s); err != nil {
		return s, err
	}
	return s, checkVersion(r, s.Version)
}

func decodeContainer(r Record) (container, error) {
	var c container
	if err := decode(r, &c); err != nil {
		return c, err
	}
	if err := checkVersion(r, c.Version); err != nil {
		return c, err
	}
	if key := containerKey(c.Host, c.Name); key != r.Key {
		return c, fmt.Errorf("read record %q: it is about %q", r.Key, key)
	}
	if (c.Firing != quiet || c.Wait != 0) && c.Death == nil {
		return c, fmt.Errorf("read record %q: it fires or waits, but for no death", r.Key)
	}
	return c, nil
}

func decode(r Record, into any) error {
	if err := json.Unmarshal(r.Value, into); err != nil {
		return fmt.Errorf("read record %q: %q: %w", r.Key, clip(string(r.Value)), err)
	}
	return nil
}

func checkVersion(r Record, found int) error {
	if found < 1 || found > version {
		return fmt.Errorf("read record %q: found version %d, expected 1 to %d", r.Key, found, version)
	}
	return nil
}

// clip bounds text that a message or a summary repeats.
func clip(text string) string {
	const longest = 200
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}
