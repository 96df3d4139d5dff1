package app

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"
	"unicode"

	"nezuban/agent/influx"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/state"
)

// Bounds of what InfluxDB gets of texts that others wrote, in characters.
const (
	maxTag  = 64
	maxText = 300
)

// errNoPoint is that a file of the archive holds no incident that is over.
var errNoPoint = errors.New("it holds no incident that is over")

// incidentPoint is what InfluxDB gets of a closed incident. The same incident makes the same point again.
func incidentPoint(closed state.Closed) (influx.Point, error) {
	inc := closed.Incident
	ttr, over := inc.TimeToResolve()
	if inc.ID == "" || len(inc.Alerts) == 0 || inc.OpenedAt.IsZero() || !over {
		return influx.Point{}, errNoPoint
	}
	for _, at := range []time.Time{inc.OpenedAt, inc.FirstAckAt, inc.ResolvedAt} {
		if year := at.Year(); !at.IsZero() && (year < 1970 || year > 2200) { // nanoseconds count so far
			return influx.Point{}, fmt.Errorf("found the year %d, expected one from 1970 to 2200", year)
		}
	}
	lead := inc.Lead()
	pages, people := asked(closed.Outbox)
	p := influx.Point{
		Measurement: influx.Incident, Time: pointTime(inc),
		Tags: []influx.Tag{
			{Key: influx.TagSeverity, Value: tagText(string(inc.Severity))},
			{Key: influx.TagTeam, Value: tagText(lead.Labels["team"])},
			{Key: influx.TagService, Value: tagText(lead.Labels["service"])},
			{Key: influx.TagRule, Value: tagText(lead.Rule)},
		},
		Fields: []influx.Field{
			influx.String(influx.FieldID, inc.ID), influx.String(influx.FieldSummary, clipped(lead.Summary, maxText)),
			influx.Int(influx.FieldOpenedAt, inc.OpenedAt.UnixNano()), influx.Int(influx.FieldResolvedAt, inc.ResolvedAt.UnixNano()),
			influx.Float(influx.FieldTTD, inc.TimeToDetect().Seconds()), influx.Float(influx.FieldTTR, ttr.Seconds()),
			influx.Int(influx.FieldAlerts, int64(len(inc.Alerts)+inc.More)),
			influx.Int(influx.FieldPages, int64(pages)), influx.Int(influx.FieldPeople, int64(people)),
			influx.Bool(influx.FieldUnpaged, inc.Unpaged()), influx.Bool(influx.FieldFlapping, inc.Flapping),
		},
	}
	if tta, acked := inc.TimeToAcknowledge(); acked {
		p.Fields = append(p.Fields, influx.Int(influx.FieldAcknowledgedAt, inc.FirstAckAt.UnixNano()), influx.Float(influx.FieldTTA, tta.Seconds()))
	}
	for _, known := range []struct{ field, text string }{
		{influx.FieldAcknowledgedBy, inc.FirstAckBy}, {influx.FieldResolvedBy, inc.ResolvedBy}, {influx.FieldPartOf, inc.PartOf},
	} {
		if known.text != "" {
			p.Fields = append(p.Fields, influx.String(known.field, clipped(known.text, maxText)))
		}
	}
	return p, nil
}

// pointTime is the second in which an incident was resolved, and in it a nanosecond of its own, by its id. Many incidents may
// be resolved at one instant, and of two points with equal tags and an equal time InfluxDB keeps one. Of a thousand with equal
// tags in one second two share a nanosecond with a chance of 1 in 2,000.
func pointTime(inc incident.Incident) time.Time {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(inc.ID)) // never fails
	return inc.ResolvedAt.Truncate(time.Second).Add(time.Duration(hash.Sum64() % uint64(time.Second)))
}

// asked counts the messages that asked somebody to look and that a provider took, and the people whom they asked: for some of
// them the message of another incident may have spoken.
func asked(rows []incident.Row) (pages, people int) {
	persons := map[string]bool{}
	for _, row := range rows {
		if row.Kind != incident.MessageTrigger || (row.Status != incident.RowSent && row.Status != incident.RowMerged) {
			continue
		}
		if row.Status == incident.RowSent {
			pages++
		}
		for _, person := range row.People {
			persons[person] = true
		}
	}
	return pages, len(persons)
}

// tagText makes a label a tag's value: short, and without what line protocol has no form for.
func tagText(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\\' || r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, clipped(text, maxTag))
}

// clipped is a text of at most so many characters.
func clipped(text string, most int) string {
	for at := range text {
		if most--; most < 0 {
			return text[:at] + "…"
		}
	}
	return text
}
