// Package prometheus reads alerts as Prometheus sends them to an Alertmanager, by its API version 2
// (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml, postableAlert).
//
// Package ingest calls it. It keeps no state and decides nothing.
package prometheus

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fastjson"

	"nezuban/router/internal/incident"
)

// posted is one alert as it was sent. Its texts are the parser's, until that reads again: what is kept of them is copied.
type posted struct {
	labels      []pair // sorted by name, without empty ones
	annotations []pair
	startsAt    time.Time // zero: not said
	endsAt      time.Time // zero: not said
	generator   []byte    // generatorURL: of the expression, or the graph; nil: not said, or no text
}

type pair struct{ name, value []byte }

// Decode reads a request's body. An alert that is none is named in bad, by its number in the list, and hides no other; err
// is why there is no list at all. Times later than now are taken for now.
func Decode(body []byte, now time.Time) (alerts []incident.Alert, bad []error, err error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil, errors.New("read alerts: found nothing, expected a list of alerts")
	}
	parser := parsers.Get().(*fastjson.Parser)
	if len(body) <= maxKept { // a parser keeps the memory of the largest body that it has read
		defer parsers.Put(parser)
	}
	list, err := parser.ParseBytes(body)
	if err != nil {
		return nil, nil, fmt.Errorf("read alerts: %s", bounded(err.Error(), valueMax))
	}
	items, err := list.Array()
	if err != nil {
		return nil, nil, fmt.Errorf("read alerts: found %s, expected a list of alerts", list.Type())
	}
	alerts = make([]incident.Alert, 0, len(items))
	var p posted
	for i, item := range items {
		err := p.read(item)
		if err == nil {
			err = p.check()
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("alert %d: %w", i+1, err))
			continue
		}
		alerts = append(alerts, p.alert(now))
	}
	return alerts, bad, nil
}

const maxKept = 1 << 20

var parsers = sync.Pool{New: func() any { return new(fastjson.Parser) }}

// read takes the place of what was read before.
func (p *posted) read(item *fastjson.Value) error {
	*p = posted{labels: p.labels[:0], annotations: p.annotations[:0]}
	object, err := item.Object()
	if err != nil {
		return fmt.Errorf("found %s, expected an object", item.Type())
	}
	var wrong error
	object.Visit(func(key []byte, v *fastjson.Value) {
		if wrong != nil || v.Type() == fastjson.TypeNull {
			return
		}
		switch string(key) {
		case "labels":
			p.labels, wrong = pairs(p.labels[:0], "labels", v)
		case "annotations":
			p.annotations, wrong = pairs(p.annotations[:0], "annotations", v)
		case "startsAt":
			p.startsAt, wrong = instant("startsAt", v)
		case "endsAt":
			p.endsAt, wrong = instant("endsAt", v)
		case "generatorURL":
			p.generator, _ = v.StringBytes() // an alert without it is one all the same
		}
	})
	return wrong
}

// pairs appends an object of texts to a list. A pair without a value counts as absent, as in Prometheus.
func pairs(list []pair, field string, v *fastjson.Value) ([]pair, error) {
	object, err := v.Object()
	if err != nil {
		return list, fmt.Errorf("%s: found %s, expected an object of texts", field, v.Type())
	}
	var wrong error
	object.Visit(func(key []byte, v *fastjson.Value) {
		value, err := v.StringBytes()
		switch {
		case err != nil:
			wrong = fmt.Errorf("%s.%s: found %s, expected a text", field, bounded(string(key), nameMax), v.Type())
		case len(value) > 0:
			list = append(list, pair{key, value})
		}
	})
	return list, wrong
}

// instant reads a time. Go's zero time, which some clients send for none, is none.
func instant(field string, v *fastjson.Value) (time.Time, error) {
	text, err := v.StringBytes()
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: found %s, expected a time like 2026-03-02T12:00:00Z", field, v.Type())
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: found %q, expected a time like 2026-03-02T12:00:00Z", field, bounded(string(text), nameMax))
	}
	return at, nil
}

// Bounds of what one alert may say. What is longer is cut when it is kept; the dedup key is made of the whole.
const (
	labelsMax = 64
	nameMax   = 128  // bytes of a label's name
	valueMax  = 1024 // bytes of a value
)

// check refuses what can be no alert, and sorts the labels.
func (p *posted) check() error {
	sortPairs(p.labels)
	switch {
	case len(p.labels) == 0:
		return errors.New("labels: found none that has a value, expected at least one")
	case !p.startsAt.IsZero() && !p.endsAt.IsZero() && p.endsAt.Before(p.startsAt):
		return fmt.Errorf("endsAt: found %s, expected no time before startsAt, %s", p.endsAt.Format(time.RFC3339Nano), p.startsAt.Format(time.RFC3339Nano))
	}
	for i, l := range p.labels {
		switch {
		case len(l.name) == 0 || len(l.name) > nameMax:
			return fmt.Errorf("labels: found a name of %d bytes, expected 1 to %d: %q", len(l.name), nameMax, bounded(string(l.name), nameMax))
		case i > 0 && bytes.Equal(l.name, p.labels[i-1].name):
			return fmt.Errorf("labels: found %q twice, expected it once", l.name)
		}
	}
	return nil
}

// bounded is text of valid UTF-8 on one line, of at most so many bytes and a mark that it was cut.
func bounded(text string, most int) string {
	cut := len(text) > most
	if cut {
		text = text[:most]
	}
	text = strings.ToValidUTF8(text, "")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if cut {
		text += "…"
	}
	return text
}
