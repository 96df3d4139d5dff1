package check

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"nezuban/agent/influx"
)

// Point is r as a point of http_response, with the tags and fields that Telegraf's plugin of that name writes, our
// tags check and location, and our own fields: phases and location_sick. What did not happen is absent: no response_time without a response.
// [ResultOf] reads it back; influx.Writer.Write takes it to the outputs.
func (r Result) Point() influx.Point {
	p := influx.Point{
		Measurement: influx.HTTPResponse,
		Time:        r.Time,
		Tags: []influx.Tag{
			{Key: influx.TagCheck, Value: r.Check},
			{Key: influx.TagLocation, Value: r.Location},
			{Key: influx.TagServer, Value: r.URL},
			{Key: influx.TagMethod, Value: r.Method},
			{Key: influx.TagResult, Value: string(r.Outcome)},
		},
		Fields: []influx.Field{influx.String(influx.FieldResultType, string(r.Outcome))},
	}
	if code, known := r.Outcome.code(); known {
		p.Fields = append(p.Fields, influx.Int(influx.FieldResultCode, code))
	}
	if r.StatusCode != 0 {
		p.Tags = append(p.Tags, influx.Tag{Key: influx.TagStatusCode, Value: strconv.Itoa(r.StatusCode)})
		p.Fields = append(p.Fields,
			influx.Int(influx.FieldHTTPResponseCode, int64(r.StatusCode)),
			influx.Int(influx.FieldResponseStatusCodeMatch, number(r.StatusMatch)),
			influx.Float(influx.FieldResponseTime, r.ResponseTime.Seconds()),
			influx.Int(influx.FieldContentLength, r.BodyBytes))
	}
	for _, phase := range r.Phases.fields() {
		if *phase.length > 0 {
			p.Fields = append(p.Fields, influx.Float(phase.field, phase.length.Seconds()))
		}
	}
	if r.Sick {
		p.Fields = append(p.Fields, influx.Bool(influx.FieldLocationSick, true))
	}
	if r.Error != "" {
		p.Fields = append(p.Fields, influx.String(influx.FieldError, r.Error))
	}
	return p
}

// ResultOf reads a point of http_response; it is the inverse of [Result.Point]. A point of another measurement, or
// one that names no check, no location or no result (another agent's http_response), is an error. Figures that are
// missing stay zero, figures out of all bounds too. [Quorum] takes the results.
func ResultOf(p influx.Point) (Result, error) {
	if p.Measurement != influx.HTTPResponse {
		return Result{}, fmt.Errorf("read result: found measurement %q, expected %q", p.Measurement, influx.HTTPResponse)
	}
	r := Result{
		Check:    p.Tag(influx.TagCheck),
		Location: p.Tag(influx.TagLocation),
		URL:      p.Tag(influx.TagServer),
		Method:   p.Tag(influx.TagMethod),
		Time:     p.Time,
	}
	outcome, _ := p.Text(influx.FieldResultType)
	if outcome == "" {
		outcome = p.Tag(influx.TagResult)
	}
	r.Outcome = Outcome(outcome)
	for _, must := range []struct{ what, value string }{
		{"tag " + influx.TagCheck, r.Check}, {"tag " + influx.TagLocation, r.Location}, {"field " + influx.FieldResultType, outcome},
	} {
		if must.value == "" {
			return Result{}, fmt.Errorf("read result of check %q: no %s", r.Check, must.what)
		}
	}
	if code, ok := p.Int(influx.FieldHTTPResponseCode); ok && 100 <= code && code <= 999 {
		r.StatusCode = int(code)
		match, _ := p.Int(influx.FieldResponseStatusCodeMatch)
		r.StatusMatch = match == 1
		r.ResponseTime = seconds(p, influx.FieldResponseTime)
		length, _ := p.Int(influx.FieldContentLength)
		r.BodyBytes = max(length, 0)
	}
	for _, phase := range r.Phases.fields() {
		*phase.length = seconds(p, phase.field)
	}
	r.Sick, _ = p.Bool(influx.FieldLocationSick)
	r.Error, _ = p.Text(influx.FieldError)
	return r, nil
}

// phaseField is one phase and the field it is written in.
type phaseField struct {
	field  string
	length *time.Duration
}

func (p *Phases) fields() [5]phaseField {
	return [5]phaseField{
		{influx.FieldDNSTime, &p.DNS},
		{influx.FieldConnectTime, &p.Connect},
		{influx.FieldTLSTime, &p.TLS},
		{influx.FieldFirstByteTime, &p.FirstByte},
		{influx.FieldTransferTime, &p.Transfer},
	}
}

// maxSeconds bounds the lengths of time that a point may claim; beyond it they are nonsense.
const maxSeconds = 24 * 60 * 60

// seconds is a field in seconds as a duration, to the nanosecond.
func seconds(p influx.Point, field string) time.Duration {
	s, ok := p.Float(field)
	if !ok || !(0 <= s && s <= maxSeconds) { // not a number fails too
		return 0
	}
	return time.Duration(math.Round(s * 1e9))
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
