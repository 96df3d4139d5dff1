package rule_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/tomlfile"
	"nezuban/checks/check"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/rule"
)

var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// world is an engine with a store that loses nothing that was committed, and a record of all that was said.
type world struct {
	tb      testing.TB
	set     *rule.Set
	engine  *rule.Engine
	records map[string][]byte
	firing  map[string]bool
	fired   map[string]time.Time // when each fired last
	alerts  []incident.Alert
	notes   []rule.Note
	writes  int
	now     time.Time
}

func newWorld(tb testing.TB, config, checks string) *world {
	tb.Helper()
	set, err := compile(config, checks)
	if err != nil {
		tb.Fatal(err)
	}
	w := &world{tb: tb, set: set, records: map[string][]byte{}, firing: map[string]bool{}, fired: map[string]time.Time{}, now: epoch}
	w.restart()
	return w
}

// compile reads both files as the router does.
func compile(config, checkFile string) (*rule.Set, error) {
	checks, err := check.Parse("checks.toml", []byte(checkFile))
	if err != nil {
		return nil, err
	}
	var c rule.Config
	f, err := tomlfile.Decode("router.toml", []byte(config), &c)
	var problems tomlfile.Problems
	if err != nil && !errors.As(err, &problems) {
		return nil, err
	}
	set, more := rule.Compile(c, checks, f)
	if err := append(problems, more...).Err(); err != nil {
		return nil, err
	}
	return set, nil
}

// restart makes a new engine from what was committed, as after a crash.
func (w *world) restart() {
	var stored []rule.Record
	for _, key := range slices.Sorted(maps.Keys(w.records)) {
		stored = append(stored, rule.Record{Key: key, Value: w.records[key]})
	}
	w.engine = rule.NewEngine(w.set, stored, slices.Sorted(maps.Keys(w.firing)), w.now)
	for _, err := range w.engine.Unread() {
		w.tb.Error(err)
	}
}

// commit makes a step durable and accepts it.
func (w *world) commit(s rule.Step) {
	seen := map[string]bool{}
	for _, r := range s.Put {
		if seen[r.Key] {
			w.tb.Errorf("record %s is put twice in one step", r.Key)
		}
		seen[r.Key] = true
		w.records[r.Key] = r.Value
	}
	for _, key := range s.Delete {
		if seen[key] {
			w.tb.Errorf("record %s is both put and deleted in one step", key)
		}
		delete(w.records, key)
	}
	for _, a := range s.Alerts {
		if a.Firing {
			w.firing[a.Key], w.fired[a.Key] = true, a.At
		} else {
			if !a.At.After(w.fired[a.Key]) && a.Kind == incident.KindState {
				w.tb.Errorf("%s is resolved as of %s, and fired at %s: nobody would hear of it", a.Key, a.At, w.fired[a.Key])
			}
			delete(w.firing, a.Key)
		}
	}
	w.writes += len(s.Put) + len(s.Delete)
	w.alerts = append(w.alerts, s.Alerts...)
	w.notes = append(w.notes, s.Notes...)
	w.engine.Accept(s)
}

func (w *world) observe(points ...influx.Point) { w.commit(w.engine.Observe(points, w.now)) }

// wait lets time pass, a tick a second.
func (w *world) wait(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(min(time.Second, end.Sub(w.now)))
		w.commit(w.engine.Tick(w.now))
	}
}

// said lists what was said since it was last asked, such as "page firing KEY" or "page resolved KEY".
func (w *world) said() []string {
	lines := said(w.alerts)
	w.alerts = nil
	return lines
}

func said(alerts []incident.Alert) []string {
	var lines []string
	for _, a := range alerts {
		state := "resolved"
		if a.Firing {
			state = "firing"
		}
		lines = append(lines, fmt.Sprintf("%s %s %s", a.Severity, state, a.Key))
	}
	return lines
}

func (w *world) expect(want ...string) {
	w.tb.Helper()
	if got := w.said(); !slices.Equal(got, want) {
		w.tb.Errorf("at +%s said\n\t%s\nwant\n\t%s", w.now.Sub(epoch), strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// mem is a sample of a container's memory.
func mem(host, name string, percent float64, at time.Time) influx.Point {
	return influx.Point{
		Measurement: influx.ContainerMem, Time: at,
		Tags:   []influx.Tag{{Key: influx.TagHost, Value: host}, {Key: influx.TagContainerName, Value: name}},
		Fields: []influx.Field{influx.Float(influx.FieldUsagePercent, percent)},
	}
}

// heartbeat is an agent's sign of life.
func heartbeat(host, state string, at time.Time) influx.Point {
	return influx.Point{
		Measurement: influx.Agent, Time: at, Tags: []influx.Tag{{Key: influx.TagHost, Value: host}},
		Fields: []influx.Field{influx.String(influx.FieldState, state)},
	}
}

// probe is a result of a check.
func probe(name, location string, ok bool, at time.Time) influx.Point {
	r := check.Result{Check: name, Location: location, URL: "https://shop.example/", Method: "GET", Time: at, Outcome: check.Success, StatusCode: 200, StatusMatch: true}
	if !ok {
		r.Outcome, r.StatusCode, r.StatusMatch = check.ConnectionFailed, 0, false
	}
	return r.Point()
}
