package host

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/rogpeppe/go-internal/txtar"

	"nezuban/agent/influx"
	"nezuban/agent/internal/kernel"
	"nezuban/packaging/testenv/declared"
)

// options are those of a sampler of its own.
func options() Options {
	return Options{Files: kernel.NewFiles(100), PerCore: true, Log: slog.New(slog.DiscardHandler)}
}

// real samples this machine.
func real(t testing.TB) *Sampler {
	t.Helper()
	s := New("h1", options())
	t.Cleanup(s.Close)
	return s
}

// full is what each file system of a recording answers.
func full(_ string, into *syscall.Statfs_t) error {
	*into = syscall.Statfs_t{Bsize: 8192, Frsize: 4096, Blocks: 1000, Bfree: 400, Bavail: 200, Files: 100, Ffree: 75}
	return nil
}

// recorded lays out the files of a recording, by the folder that they are in, and its lines.
func recorded(t testing.TB) (dir string, want string) {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/host.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "want"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, string(text)
}

func TestSamplesOfARecording(t *testing.T) {
	dir, want := recorded(t)
	s := newSampler("h1", options(), filepath.Join(dir, "1"))
	t.Cleanup(s.Close)
	s.disks.statfs = full
	var lines influx.Lines
	at := time.Unix(1000, 0)
	if _, err := s.Sample(&lines, at, nil); err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(filepath.Join(dir, "2/proc/stat"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "1/proc/stat"), second, 0o600); err != nil { // the same file, which is held open
		t.Fatal(err)
	}
	machine, err := s.Sample(&lines, at.Add(10*time.Second), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(lines.Bytes())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := (Machine{Memory: 8_000_000 << 10, SystemCPU: 10_570 * 10_000_000, CPUs: 1}); machine != want {
		t.Errorf("machine %+v, expected %+v", machine, want)
	}
}

// What a file says wrong is named, and the other figures are there; what a kernel does not have gives nothing at all.
func TestFilesThatAreMissingOrWrong(t *testing.T) {
	for _, tt := range []struct {
		name, file, text string // no text: no such file
		want             string // of the error; empty: none
		without          string // measurements, or measurement.field
	}{
		{"no vmstat", "vmstat", "", "", "swap.in swap.out"},
		{"no diskstats", "diskstats", "", "", "diskio"},
		{"no meminfo", "meminfo", "", `host memory: open `, "mem swap.total"},
		{"an old kernel", "meminfo", "MemTotal: 5 kB\nMemFree: 1 kB\n", "", "mem.available mem.used mem.used_percent mem.cached swap.total"},
		{"no swap", "meminfo", "MemTotal: 5 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n", "", "swap.used_percent"},
		{"rubbish", "meminfo", "MemTotal: 5 MB\n", `meminfo": found "MemTotal: 5 MB", expected a name, a colon and a number of kB`, "mem swap.total"},
		{"rubbish", "meminfo", "MemTotal: 18446744073709551615 kB\n", `expected a name, a colon and a number of kB`, "mem swap.total"},
		{"rubbish", "vmstat", "pswpin\n", `vmstat": found "pswpin", expected a word and a number`, "swap.in"},
		{"rubbish", "stat", "cpu  1 2 3\n", `stat": found "cpu  1 2 3", expected 10 figures behind the CPU`, "cpu system.n_cpus"},
		{"rubbish", "stat", "cpu0 1 1 1 1 1 1 1 1 1 1\n", `expected the times of all CPUs`, "cpu system.n_cpus"},
		{"empty", "stat", "\n", `expected the times of all CPUs`, "cpu system.n_cpus"},
		{"rubbish", "diskstats", "254 0 vda 1 2\n", `diskstats": found "254 0 vda 1 2", expected 11 figures behind the device`, "diskio"},
		{"rubbish", "net/dev", "a\nb\neth0 1\n", `net/dev": found "eth0 1", expected an interface and a colon`, "net"},
		{"rubbish", "loadavg", "1.0 x 1.0\n", `loadavg": found "1.0 x 1.0\n", expected three loads`, "system.load1"},
		{"rubbish", "uptime", "long\n", `uptime": found "long\n", expected seconds since boot`, "system.uptime"},
		{"rubbish", "self/mountinfo", "1 2\n", `mountinfo": `, "disk"},
		{"no mountinfo", "self/mountinfo", "", `host disk: open `, "disk"},
		{"no filesystems", "filesystems", "", `host disk: open `, "disk"},
	} {
		t.Run(tt.name+" "+tt.file, func(t *testing.T) {
			dir, _ := recorded(t)
			path := filepath.Join(dir, "1/proc", tt.file)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if tt.text != "" {
				if err := os.WriteFile(path, []byte(strings.TrimLeft(tt.text, "\n")), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s := newSampler("h1", options(), filepath.Join(dir, "1"))
			t.Cleanup(s.Close)
			s.disks.statfs = full
			var lines influx.Lines
			for range 2 { // it is said again as long as it is so
				lines.Reset()
				_, err := s.Sample(&lines, time.Unix(1000, 0), nil)
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("found %v, expected %q", err, tt.want)
				}
			}
			there := make(map[string]bool)
			for _, p := range decode(t, &lines) {
				there[p.Measurement] = true
				for _, f := range p.Fields {
					there[p.Measurement+"."+f.Key] = true
				}
			}
			for without := range strings.FieldsSeq(tt.without) {
				if there[without] {
					t.Errorf("%s is there", without)
				}
			}
			for _, name := range []string{"mem", "net", "diskio", "disk", "system", "system.uptime", "system.load1"} {
				if !there[name] && !strings.Contains(" "+tt.without+" ", " "+name+" ") {
					t.Errorf("%s is missing too", name)
				}
			}
		})
	}
}

// What the table of names has of the host is written, and nothing else.
func TestWhatIsWrittenIsDeclared(t *testing.T) {
	dir, _ := recorded(t)
	var text strings.Builder
	for i, line := range memoryLines { // some machine has each
		fmt.Fprintf(&text, "%s: %d kB\n", line.key, 100+i)
	}
	if err := os.WriteFile(filepath.Join(dir, "1/proc/meminfo"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSampler("h1", options(), filepath.Join(dir, "1"))
	t.Cleanup(s.Close)
	s.disks.statfs = full
	s.processors.last.taken = true // and nothing until then
	var lines influx.Lines
	if _, err := s.Sample(&lines, time.Unix(1000, 0), nil); err != nil {
		t.Fatal(err)
	}
	declared.Check(t, decode(t, &lines), influx.CPU, influx.Mem, influx.Swap, influx.Disk, influx.DiskIO, influx.Net, influx.System)
}

func decode(t testing.TB, lines *influx.Lines) []influx.Point {
	t.Helper()
	points, bad := influx.Decode(lines.Bytes(), lineprotocol.Nanosecond, time.Time{})
	if len(bad) > 0 {
		t.Error(bad)
	}
	return points
}

// A sample of this machine allocates nothing once the first is taken, but what the system call makes of a path, here of one.
func TestASampleAllocatesNothing(t *testing.T) {
	s := real(t)
	dir, _ := recorded(t) // others may mount something just now
	s.disks.mountinfo.Path = filepath.Join(dir, "1/proc/self/mountinfo")
	s.disks.filesystems.Path = filepath.Join(dir, "1/proc/filesystems")
	var lines influx.Lines
	late := make(chan time.Time)
	at := time.Unix(1000, 0)
	sample := func() {
		lines.Reset()
		at = at.Add(10 * time.Second)
		if _, err := s.Sample(&lines, at, late); err != nil {
			t.Fatal(err)
		}
	}
	sample()
	if n := testing.AllocsPerRun(50, sample); n > 1 || len(lines.Bytes()) < 1000 {
		t.Errorf("a sample allocates %v times, for %d bytes", n, len(lines.Bytes()))
	}
}

// The files are held open, as far as that is allowed, and given back.
func TestFilesAreHeldOpen(t *testing.T) {
	for most, want := range map[int]int{100: 8 + 1, 3: 3} {
		o := options()
		o.Files = kernel.NewFiles(most)
		s := New("h1", o)
		dir, _ := recorded(t) // others may unmount something just now
		s.disks.mountinfo.Path = filepath.Join(dir, "1/proc/self/mountinfo")
		var lines influx.Lines
		for range 2 {
			if _, err := s.Sample(&lines, time.Unix(1000, 0), nil); err != nil {
				t.Fatal(err)
			}
		}
		if got := o.Files.Open(); got != want {
			t.Errorf("%d files are open, expected %d", got, want)
		}
		s.Close()
		s.Close()
		if got := o.Files.Open(); got != 0 {
			t.Errorf("%d files stay open", got)
		}
	}
}

func TestUsage(t *testing.T) {
	tests := []struct {
		name      string
		last, now times
		active    float64 // -1: none
	}{
		{"half", times{user: 1, idle: 1}, times{user: 2, idle: 2}, 50},
		{"idle", times{idle: 1}, times{idle: 2}, 0},
		{"waiting for a disk is idle", times{}, times{iowait: 2}, 0},
		{"stolen is not", times{}, times{steal: 1, idle: 3}, 25},
		{"guests count once", times{}, times{user: 1, guest: 1, idle: 3}, 25},
		{"iowait goes back a little", times{iowait: 20, user: 10}, times{iowait: 19, user: 20}, 100},
		{"no time passed", times{user: 1}, times{user: 1}, -1},
		{"counters began anew", times{user: 9}, times{user: 1}, -1},
	}
	series, err := influx.NewSeries(influx.CPU, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := reading{tt.last, true}
			var lines influx.Lines
			lines.Begin(series)
			r.appendUsage(&lines, &tt.now)
			lines.End(influx.Fixed{}, time.Unix(0, 0))
			points := decode(t, &lines)
			if len(points) == 0 {
				if tt.active != -1 {
					t.Errorf("no usage, expected %v", tt.active)
				}
				return
			}
			if got, ok := points[0].Float(influx.FieldUsageActive); !ok || got != tt.active {
				t.Errorf("active %v, expected %v", got, tt.active)
			}
			for _, f := range points[0].Fields {
				if v := f.Value.FloatV(); v < 0 || v > 100 {
					t.Errorf("%s = %v", f.Key, v)
				}
			}
			if r.times != tt.now {
				t.Error("the reading is not the last one of the next")
			}
		})
	}
	t.Run("first", func(t *testing.T) {
		var r reading
		var lines influx.Lines
		lines.Begin(series)
		r.appendUsage(&lines, &times{user: 5})
		lines.End(influx.Fixed{}, time.Unix(0, 0))
		if len(lines.Bytes()) > 0 || !r.taken {
			t.Errorf("%q", lines.Bytes())
		}
	})
}

func TestWhatIsNotTheHosts(t *testing.T) {
	for name, want := range map[string]bool{"loop0": true, "ram1": true, "vda": false, "nvme0n1": false} {
		if got := isVirtual([]byte(name)); got != want {
			t.Errorf("isVirtual(%q) = %v", name, got)
		}
	}
	for name, want := range map[string]bool{"lo": true, "veth0a1b": true, "eth0": false, "docker0": false} {
		if got := isContainerLink([]byte(name)); got != want {
			t.Errorf("isContainerLink(%q) = %v", name, got)
		}
	}
}

// Whatever a file of the kernel holds: its parser neither panics nor reads beyond, says what it expected, and says the same again.
func FuzzParsers(f *testing.F) {
	parsers := []struct {
		name  string
		parse func(text []byte) (any, error)
	}{
		{"stat", func(text []byte) (any, error) { var s stat; err := s.parse(text); return s, err }},
		{"meminfo", func(text []byte) (any, error) { var m memory; err := m.parse(text); return m, err }},
		{"vmstat", func(text []byte) (any, error) { var p paging; err := p.parse(text, 4096); return p, err }},
		{"diskstats", func(text []byte) (any, error) {
			found := make(map[string]blockFigures)
			err := parseDiskstats(text, func(name []byte, v blockFigures) { found[string(name)] = v })
			return found, err
		}},
		{"net/dev", func(text []byte) (any, error) {
			found := make(map[string]kernel.InterfaceFigures)
			err := kernel.NetDev(text, func(name []byte, v kernel.InterfaceFigures) { found[string(name)] = v })
			return found, err
		}},
		{"loadavg", func(text []byte) (any, error) { return parseLoad(text) }},
		{"uptime", func(text []byte) (any, error) { return parseUptime(text) }},
		{"filesystems", func(text []byte) (any, error) { return parseFilesystems(text), nil }},
		{"mountinfo", func(text []byte) (any, error) {
			all, err := parseMounts(text)
			if err != nil {
				return nil, nil //nolint:nilerr // its words are the library's
			}
			return local(all, map[string]bool{"ext4": true}), nil
		}},
	}
	archive, err := txtar.ParseFile("testdata/host.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		for i, p := range parsers {
			if strings.HasSuffix(file.Name, p.name) {
				f.Add(byte(i), file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which byte, text []byte) {
		p := parsers[int(which)%len(parsers)]
		first, err := p.parse(text)
		if err != nil && (!strings.Contains(err.Error(), "expected") || len(err.Error()) > 1000) {
			t.Errorf("%s: %v does not say in short what was expected", p.name, err)
		}
		second, again := p.parse(text)
		if (err == nil) != (again == nil) || !cmp.Equal(first, second, cmp.AllowUnexported(stat{}, core{}, paging{})) {
			t.Errorf("%s: read again, %q is something else", p.name, text)
		}
	})
}
