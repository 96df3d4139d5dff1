package influx

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// constants reads the string constants of a file of this package, by name.
func constants(t *testing.T, file string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, decl := range parsed.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range group.Specs {
			value, ok := spec.(*ast.ValueSpec)
			if !ok {
				continue
			}
			literal, ok := value.Values[0].(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s: found something else than a text", value.Names[0])
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			out[value.Names[0].Name] = text
		}
	}
	return out
}

func TestEveryFieldConstantStandsInTheTable(t *testing.T) {
	used := map[string]bool{}
	for _, m := range Measurements() {
		for _, f := range m.Fields {
			used[f.Name] = true
		}
	}
	seen := map[string]string{}
	for name, value := range constants(t, "fields.go") {
		if !used[value] {
			t.Errorf("%s: %q is a field of no measurement", name, value)
		}
		if other, ok := seen[value]; ok {
			t.Errorf("%s and %s are both %q", name, other, value)
		}
		seen[value] = name
	}
}

func TestEveryTagConstantStandsInTheTable(t *testing.T) {
	used := map[string]bool{}
	for _, m := range Measurements() {
		for _, tag := range m.Tags {
			used[tag] = true
		}
	}
	for name, value := range constants(t, "names.go") {
		if strings.HasPrefix(name, "Tag") && !used[value] {
			t.Errorf("%s: %q is a tag of no measurement", name, value)
		}
	}
}

func TestTableIsWhole(t *testing.T) {
	measurements := map[string]bool{}
	for _, m := range Measurements() {
		if measurements[m.Name] {
			t.Errorf("%s is there twice", m.Name)
		}
		measurements[m.Name] = true
		if m.Meaning == "" || m.From == "" || len(m.Tags) == 0 || len(m.Fields) == 0 {
			t.Errorf("%s lacks a meaning, tags or fields", m.Name)
		}
		fields := map[string]bool{}
		for _, f := range m.Fields {
			if fields[f.Name] || slices.Contains(m.Tags, f.Name) {
				t.Errorf("%s.%s is there twice", m.Name, f.Name)
			}
			fields[f.Name] = true
			if f.Kind == lineprotocol.Unknown || f.Kind == lineprotocol.Uint {
				t.Errorf("%s.%s is of a kind that InfluxDB 1.8 does not store", m.Name, f.Name)
			}
			if f.Kind == lineprotocol.Float && f.Unit == UnitNone {
				t.Errorf("%s.%s is a float without a unit", m.Name, f.Name)
			}
		}
	}
}

// telegraf is all that Telegraf 1.37.2 writes of Docker and of a host, and that ours writes too: tags and fields by measurement.
func telegraf() map[string]struct{ tags, fields string } {
	const (
		engine    = "host engine_host server_version "
		container = engine + "container_name container_image container_version container_status "
	)
	return map[string]struct{ tags, fields string }{
		"docker": {engine, "n_cpus n_used_file_descriptors n_containers n_containers_running n_containers_stopped n_containers_paused n_images " +
			"n_goroutines n_listener_events memory_total"},
		"docker_container_cpu": {container + "cpu", "usage_total usage_in_usermode usage_in_kernelmode usage_system throttling_periods " +
			"throttling_throttled_periods throttling_throttled_time usage_percent container_id"},
		"docker_container_mem": {container, "usage usage_percent limit max_usage fail_count container_id " +
			"active_anon active_file hierarchical_memory_limit inactive_anon inactive_file mapped_file pgfault pgmajfault pgpgin pgpgout " +
			"cache rss rss_huge unevictable writeback total_active_anon total_active_file total_cache total_inactive_anon total_inactive_file " +
			"total_mapped_file total_pgfault total_pgmajfault total_pgpgin total_pgpgout total_rss total_rss_huge total_unevictable total_writeback"},
		"docker_container_net": {container + "network", "rx_bytes rx_packets rx_errors rx_dropped tx_bytes tx_packets tx_errors tx_dropped container_id"},
		"docker_container_blkio": {container + "device", "io_service_bytes_recursive_read io_service_bytes_recursive_write io_service_bytes_recursive_sync " +
			"io_service_bytes_recursive_async io_service_bytes_recursive_discard io_service_bytes_recursive_total " +
			"io_serviced_recursive_read io_serviced_recursive_write io_serviced_recursive_sync io_serviced_recursive_async " +
			"io_serviced_recursive_discard io_serviced_recursive_total container_id"},
		"docker_container_status": {container, "container_id oomkilled pid exitcode restart_count started_at finished_at uptime_ns"},
		"docker_container_health": {container, "health_status failing_streak"},
		"http_response":           {"server method status_code result", "response_time content_length http_response_code response_status_code_match result_type result_code"},
		"cpu":                     {"host cpu", "usage_user usage_system usage_idle usage_iowait usage_steal"},
		"mem":                     {"host", "total available used used_percent free cached buffered"},
		"disk":                    {"host path device fstype mode", "total free used used_percent inodes_free"},
		"diskio":                  {"host name", "reads writes read_bytes write_bytes io_time"},
		"net":                     {"host interface", "bytes_sent bytes_recv err_in err_out drop_in drop_out"},
		"system":                  {"host", "load1 load5 load15 n_cpus uptime"},
	}
}

// leftOut is what Telegraf's docker input writes and ours does not.
func leftOut() []string {
	return []string{
		"docker_swarm", "docker_disk_usage", "docker_devicemapper", "docker_data", "docker_metadata",
		"io_queue_recursive_", "io_service_time_recursive_", "io_wait_time_", "io_merged_recursive_", "io_time_recursive", "sectors_recursive",
	}
}

// Dashboards made for Telegraf find each name that they ask for, or docs/agent.md says that they do not.
func TestTelegrafNames(t *testing.T) {
	want := telegraf()
	for _, m := range Measurements() {
		for field := range strings.FieldsSeq(want[m.Name].fields) {
			if _, ok := m.Field(field); !ok {
				t.Errorf("%s has no field %s", m.Name, field)
			}
		}
		for tag := range strings.FieldsSeq(want[m.Name].tags) {
			if !slices.Contains(m.Tags, tag) {
				t.Errorf("%s has no tag %s", m.Name, tag)
			}
		}
		delete(want, m.Name)
	}
	for name := range want {
		t.Errorf("there is no measurement %s", name)
	}
	docs, err := os.ReadFile("../../docs/agent.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range leftOut() {
		if !strings.Contains(string(docs), "`"+name) {
			t.Errorf("docs/agent.md does not say that there is no %s", name)
		}
	}
}
