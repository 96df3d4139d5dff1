package app

import (
	"context"
	"errors"
	"maps"
	"slices"

	"nezuban/agent/daemon"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/incident"
)

// plight is a lasting trouble of the router's own files: one ticket for each file, open until what is wrong with it is
// over. It is for one goroutine.
type plight struct {
	rule    string // of the incidents
	over    string // what is said when a file is good again
	engine  *duty.Engine
	trouble *daemon.Condition // with telling
	told    map[string]string // by file: as last told; nil: not known, as an earlier life may have told something
}

// tell makes what is wrong now, by file, incidents, and ends those of the rule that are about nothing of it. The same again
// costs nothing; what cannot be stored is told by the next call.
func (p *plight) tell(ctx context.Context, wrong map[string]string) {
	if p.told != nil && maps.Equal(p.told, wrong) {
		return
	}
	err := p.report(ctx, wrong)
	switch {
	case errors.Is(err, duty.ErrNoRotation): // there is nobody to tell, and the log has said what is wrong
	case err != nil:
		p.trouble.Failed(err)
	default:
		p.trouble.OK()
		p.told = maps.Clone(wrong)
	}
}

func (p *plight) report(ctx context.Context, wrong map[string]string) error {
	var alerts []incident.Alert
	var ending []string
	alert := func(key, file, summary string, firing bool) {
		alerts = append(alerts, incident.Alert{
			Key: key, Rule: p.rule, Kind: incident.KindState, Firing: firing, Severity: incident.SeverityTicket,
			Labels: map[string]string{"file": file}, Summary: summary, At: p.engine.Now(),
		})
	}
	for _, file := range slices.Sorted(maps.Keys(wrong)) {
		alert(incident.DedupKey(p.rule, file), file, shortened(wrong[file]), true)
	}
	for key, file := range p.open() {
		if _, still := wrong[file]; !still {
			alert(key, file, p.over, false)
			ending = append(ending, key)
		}
	}
	if len(alerts) == 0 {
		return nil
	}
	if err := p.engine.Report(ctx, alerts); err != nil {
		return err
	}
	if slices.ContainsFunc(ending, p.engine.Firing) {
		return errors.New("the clock was put back: that a trouble is over is not later than that it began")
	}
	return nil
}

// open lists the files that incidents of the rule are about, by dedup key.
func (p *plight) open() map[string]string {
	files := map[string]string{}
	for _, inc := range p.engine.Incidents() {
		for _, key := range inc.FiringKeys(incident.KindState) {
			if a := inc.Alerts[key]; a.Rule == p.rule {
				files[key] = a.Labels["file"]
			}
		}
	}
	return files
}
