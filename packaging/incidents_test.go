package packaging

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/packaging/testenv"
	"nezuban/packaging/testenv/fakepagerduty"
)

// gate stands before an InfluxDB: it is away until the gate is open.
type gate struct {
	open   atomic.Bool
	writes atomic.Int64 // that have got through
	config string       // the router's table
}

func newGate(t *testing.T, database string) *gate {
	t.Helper()
	target, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.open.Load() {
			panic(http.ErrAbortHandler) // cuts the connection
		}
		if strings.HasSuffix(r.URL.Path, "/write") {
			g.writes.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	g.config = fmt.Sprintf("\n[influxdb]\nurl = %q\nbucket = \"nezuban\"\n", server.URL)
	return g
}

// incidentPoints are the points of an incident in InfluxDB, each as a row with its tags and fields.
func incidentPoints(t *testing.T, database, id string) []influx.Row {
	t.Helper()
	rows, err := influx.Query(t.Context(), influx.Output{URLs: []string{database}, Bucket: "nezuban"}, fmt.Sprintf(`from(bucket: "nezuban") |> range(start: -1h, stop: 1h)
		|> filter(fn: (r) => r._measurement == %q) |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value") |> filter(fn: (r) => r.id == %q)`, influx.Incident, id))
	if err != nil && !strings.Contains(err.Error(), "no database") { // the first write makes it
		t.Fatal(err)
	}
	return rows
}

// TestAClosedIncidentGoesToInfluxDB closes an incident while InfluxDB is away, kills the router, and demands the point, with
// the figures that the router gives itself, when InfluxDB is back. Nobody else notices that it was away.
func TestAClosedIncidentGoesToInfluxDB(t *testing.T) {
	database := testenv.Influxd(t)
	away := newGate(t, database)
	s := newStack(t, oncallText, "reopen_within = \"0s\"\n"+away.config)
	config := "-config=" + s.path("router.toml")
	id := strings.TrimSpace(s.command("nezuban-router", "page", "-by", "alice", "-label", "team=web", config, "the shop is slow"))
	s.router.await(t, 5*time.Second, 0, "^PAGE alice TRIGGERED manual.*the shop is slow")
	s.command("nezuban-router", "ack", "-by", "alice", config, id)
	s.command("nezuban-router", "resolve", "-by", "bob", config, id)
	s.router.await(t, 10*time.Second, 0, "^PAGE alice RESOLVED manual")
	waits := func() bool {
		return s.metric("nezuban_incidents_unwritten") == 1 && s.metric("nezuban_incidents_open") == 0
	}
	eventually(t, 10*time.Second, "the closed incident waits", waits)
	s.awaitReady("http://" + s.addr + "/readyz")
	s.router.kill()
	s.startRouter()
	eventually(t, 10*time.Second, "it waits after the start too", waits)

	away.open.Store(true)
	eventually(t, 60*time.Second, "InfluxDB has it", func() bool { return len(incidentPoints(t, database, id)) == 1 })
	var known map[string]any
	if err := json.Unmarshal([]byte(s.command("nezuban-router", "incidents", "-all", "-json", config)), &known); err != nil {
		t.Fatal(err)
	}
	point := incidentPoints(t, database, id)[0]
	for name, want := range map[string]any{
		"severity": "page", "team": "web", "rule": "manual", "summary": "the shop is slow (opened by alice)", "ttd": known["ttd"], "tta": known["tta"], "ttr": known["ttr"],
		"acknowledged_by": "alice", "resolved_by": "bob", "alerts": int64(1), "pages": int64(1), "people": int64(1), "unpaged": false,
	} {
		if point[name] != want {
			t.Errorf("%s: found %v, want %v", name, point[name], want)
		}
	}
	eventually(t, 10*time.Second, "nothing waits", func() bool { return s.metric("nezuban_incidents_unwritten") == 0 })
}

// TestEveryRouterWritesClosedIncidents demands that a router that follows writes what the leader has closed as well, and that
// this makes one point.
func TestEveryRouterWritesClosedIncidents(t *testing.T) {
	database := testenv.Influxd(t)
	account, config := newPagerDuty(t)
	all := newCluster(t, testenv.Etcd(t, 1), 2, "reopen_within = \"0s\"\n"+config)
	var gates []*gate
	for _, s := range all {
		text, err := os.ReadFile(s.path("router.toml"))
		if err != nil {
			t.Fatal(err)
		}
		g := newGate(t, database)
		g.open.Store(true)
		gates = append(gates, g)
		s.write("router.toml", string(text)+g.config, 0o644)
		s.startRouter()
	}
	s := all[0]
	command := "-config=" + s.path("router.toml")
	id := strings.TrimSpace(s.command("nezuban-router", "page", "-by", "alice", command, "shop"))
	await(t, account, 10*time.Second, func(s fakepagerduty.Snapshot) bool { return len(s.Incidents) == 1 })
	s.command("nezuban-router", "resolve", "-by", "alice", command, id)
	eventually(t, 20*time.Second, "both have written", func() bool { return gates[0].writes.Load() > 0 && gates[1].writes.Load() > 0 })
	eventually(t, 10*time.Second, "nothing waits", func() bool {
		return all[0].metric("nezuban_incidents_unwritten") == 0 && all[1].metric("nezuban_incidents_unwritten") == 0
	})
	if points := incidentPoints(t, database, id); len(points) != 1 {
		t.Errorf("found %d points, want one", len(points))
	}
}
