package app

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"nezuban/agent/daemon"
	"nezuban/agent/influx"
	"nezuban/agent/tomlfile"
	"nezuban/checks/check"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/duty"
	"nezuban/router/internal/evidence"
	"nezuban/router/internal/rule"
	"nezuban/router/internal/state/record"
)

// objectiveEngine is an engine with one objective, about check shop, whose clock stands still: what is counted is kept by its age in
// whole steps, and of two engines one could be a step further.
func objectiveEngine(t *testing.T, now time.Time) *duty.Engine {
	t.Helper()
	var c rule.Config
	f, err := tomlfile.Decode("router.toml", []byte("[[slo]]\nid = \"shop-availability\"\ncheck = \"shop\"\nobjective = 99.9\n"), &c)
	if err != nil {
		t.Fatal(err)
	}
	set, problems := rule.Compile(c, []check.Check{{Name: "shop", URL: "https://shop.example/", Interval: time.Minute, Timeout: time.Second, Severity: "info", Locations: []string{"tokyo"}}}, f)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	e := duty.New(duty.Options{Store: &disk{}, Now: func() time.Time { return now }, NewID: duty.NewID, Log: discard, Rules: set}, record.Stored{})
	rotation, err := schedule.Parse("oncall.toml", []byte(pagerDutyRotation))
	if err != nil {
		t.Fatal(err)
	}
	e.SetRotation(rotation, "v")
	return e
}

func seeResult(t *testing.T, e *duty.Engine, at time.Time) {
	t.Helper()
	r := check.Result{Check: "shop", Location: "tokyo", URL: "https://shop.example/", Method: "GET", Time: at, Outcome: check.Success, StatusCode: 200, StatusMatch: true}
	if err := e.Ingest(t.Context(), []influx.Point{r.Point()}); err != nil {
		t.Fatal(err)
	}
}

// TestEvidenceIsKeptWhenTheDiskTakesItAgain: while the folder cannot be written what is counted is lost to the journal; with
// the first write that works all of it is kept.
func TestEvidenceIsKeptWhenTheDiskTakesItAgain(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, evidenceDir)
	now := time.Now()
	e := objectiveEngine(t, now)
	k := &keeper{engine: e, store: evidence.New(folder), trouble: daemon.NewCondition(discard, "evidence")}
	first := now.Truncate(time.Second).Add(-time.Hour)
	counted := 0
	see := func() {
		counted++
		seeResult(t, e, first.Add(time.Duration(counted)*time.Minute))
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	see()
	if err := k.keep(); err == nil {
		t.Fatal("a file in the place of the folder is no error")
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	see()
	if err := k.keep(); err != nil {
		t.Fatal(err)
	}
	see()
	if err := k.keep(); err != nil { // into the journal
		t.Fatal(err)
	}
	if err := k.store.Close(); err != nil { // now the journal takes nothing
		t.Fatal(err)
	}
	see()
	if err := k.keep(); err == nil {
		t.Fatal("a journal that is closed is no error")
	}
	see()
	if err := k.keep(); err != nil {
		t.Fatal(err)
	}
	again := objectiveEngine(t, now)
	newest, err := evidence.New(folder).Read(again)
	if err != nil || newest.IsZero() {
		t.Fatalf("the newest is of %s, %v", newest, err)
	}
	if want, got := buckets(e), buckets(again); !slices.Equal(got, want) || len(got) < 3*counted {
		t.Errorf("kept %v, want all %d results: %v", got, counted, want)
	}
}

// buckets is what the objective has counted by the minute.
func buckets(e *duty.Engine) []byte {
	for kept := range e.Evidence() {
		return kept.Ring.Tiers[0].Buckets
	}
	return nil
}
