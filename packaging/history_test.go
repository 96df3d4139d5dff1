package packaging

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nezuban/agent/influx"
	"nezuban/packaging/testenv"
)

// TestHistoryOfANamedContainer reads back, in both of InfluxDB's languages, what a real agent wrote of a real container.
func TestHistoryOfANamedContainer(t *testing.T) {
	database := testenv.Influxd(t)
	name := containerName(t, "history")
	s := newStack(t, oncallText, "")
	s.startAgent("web1", fmt.Sprintf("[[output]]\nname = \"influxdb\"\nurl = %q\nbucket = \"nezuban\"\n", database))
	// Kernels from 6.10 on count block IO of cgroup v1 only once some throttle rule exists.
	device := "/dev/" + blockDevice(t)
	docker(t, "run", "-d", "--pull=never", "--name", name, "--device-write-bps", device+":1gb", testenv.DockerImage(t), "burn")

	wanted := []struct{ name, measurement, field string }{
		{"cpu", influx.ContainerCPU, influx.FieldUsageTotal},
		{"memory", influx.ContainerMem, influx.FieldUsage},
		{"network", influx.ContainerNet, influx.FieldRxBytes},
		{"block IO", influx.ContainerBlkio, influx.FieldIOServiceBytesWrite},
		{"events", influx.ContainerEvent, influx.FieldContainerID},
	}
	output := influx.Output{URLs: []string{database}, Bucket: "nezuban"}
	for _, w := range wanted {
		t.Run(w.name, func(t *testing.T) {
			flux := fmt.Sprintf(`from(bucket: "nezuban") |> range(start: -5m) |> filter(fn: (r) => r._measurement == %q and r._field == %q and r.container_name == %q) |> limit(n: 5)`, w.measurement, w.field, name)
			eventually(t, 30*time.Second, "rows for "+flux, func() bool {
				rows, err := influx.Query(t.Context(), output, flux)
				if err != nil {
					t.Log(err)
				}
				return len(rows) > 0
			})
			influxQL := fmt.Sprintf(`SELECT %q FROM %q WHERE container_name = '%s' LIMIT 5`, w.field, w.measurement, name)
			if rows := ask(t, database, influxQL); rows == 0 {
				t.Errorf("no rows for %s", influxQL)
			}
		})
	}
}

// ask counts the rows that InfluxDB returns for a query in InfluxQL.
func ask(t *testing.T, database, query string) int {
	t.Helper()
	resp, err := http.Get(database + "/query?" + url.Values{"db": {"nezuban"}, "q": {query}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Results []struct {
			Error  string
			Series []struct{ Values [][]any }
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Results) != 1 || answer.Results[0].Error != "" {
		t.Fatalf("%s: %s (%v)", query, body, err)
	}
	rows := 0
	for _, series := range answer.Results[0].Series {
		rows += len(series.Values)
	}
	return rows
}

// blockDevice is a disk of this machine that a throttle rule can name.
func blockDevice(t *testing.T) string {
	t.Helper()
	disks, err := os.ReadDir("/sys/block")
	if err != nil {
		t.Fatal(err)
	}
	for _, disk := range disks {
		virtual := strings.HasPrefix(disk.Name(), "loop") || strings.HasPrefix(disk.Name(), "ram") || strings.HasPrefix(disk.Name(), "zram")
		if _, err := os.Stat(filepath.Join("/dev", disk.Name())); err == nil && !virtual {
			return disk.Name()
		}
	}
	testenv.LeftOut(t, "block device", "run on a machine with a disk under /sys/block")
	return ""
}
