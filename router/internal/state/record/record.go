// Package record is the form in which the router's state is stored: keys, JSON, and how what one decision wants to be
// durable is cut into transactions. Package state runs the transactions on etcd; the simulation runs them in memory.
package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"nezuban/oncall/escalation"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
)

// Keys. Sequence numbers are padded so that keys sort as they were written.
const (
	Prefix         = "/nezuban/v1/" // of everything
	IncidentPrefix = Prefix + "incident/"
	TimelinePrefix = Prefix + "timeline/"
	OutboxPrefix   = Prefix + "outbox/"
	PickPrefix     = Prefix + "pick/"
	RulePrefix     = Prefix + "rule/"
	SilencePrefix  = Prefix + "silence/"
)

// Sequence is a number as it stands in a key.
func Sequence(n int) string {
	const digits = 8
	text := strconv.Itoa(n)
	if len(text) >= digits {
		return text
	}
	return strings.Repeat("0", digits-len(text)) + text
}

// OpKind is what an operation does.
type OpKind int8

// The kinds of operation.
const (
	Put         OpKind = iota // stores Value under Key
	Delete                    // deletes Key
	DeleteBelow               // deletes all keys that begin with Key
)

// Op is one operation of a transaction.
type Op struct {
	Kind       OpKind
	Key, Value string
}

// NewPut stores the JSON of a value.
func NewPut(key string, value any) (Op, error) { return newEncoder().put(key, value) }

// encoder makes the JSON of many values in one buffer.
type encoder struct {
	text bytes.Buffer
	json *json.Encoder
}

func newEncoder() *encoder {
	var e encoder
	e.json = json.NewEncoder(&e.text)
	return &e
}

// put stores the JSON of a value. A large one is better given by its address: it is not copied then.
func (e *encoder) put(key string, value any) (Op, error) {
	e.text.Reset()
	if err := e.json.Encode(value); err != nil {
		return Op{}, fmt.Errorf("encode record %q: %w", key, err)
	}
	return Op{Put, key, string(bytes.TrimSuffix(e.text.Bytes(), []byte("\n")))}, nil // which ends each value
}

// Stored is what a router needs at its start of what is stored. The zero value is nothing.
type Stored struct {
	Incidents []incident.Incident
	Rows      []incident.Row
	Picks     escalation.Picks
	Records   []rule.Record
	Silences  []incident.Silence

	sharing *sharing
}

// Add takes in the record under a key; one that a start does not need, such as a timeline, is left out. The error names the
// key of one that cannot be read, or was written by a later release: this one would lose what it does not know.
func (s *Stored) Add(key string, value []byte) error {
	if s.sharing == nil {
		s.sharing = newSharing()
	}
	var err error
	switch {
	case strings.HasPrefix(key, IncidentPrefix):
		var inc incident.Incident
		if inc, err = s.sharing.incident(value); err == nil {
			s.Incidents = append(s.Incidents, inc)
		}
	case strings.HasPrefix(key, OutboxPrefix):
		if s.Rows, err = appendTo(s.Rows, value, func(row incident.Row) int { return row.Version }); err == nil {
			s.sharing.row(&s.Rows[len(s.Rows)-1])
		}
	case strings.HasPrefix(key, PickPrefix):
		var p pick
		if err = json.Unmarshal(value, &p); err == nil {
			if s.Picks == nil {
				s.Picks = escalation.Picks{}
			}
			s.Picks[p.Key] = p.Name
		}
	case strings.HasPrefix(key, SilencePrefix):
		s.Silences, err = appendTo(s.Silences, value, func(silence incident.Silence) int { return silence.Version })
	case strings.HasPrefix(key, RulePrefix):
		s.Records = append(s.Records, rule.Record{Key: key[len(RulePrefix):], Value: value})
	}
	if err != nil {
		return fmt.Errorf("read record %q: %w", key, err)
	}
	return nil
}

func appendTo[T any](list []T, value []byte, version func(T) int) ([]T, error) {
	var record T
	if err := json.Unmarshal(value, &record); err != nil {
		return list, err
	}
	if err := readable(version(record)); err != nil {
		return list, err
	}
	return append(list, record), nil
}

// readable refuses the version of a record that a later release has written.
func readable(version int) error {
	if version > incident.Version {
		return fmt.Errorf("found version %d, expected at most %d: %w", version, incident.Version, ErrNewer)
	}
	return nil
}

// ErrNewer is returned for a record that a later release has written.
var ErrNewer = errors.New("a later release wrote it: run that one, or bring back a backup that this one has made")

// pick is whom a step that takes turns has told last.
type pick struct {
	Version int    `json:"version"`
	Key     string `json:"key"` // see escalation.PickKey
	Name    string `json:"name"`
}
