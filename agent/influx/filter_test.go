package influx

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"pgregory.net/rapid"

	"nezuban/agent/influx/spool"
	"nezuban/packaging/testenv"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"cpu", "cpu", true},
		{"cpu", "cpux", false},
		{"cpu", "cp", false},
		{"*", "", true},
		{"", "", true},
		{"", "cpu", false},
		{"*", "cpu", true},
		{"docker_*", "docker_container_cpu", true},
		{"docker_*", "docker", false},
		{"docker*", "docker", true},
		{"*_cpu", "docker_container_cpu", true},
		{"*_cpu", "docker_container_cpus", false},
		{"d*_c*_m*m", "docker_container_mem", true},
		{"*a*b", "aabab", true},
		{"*a*b", "aaba", false},
		{"c[p]u", "cpu", false},
		{"c?u", "cpu", false},
		{"**", "cpu", true},
	}
	for _, test := range tests {
		if got := Match(test.pattern, test.name); got != test.want {
			t.Errorf("%q of %q: found %v", test.pattern, test.name, got)
		}
	}
}

// A pattern means what a regular expression with ".*" for each "*" means.
func TestMatchIsThatOfARegularExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*]{0,8}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[ab]{0,10}`).Draw(t, "name")
		want := regexp.MustCompile("^" + strings.ReplaceAll(pattern, "*", ".*") + "$").MatchString(name)
		if got := Match(pattern, name); got != want {
			t.Fatalf("found %v, want %v", got, want)
		}
	})
}

// Of lines those pass whose points do, whole and in their order, whatever stands in names, tags and texts.
func TestLinesPassAsTheirPointsDo(t *testing.T) {
	names := []string{"cpu", "cpu,x", "cpu x", `c\pu`, `cpu\`, "c=pu", `c"pu`, "mem", "docker_container_mem"}
	rapid.Check(t, func(t *rapid.T) {
		var points []Point
		for range rapid.IntRange(0, 20).Draw(t, "points") {
			p := sample(len(points))
			p.Measurement = rapid.SampledFrom(names).Draw(t, "measurement")
			p.Fields = append(p.Fields, String("text", rapid.SampledFrom([]string{"", "a\nmem b=1i", `mem,"x" \`, "cpu x"}).Draw(t, "text")))
			points = append(points, p)
		}
		patterns := rapid.SliceOfN(rapid.SampledFrom(append([]string{"*", "c*", "*,x", "* x", "m*"}, names...)), 0, 3)
		f := Filter{Include: patterns.Draw(t, "include"), Exclude: patterns.Draw(t, "exclude")}
		all, err := Encode(nil, points)
		if err != nil {
			t.Skip(err) // no name of a measurement
		}
		want, _ := Encode(nil, slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return !f.Passes(p.Measurement) }))
		s := sieve{filter: f}
		for range 2 { // the second time by what it remembers
			if got := s.lines(all); string(got) != string(want) {
				t.Fatalf("found\n%s\nof\n%s\nwant\n%s", got, all, want)
			}
		}
		decoded, bad := Decode(want, lineprotocol.Nanosecond, time.Now())
		if len(bad) != 0 || slices.ContainsFunc(decoded, func(p Point) bool { return !f.Passes(p.Measurement) }) {
			t.Fatalf("found %v, %v", decoded, bad)
		}
	})
}

// What does not pass is neither sent nor kept, be it a point, an event or a line, and the other output gets all of it.
func TestWhatAFilterKeepsAwayIsNotEvenKept(t *testing.T) {
	dir := t.TempDir()
	all := newFakeServer(t, nil)
	w := newRig(
		t, WriterOptions{SpoolDir: dir},
		Output{Name: "part", URLs: []string{"http://" + testenv.FreeAddress(t)}, Bucket: "db", Filter: Filter{Include: []string{"m", "cpu"}}},
		Output{Name: "rest", URLs: []string{"http://" + testenv.FreeAddress(t)}, Bucket: "db", Filter: Filter{Exclude: []string{"m", "c*"}}},
		Output{Name: "all", URLs: []string{all.URL}, Bucket: "db"},
	)
	named := func(measurement string, i int) Point {
		p := sample(i)
		p.Measurement = measurement
		return p
	}
	w.Write(sample(0), named("mem", 1))
	w.WriteNow(happening(2), sample(3))
	w.WriteLines(&Lines{text: []byte("cpu,host=a i=4i 5\nmem,host=a i=5i 6\n")}, named("cpu", 6), named("disk", 7))
	await(t, "everything", func() bool { return len(all.accepted()) == 8 })
	await(t, "tries", func() bool { return w.log.count("unreachable") == 2 })
	if w.log.count("keeps measurements from it") != 2 || w.log.count(`output=all`) != 0 {
		t.Errorf("expected both filters to be told:\n%s", w.log)
	}
	w.stop()
	want := map[string][]string{
		"part": {"m,host=a i=0i 1", "m,host=a i=3i 4", "cpu,host=a i=4i 5", "cpu,host=a i=6i 7"},
		"rest": {"mem,host=a i=1i 2", "mem,host=a i=5i 6", "disk,host=a i=7i 8"},
		"all":  nil,
	}
	line := regexp.MustCompile(`(cpu|mem|m|disk|container_event),host=a i=\d+i \d+`)
	for output, lines := range want {
		var kept []string
		err := fs.WalkDir(os.DirFS(filepath.Join(dir, output)), ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(filepath.Join(dir, output, path))
			kept = append(kept, line.FindAllString(string(text), -1)...)
			return err
		})
		slices.Sort(kept)
		slices.Sort(lines)
		if output == "all" {
			continue // what was sent may still be on its disk
		}
		if err != nil || !slices.Equal(kept, lines) {
			t.Errorf("%s: found on disk\n%s\n%v, expected\n%s", output, strings.Join(kept, "\n"), err, strings.Join(lines, "\n"))
		}
	}
}

// A point that no output gets is not encoded: it cannot be a bad one.
func TestWhatNobodyGetsIsNotEncoded(t *testing.T) {
	server := newFakeServer(t, nil)
	w := newRig(t, WriterOptions{}, Output{Name: "db", URLs: []string{server.URL}, Bucket: "db", Filter: Filter{Exclude: []string{"bad*"}}})
	points := []Point{{Measurement: "bad one"}, sample(0), {Measurement: "bad", Fields: []Field{{Key: "f"}}}}
	w.Write(points...)
	w.WriteLines(&Lines{}, points...)
	await(t, "the good point, twice", func() bool { return len(server.accepted()) == 2 })
	if w.log.count("left out") != 0 || points[0].Measurement != "bad one" || points[2].Measurement != "bad" {
		t.Errorf("found %v and\n%s", points, w.log)
	}
}

// rounds is a writer without a spool whose output is never sent to, for what a push costs.
func rounds(tb testing.TB, f Filter) (*sender, []byte) {
	tb.Helper()
	w := NewWriter(
		[]Output{{Name: "db", URLs: []string{"http://db.example"}, Filter: f}},
		WriterOptions{Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), MaxBytes: 1},
	)
	lines, err := Encode(nil, benchmarkPoints())
	if err != nil {
		tb.Fatal(err)
	}
	var round []byte // of four measurements in turn, as an agent writes them
	for line := range bytes.Lines(lines) {
		for _, name := range []string{ContainerCPU, ContainerMem, ContainerNet, ContainerStatus} {
			round = append(append(round, name...), bytes.TrimPrefix(line, []byte(ContainerMem))...)
		}
	}
	return w.senders[0], round
}

// A filter costs no allocation once its room has grown, and none at all when there is none.
func TestAFilterCostsNoAllocation(t *testing.T) {
	for name, f := range map[string]Filter{"none": {}, "all": {Include: []string{"docker*"}}, "a half": {Exclude: []string{"*_cpu", "*_mem"}}, "nothing": {Include: []string{"cpu"}}} {
		s, lines := rounds(t, f)
		filtered := func() { s.sieve.lines(lines) }
		filtered()
		if n := testing.AllocsPerRun(100, filtered); n != 0 {
			t.Errorf("%s: found %v allocations", name, n)
		}
		want := 2.0 // the queue's own copy and its list
		if name == "nothing" {
			want = 0
		}
		if n := testing.AllocsPerRun(100, func() { s.push(spool.Sample, lines) }); n > want {
			t.Errorf("%s: found %v allocations of a push, expected %v", name, n, want)
		}
	}
}

// One output of one real InfluxDB gets containers, the other all else.
func testFilters(t *testing.T, server string) {
	containers := Output{Name: "containers", URLs: []string{server}, Bucket: "containers", Gzip: true, Filter: Filter{Include: []string{"docker_*", ContainerEvent}, Exclude: []string{"*_pids"}}}
	rest := Output{Name: "rest", URLs: []string{server}, Bucket: "rest", Filter: Filter{Exclude: []string{"docker*", "container_*"}}}
	w := newRig(t, WriterOptions{SpoolDir: t.TempDir()}, containers, rest)
	var sent int
	for _, m := range Measurements() {
		w.WriteNow(Point{Measurement: m.Name, Tags: []Tag{{TagHost, "a"}}, Fields: []Field{Int("i", 1)}, Time: at(1)})
		sent++
	}
	w.WriteLines(&Lines{text: []byte("docker_container_cpu,host=lines i=1i 2\ncpu,host=lines i=1i 2\n")})
	awaitFor(t, time.Minute, "all lines", func() bool {
		return w.figure("containers", "lines_sent_total")+w.figure("rest", "lines_sent_total") == sent+2-2 // but docker and docker_container_pids
	})
	got := map[string][]string{}
	for _, database := range []string{"containers", "rest"} {
		answer := influxQL(t, server, database, "SHOW MEASUREMENTS")
		for _, m := range Measurements() {
			if strings.Contains(answer, `["`+m.Name+`"]`) {
				got[database] = append(got[database], m.Name)
			}
		}
	}
	want := map[string][]string{}
	for _, m := range Measurements() {
		switch {
		case m.Name == Docker || m.Name == ContainerPIDs:
		case strings.HasPrefix(m.Name, "docker") || m.Name == ContainerEvent:
			want["containers"] = append(want["containers"], m.Name)
		default:
			want["rest"] = append(want["rest"], m.Name)
		}
	}
	for database := range want {
		if !slices.Equal(got[database], want[database]) {
			t.Errorf("%s: found %q, want %q", database, got[database], want[database])
		}
	}
	for database, name := range map[string]string{"containers": ContainerCPU, "rest": CPU} {
		if answer := influxQL(t, server, database, `SELECT count(i) FROM "`+name+`" WHERE host = 'lines'`); !strings.Contains(answer, ",1]") {
			t.Errorf("%s: found %s, want the line of %s", database, answer, name)
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	for _, row := range []struct {
		name string
		f    Filter
	}{{"include", Filter{Include: []string{"docker_container_*", ContainerEvent, CPU, Mem, Agent}}}, {"exclude", Filter{Exclude: []string{"*_pressure", ContainerPIDs}}}} {
		b.Run(row.name, func(b *testing.B) {
			s, lines := rounds(b, row.f)
			b.ReportAllocs()
			b.SetBytes(int64(len(lines)))
			for b.Loop() {
				s.sieve.lines(lines)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(bytes.Count(lines, []byte("\n"))), "ns/line")
		})
	}
}
