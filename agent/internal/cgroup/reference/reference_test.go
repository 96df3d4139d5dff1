package reference

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/rogpeppe/go-internal/txtar"

	"nezuban/agent/influx"
	"nezuban/agent/internal/cgroup"
	"nezuban/agent/internal/kernel"
)

func TestMain(m *testing.M) {
	cgroups.TestMode = true // lets the library read recordings, which lie on no cgroup file system
	os.Exit(m.Run())
}

// recorded unpacks a recording of package cgroup, and says where the container's files are in it.
func recorded(t *testing.T, name string) cgroup.Place {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("../testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	hierarchy, err := cgroup.Under(dir)
	if err != nil {
		t.Fatal(err)
	}
	place, err := hierarchy.Of(511, true)
	if err != nil {
		t.Fatal(err)
	}
	return place
}

// hybrid is a container whose memory and processes v2 counts, and the rest v1: made of two recordings.
func hybrid(t *testing.T) cgroup.Place {
	place, v2 := recorded(t, "v1-limits.txtar"), recorded(t, "v2-web.txtar")
	place.Dirs["memory"], place.Dirs["pids"] = v2.Dirs["memory"], v2.Dirs["pids"]
	return place
}

// Our own reader and cAdvisor's handler read the same from the same files, each figure that the handler knows.
func TestTheTwoAgreeOnRecordings(t *testing.T) {
	const least = 30 // figures that both know
	both := []string{
		"docker_container_cpu usage_total", "docker_container_cpu usage_in_usermode", "docker_container_mem usage", "docker_container_mem rss",
		"docker_container_mem cache", "docker_container_mem inactive_file", "docker_container_mem swap", "docker_container_pids pids", "docker_container_net eth0 rx_bytes",
	}
	type row struct {
		name, file string
		place      func(*testing.T) cgroup.Place
		more       []string // figures that are compared besides
	}
	rows := []row{{"hybrid", "", hybrid, []string{"docker_container_pids pids_limit", "docker_container_blkio 254:0 io_service_bytes_recursive_write"}}}
	paths, err := filepath.Glob("../testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("found %v, %v", paths, err)
	}
	limited := []string{
		"docker_container_cpu throttling_periods", "docker_container_cpu throttling_throttled_time", "docker_container_mem limit",
		"docker_container_pids pids_limit", "docker_container_blkio 254:0 io_service_bytes_recursive_write",
	}
	more := map[string][]string{
		"v1-limits.txtar": limited, "v2-web.txtar": append([]string{"docker_container_pressure memory_some"}, limited...),
		"v1-limit-hit.txtar": {"docker_container_mem fail_count"},
	}
	for _, path := range paths {
		file := filepath.Base(path)
		rows = append(rows, row{strings.TrimSuffix(file, ".txtar"), file, func(t *testing.T) cgroup.Place { return recorded(t, file) }, more[file]})
		delete(more, file)
	}
	if len(more) > 0 {
		t.Errorf("no recording is named %v", more)
	}
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			place := tt.place(t)
			own, err := cgroup.NewReader(kernel.NewFiles(100), place)
			if err != nil {
				t.Fatal(err)
			}
			defer own.Close()
			handler, err := New(place)
			if err != nil {
				t.Fatal(err)
			}
			compared, err := Check(own, handler)
			if err != nil {
				t.Fatal(err)
			}
			names := make(map[string]bool)
			for _, c := range compared {
				names[c.Name] = true
				if c.Differs || c.Own != c.Before {
					t.Error(c)
				}
			}
			if len(compared) < least {
				t.Errorf("%d figures were compared, expected %d or more", len(compared), least)
			}
			for _, name := range append(slices.Clip(both), tt.more...) {
				if !names[name] {
					t.Errorf("%s was not compared", name)
				}
			}
			source, why, err := Open(kernel.NewFiles(100), place)
			if _, ours := source.(*cgroup.Reader); !ours || why != nil || err != nil {
				t.Errorf("Open() = %T, %v, %v, expected our own reader", source, why, err)
			}
		})
	}
}

// edit changes a file of a recording, for the reader that looks afterwards.
func edit(t *testing.T, dir cgroup.Dir, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir.Path, file), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What our own reader reads as something else than the handler, cannot open or does not understand, is read by the handler, and what our
// own held open is given back.
func TestOpenTakesTheHandlerWhereOursDiffers(t *testing.T) {
	for _, tt := range []struct {
		name, recording, controller string
		change                      func(t *testing.T, dir cgroup.Dir)
		why                         string
		differs                     bool // the two have read all, and not the same
		figure                      string
		want                        uint64 // of the figure
	}{
		{
			// Before Linux 5.0 the scheduler CFQ counts, in files that our own reader does not look for: it reads those of the throttle.
			"something else", "v1-limits.txtar", "blkio", func(t *testing.T, dir cgroup.Dir) {
				for _, of := range []string{"sectors", "io_service_time", "io_wait_time", "io_merged", "io_queued", "time", "io_serviced", "io_service_bytes"} {
					edit(t, dir, "blkio."+of+"_recursive", "254:0 Read 0\n254:0 Write 180224\n254:0 Total 180224\nTotal 180224\n")
				}
			},
			"docker_container_blkio 254:0 io_service_bytes_recursive_write: found 90112, cAdvisor's handler says 180224", true,
			"docker_container_blkio 254:0 io_service_bytes_recursive_write", 180224,
		},
		{
			"what cannot be opened", "v1-limits.txtar", "memory", func(t *testing.T, dir cgroup.Dir) {
				path := filepath.Join(dir.Path, "memory.oom_control") // the handler does not look at it
				if err := errors.Join(os.Remove(path), os.Symlink(path, path)); err != nil {
					t.Fatal(err)
				}
			},
			`memory.oom_control: too many levels of symbolic links`, false, "docker_container_mem usage", 18874368,
		},
		{
			"what is not understood", "v2-web.txtar", "blkio", func(t *testing.T, dir cgroup.Dir) {
				edit(t, dir, "io.stat", "254:0 rbytes=102400 wbytes=232783872 rubbish\n") // which the handler skips
			},
			`io.stat": found "254:0 rbytes=102400 wbytes=232783872 rubbish"`, false, "docker_container_mem usage", 31977472,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			place := recorded(t, tt.recording)
			tt.change(t, place.Dirs[tt.controller])
			files := kernel.NewFiles(100)
			source, why, err := Open(files, place)
			if _, ok := source.(*Handler); !ok || err != nil {
				t.Fatalf("Open() = %T, %v, %v, expected the handler", source, why, err)
			}
			var d *Disagreement
			if why == nil || !strings.Contains(why.Error(), tt.why) || errors.As(why, &d) != tt.differs {
				t.Errorf("found %T, %v, expected %s", why, why, tt.why)
			}
			if files.Open() != 0 {
				t.Errorf("%d files stay open", files.Open())
			}
			var s cgroup.Sample
			if err := source.Read(&s, time.Now()); err != nil || byName(&s)[tt.figure] != kernel.Known(tt.want) {
				t.Errorf("it reads %v, %v, expected %d", byName(&s)[tt.figure], err, tt.want)
			}
		})
	}
}

// faulty reads what another source does, and changes it.
type faulty struct {
	cgroup.Source
	change func(*cgroup.Sample)
}

func (f faulty) Read(s *cgroup.Sample, now time.Time) error {
	err := f.Source.Read(s, now)
	f.change(s)
	return err
}

// Each mistake of a reader is found, and named.
func TestWhatDiffersIsNamed(t *testing.T) {
	place := recorded(t, "v1-limits.txtar")
	own, err := cgroup.NewReader(kernel.NewFiles(100), place)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	handler, err := New(place)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		want   string
		change func(*cgroup.Sample)
	}{
		{"docker_container_cpu usage_total: found 7828462300, cAdvisor's handler says 78284623", func(s *cgroup.Sample) { s.CPU.Total.Value *= 100 }},
		{"docker_container_cpu usage_in_usermode: found nothing, cAdvisor's handler says 20000000", func(s *cgroup.Sample) { s.CPU.User = kernel.Figure{} }},
		{"docker_container_mem rss: found 65536, cAdvisor's handler says 18022400", func(s *cgroup.Sample) { s.Memory.Stats[cgroup.StatRSS] = s.Memory.Stats[cgroup.StatCache] }},
		{"docker_container_net eth0 rx_bytes: found 1, cAdvisor's handler says 90", func(s *cgroup.Sample) { s.Network[0].RxBytes = s.Network[0].RxPackets }},
		{"docker_container_blkio 254:0 io_service_bytes_recursive_write: found nothing, cAdvisor's handler says 90112", func(s *cgroup.Sample) { s.Blkio = nil }},
	} {
		t.Run(tt.want, func(t *testing.T) {
			compared, err := Check(faulty{own, tt.change}, handler)
			if err != nil {
				t.Fatal(err)
			}
			var d Disagreement
			for _, c := range compared {
				if c.Differs {
					d.Figures = append(d.Figures, c)
				}
			}
			if !strings.Contains(d.Error(), tt.want) {
				t.Errorf("found %q", d.Error())
			}
		})
	}
}

func TestCompare(t *testing.T) {
	const kib = 1 << 10
	for _, tt := range []struct {
		name               string
		before, own, after uint64
		grows, differs     bool
	}{
		{"a counter between", 10, 12, 15, true, false},
		{"a counter that stands", 10, 10, 10, true, false},
		{"a counter ahead", 10, 16, 15, true, true},
		{"a counter behind", 10, 9, 15, true, true},
		{"memory that fell meanwhile", 900 * kib, 800 * kib, 700 * kib, false, false},
		{"memory, some pages beside", 4096 * kib, 4200 * kib, 4096 * kib, false, false},
		{"memory, something else", 4096 * kib, 8192 * kib, 4096 * kib, false, true},
		{"memory, nothing", 4096 * kib, 0, 4096 * kib, false, true},
		{"a few processes", 6, 6, 6, false, false},
		{"other processes", 6, 60, 6, false, true},
		{"both nothing", 0, 0, 0, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Compared{Before: known(tt.before), Own: known(tt.own), After: known(tt.after)}
			if got := differs(c, tt.grows); got != tt.differs {
				t.Errorf("differs = %v", got)
			}
		})
	}
}

// What differs once, of a container in which much happens, and not the next time is no mistake.
func TestWhatDiffersOnceIsReadAgain(t *testing.T) {
	place := recorded(t, "v1-limits.txtar")
	own, err := cgroup.NewReader(kernel.NewFiles(100), place)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	handler, err := New(place)
	if err != nil {
		t.Fatal(err)
	}
	reads := 0
	compared, err := Check(faulty{own, func(s *cgroup.Sample) {
		if reads++; reads < tries {
			s.CPU.Total.Value += uint64(reads)
		}
	}}, handler)
	if err != nil || differed(compared, influx.ContainerCPU+" "+influx.FieldUsageTotal) || reads != tries {
		t.Errorf("after %d reads: %v, %v", reads, compared, err)
	}
}

func TestACgroupThatEndedIsGone(t *testing.T) {
	for _, name := range []string{"v1-limits.txtar", "v2-web.txtar"} {
		place := recorded(t, name)
		handler, err := New(place)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(filepath.Dir(place.Proc), "sys")); err != nil {
			t.Fatal(err)
		}
		if err := handler.Read(&cgroup.Sample{}, time.Now()); !errors.Is(err, cgroup.ErrGone) {
			t.Errorf("%s: the handler reads %v", name, err)
		}
		if _, _, err := Open(kernel.NewFiles(9), place); !errors.Is(err, cgroup.ErrGone) {
			t.Errorf("%s: Open() = %v", name, err)
		}
	}
}
