package cgroup

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
	"nezuban/packaging/testenv/declared"
)

// groupsOf are those of a machine of v2 with the folder root, and what they log.
func groupsOf(t *testing.T, most int, globs ...Glob) (g *Groups, root string, said *bytes.Buffer) {
	t.Helper()
	root, said = t.TempDir(), new(bytes.Buffer)
	h := Hierarchy{mounts: map[string]mount{"": {point: root, from: "/"}}}
	g = NewGroups("h", globs, h, kernel.NewFiles(most), slog.New(slog.NewTextHandler(said, nil)))
	t.Cleanup(g.Close)
	return g, root, said
}

// makeGroup lays out a cgroup with one figure.
func makeGroup(t *testing.T, root, path, processes string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(root, path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, path, "pids.current"), []byte(processes), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Only the cgroups that are asked for are sampled, and containers as long as Docker has never answered. What comes is found, what goes
// is left, and one that says something odd keeps nobody else from being sampled.
func TestCgroupsOnRequest(t *testing.T) {
	id := strings.Repeat("0a", 32)
	g, root, said := groupsOf(t, 0, "system.slice/*.service", "none/*", "docker/*")
	for path, processes := range map[string]string{
		"system.slice/a.service": "3\n", "system.slice/b.service": "4\n", "system.slice/c.socket": "5\n", "user.slice": "6\n", "docker/" + id: "7\n",
	} {
		makeGroup(t, root, path, processes)
	}
	at := time.Unix(1000, 0)
	var lines influx.Lines
	sample := func(dockerSeen bool, after time.Duration) (string, error) {
		at = at.Add(after)
		lines.Reset()
		err := g.Append(&lines, dockerSeen, Machine{}, at)
		points, bad := influx.Decode(lines.Bytes(), lineprotocol.Nanosecond, time.Time{})
		if len(bad) > 0 {
			t.Error(bad)
		}
		var all []string
		for _, p := range points {
			n, _ := p.Int(influx.FieldProcesses)
			all = append(all, fmt.Sprint(filepath.Base(p.Tag(influx.TagCgroup)), "=", n))
		}
		return strings.Join(all, " "), err
	}
	expect := func(dockerSeen bool, after time.Duration, want string) {
		t.Helper()
		if got, err := sample(dockerSeen, after); got != want || err != nil {
			t.Errorf("found %q, %v, expected %q", got, err, want)
		}
	}
	expect(false, 0, "a.service=3 b.service=4 "+id+"=7")
	expect(true, time.Second, "a.service=3 b.service=4") // a container has a name by now
	makeGroup(t, root, "system.slice/d.service", "8\n")
	expect(true, time.Second, "a.service=3 b.service=4")
	expect(true, listEvery, "a.service=3 b.service=4 d.service=8")
	if err := os.RemoveAll(filepath.Join(root, "system.slice/a.service")); err != nil {
		t.Fatal(err)
	}
	expect(true, time.Second, "b.service=4 d.service=8")
	makeGroup(t, root, "system.slice/a.service", "9\n")
	expect(true, time.Second, "a.service=9 b.service=4 d.service=8")
	makeGroup(t, root, "system.slice/b.service", "many\n")
	if got, err := sample(true, time.Second); got != "a.service=9 d.service=8" || err == nil || !strings.Contains(err.Error(), `b.service/pids.current": found "many\n"`) {
		t.Errorf("found %q, %v", got, err)
	}
	if n := strings.Count(said.String(), "none/*"); n != 1 {
		t.Errorf("said %d times that none/* names nothing, expected once: %s", n, said)
	}
}

// There is a bound, and what is left out is counted and said once.
func TestCgroupsAreBounded(t *testing.T) {
	g, root, said := groupsOf(t, 1000, "*.slice/*", "*.slice/a*")
	for i := range groupLimit + 7 {
		makeGroup(t, root, fmt.Sprintf("x.slice/a%03d.service", i), "1\n")
	}
	for i := range 3 {
		var lines influx.Lines
		if err := g.Append(&lines, true, Machine{}, time.Unix(int64(1000*(i+1)), 0)); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(lines.Bytes()), "\n"); n != groupLimit {
			t.Errorf("%d are sampled, expected %d", n, groupLimit)
		}
	}
	if n := strings.Count(said.String(), "left_out=7"); n != 1 {
		t.Errorf("said %d times, expected once: %s", n, said)
	}
	var lines influx.Lines
	if n := testing.AllocsPerRun(10, func() {
		lines.Reset()
		_ = g.Append(&lines, true, Machine{}, time.Unix(3000, 0))
	}); n != 0 {
		t.Errorf("a sample allocates %v times", n)
	}
}

// What the table of names has of a cgroup is written, when the kernel gives all of it, and nothing else.
func TestWhatIsWrittenIsDeclared(t *testing.T) {
	s := Sample{
		At: time.Unix(1000, 0), Network: []Interface{{Name: "eth0"}}, Blkio: []Device{{Name: "254:0"}},
		CPU: CPU{Total: kernel.Known(1), Quota: kernel.Known(1), Period: kernel.Known(1)},
	}
	for _, part := range []any{&s.CPU, &s.Memory, &s.PIDs, &s.Pressure, &s.Blkio[0]} {
		know(reflect.ValueOf(part).Elem())
	}
	tag := func(key string) influx.Tag { return influx.Tag{Key: key, Value: "x"} }
	owner, err := NewOwner("0a1b", []influx.Tag{
		tag(influx.TagHost), tag(influx.TagEngineHost), tag(influx.TagServerVersion), tag(influx.TagContainerName),
		tag(influx.TagContainerImage), tag(influx.TagContainerVersion), tag(influx.TagContainerStatus),
	})
	if err != nil {
		t.Fatal(err)
	}
	var lines influx.Lines
	machine := Machine{Memory: 1 << 30, SystemCPU: 1}
	tracker := Tracker{at: time.Unix(999, 0)}
	tracker.Append(&lines, &s, owner, machine, s.At)
	series, err := groupSeries("h", "/x")
	if err != nil {
		t.Fatal(err)
	}
	appendGroup(&lines, series, &s, machine, s.At)
	points, bad := influx.Decode(lines.Bytes(), lineprotocol.Nanosecond, time.Time{})
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	declared.Check(
		t, points, influx.ContainerCPU, influx.ContainerMem, influx.ContainerNet, influx.ContainerBlkio, influx.ContainerPIDs,
		influx.ContainerPressure, influx.Cgroup,
	)
}

// know makes every figure in a struct or an array known.
func know(v reflect.Value) {
	if v.CanAddr() {
		if f, ok := reflect.TypeAssert[*kernel.Figure](v.Addr()); ok {
			*f = kernel.Known(1)
			return
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			know(field)
		}
	case reflect.Array:
		for i := range v.Len() {
			know(v.Index(i))
		}
	default:
	}
}
