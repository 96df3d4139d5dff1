package influx

import (
	"go/ast"
	"go/parser"
	"go/token"
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

// The names that dashboards made for Telegraf's docker plugin ask for.
func TestTelegrafNames(t *testing.T) {
	want := map[string][]string{
		"docker_container_cpu": {"usage_total", "usage_percent", "usage_in_usermode", "usage_in_kernelmode", "throttling_throttled_time", "container_id"},
		"docker_container_mem": {"usage", "usage_percent", "limit", "max_usage", "fail_count", "total_rss", "total_cache", "active_anon"},
		"docker_container_net": {"rx_bytes", "tx_bytes", "rx_dropped", "tx_dropped", "rx_errors", "tx_errors", "rx_packets", "tx_packets"},
		"docker_container_blkio": {
			"io_service_bytes_recursive_read", "io_service_bytes_recursive_write", "io_service_bytes_recursive_total",
			"io_serviced_recursive_read", "io_serviced_recursive_write", "io_serviced_recursive_total",
		},
		"docker_container_status": {"oomkilled", "pid", "exitcode", "restart_count", "started_at", "finished_at", "uptime_ns"},
		"docker_container_health": {"health_status", "failing_streak"},
		"docker":                  {"n_cpus", "n_containers", "n_containers_running", "n_containers_stopped", "n_containers_paused", "n_images", "memory_total"},
		"http_response":           {"response_time", "content_length", "http_response_code", "response_status_code_match", "result_type", "result_code"},
		"cpu":                     {"usage_user", "usage_system", "usage_idle", "usage_iowait", "usage_steal"},
		"mem":                     {"total", "available", "used", "used_percent", "free", "cached", "buffered"},
		"disk":                    {"total", "free", "used", "used_percent", "inodes_free"},
		"diskio":                  {"reads", "writes", "read_bytes", "write_bytes", "io_time"},
		"net":                     {"bytes_sent", "bytes_recv", "err_in", "err_out", "drop_in", "drop_out"},
		"system":                  {"load1", "load5", "load15", "n_cpus", "uptime"},
	}
	for _, m := range Measurements() {
		for _, field := range want[m.Name] {
			if _, ok := m.Field(field); !ok {
				t.Errorf("%s has no field %s", m.Name, field)
			}
		}
		delete(want, m.Name)
	}
	for name := range want {
		t.Errorf("there is no measurement %s", name)
	}
}
