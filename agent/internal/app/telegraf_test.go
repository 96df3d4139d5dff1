package app

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/packaging/testenv"
)

// Queries as dashboards ask them of what Telegraf's docker input has written: in InfluxQL, by its measurements, tags and fields. Each
// must find this one container.
var telegrafQueries = map[string]string{
	"processor of each container, in percent of a core": `SELECT mean("usage_percent") FROM "docker_container_cpu" WHERE "cpu" = 'cpu-total' AND "host" =~ /^h1$/ AND $timeFilter GROUP BY time(10s), "container_name" fill(null)`,
	"processor, as Telegraf's counters give it":         `SELECT non_negative_derivative(max("usage_total"), 1s) / 10000000 FROM "docker_container_cpu" WHERE "cpu" = 'cpu-total' AND $timeFilter GROUP BY time(1s), "container_name", "host" fill(none)`,
	"what was throttled":                                `SELECT last("throttling_throttled_time") FROM "docker_container_cpu" WHERE $timeFilter GROUP BY "container_name", "container_image", "container_version"`,
	"memory, and its limit":                             `SELECT last("usage"), last("limit"), last("usage_percent") FROM "docker_container_mem" WHERE "engine_host" =~ /.*/ AND $timeFilter GROUP BY "container_name"`,
	"memory by its parts":                               `SELECT mean("total_rss"), mean("total_cache"), mean("total_inactive_file") FROM "docker_container_mem" WHERE $timeFilter GROUP BY "container_name"`,
	"bytes in and out":                                  `SELECT non_negative_derivative(max("rx_bytes"), 1s), non_negative_derivative(max("tx_bytes"), 1s) FROM "docker_container_net" WHERE "network" = 'total' AND $timeFilter GROUP BY time(1s), "container_name" fill(none)`,
	"packets that were dropped on an interface":         `SELECT last("rx_dropped"), last("tx_errors") FROM "docker_container_net" WHERE "network" = 'eth0' AND $timeFilter GROUP BY "container_name"`,
	"what was written to disks":                         `SELECT last("io_service_bytes_recursive_write") FROM "docker_container_blkio" WHERE "device" = 'total' AND $timeFilter GROUP BY "container_name"`,
	"since when each container runs":                    `SELECT last("uptime_ns") / 1000000000, last("restart_count") FROM "docker_container_status" WHERE "container_status" = 'running' AND $timeFilter GROUP BY "container_name", "server_version"`,
	"its id and the exit code of its life before":       `SELECT last("container_id"), last("exitcode"), last("oomkilled") FROM "docker_container_status" WHERE $timeFilter GROUP BY "container_name"`,
	"how many run":                                      `SELECT last("n_containers_running"), last("n_containers"), last("n_images") FROM "docker" WHERE $timeFilter GROUP BY "engine_host"`,
	"the names for a menu":                              `SHOW TAG VALUES FROM "docker_container_cpu" WITH KEY = "container_name"`,
}

func TestQueriesForTelegrafFindTheSame(t *testing.T) {
	e := newEngine(t)
	server := testenv.Influxd(t)
	name := e.run(spec{Cmd: []string{"burn"}, HostConfig: hostConfig{
		Memory: 256 << 20, NanoCPUs: 150_000_000, BlkioDeviceWriteBps: []throttle{{Path: disk(t), Rate: 1 << 30}},
	}})
	running(t, Config{
		Host: testHost, Interval: time.Second, LogLevel: "info", DockerSocket: e.path,
		Outputs: []influx.Output{{Name: "influxdb", URLs: []string{server}, Bucket: "nezuban"}},
	})
	for title, query := range telegrafQueries {
		t.Run(title, func(t *testing.T) {
			want := name
			if strings.Contains(query, `FROM "docker" `) {
				want = "n_containers" // of the engine, not of one container
				query = strings.Replace(query, `last("n_containers"),`, `last("n_containers") AS "n_containers",`, 1)
			}
			var found string
			await(t, "an answer with "+want, func() bool {
				found = influxQL(t, server, name, strings.ReplaceAll(query, "$timeFilter", "time > now() - 1h"))
				return strings.Contains(found, want)
			})
		})
	}
}

// influxQL asks as Grafana does, and gives the series that are found, as text, but for those of other containers than this: other tests
// have some, that may be gone after a line. Each column of each must have a value at least.
func influxQL(t *testing.T, server, container, query string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+"/query?"+url.Values{"db": {"nezuban"}, "q": {query}}.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Results []struct {
			Error  string
			Series []struct {
				Tags    map[string]string
				Columns []string
				Values  [][]any
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	var whole []any
	for _, result := range answer.Results {
		if strings.HasPrefix(result.Error, "database not found") {
			return "" // it is made with the first write
		}
		if result.Error != "" {
			t.Fatalf("%s: %s", query, result.Error)
		}
		for _, series := range result.Series {
			if of, one := series.Tags["container_name"]; one && of != container {
				continue
			}
			for column := range series.Columns {
				if !hasValue(series.Values, column) {
					return "" // not yet
				}
			}
			whole = append(whole, series)
		}
	}
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func hasValue(rows [][]any, column int) bool {
	for _, row := range rows {
		if row[column] != nil {
			return true
		}
	}
	return false
}
