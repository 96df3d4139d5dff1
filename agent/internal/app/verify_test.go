package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nezuban/agent/influx"
	"nezuban/agent/internal/cgroup"
	"nezuban/agent/internal/cgroup/reference"
	"nezuban/agent/internal/docker"
	"nezuban/agent/internal/kernel"
)

// dockerStats is what docker stats works with, of GET /containers/NAME/stats.
type dockerStats struct {
	CPU struct {
		Usage struct {
			Total uint64 `json:"total_usage"`
		} `json:"cpu_usage"`
		Throttling struct {
			Periods   uint64 `json:"periods"`
			Throttled uint64 `json:"throttled_periods"`
			Time      uint64 `json:"throttled_time"`
		} `json:"throttling_data"`
	} `json:"cpu_stats"`
	Memory struct {
		Usage uint64            `json:"usage"`
		Limit uint64            `json:"limit"`
		Stats map[string]uint64 `json:"stats"`
	} `json:"memory_stats"`
	PIDs struct {
		Current uint64 `json:"current"`
	} `json:"pids_stats"`
	Networks map[string]struct {
		RxBytes uint64 `json:"rx_bytes"`
		TxBytes uint64 `json:"tx_bytes"`
	} `json:"networks"`
	Blkio struct {
		Bytes []struct {
			Op    string `json:"op"`
			Value uint64 `json:"value"`
		} `json:"io_service_bytes_recursive"`
	} `json:"blkio_stats"`
}

// stats asks Docker for one reading.
func (e *engine) stats(name string) dockerStats {
	e.t.Helper()
	status, text := e.try(e.t.Context(), http.MethodGet, "/containers/"+name+"/stats?stream=0&one-shot=1", nil)
	var s dockerStats
	if err := json.Unmarshal([]byte(text), &s); err != nil || status != http.StatusOK {
		e.t.Fatalf("stats of %s: %d, %v: %s", name, status, err, text)
	}
	return s
}

// working is the memory as docker stats shows it.
func (s dockerStats) working() uint64 {
	inactive, v1 := s.Memory.Stats["total_inactive_file"]
	if !v1 {
		inactive = s.Memory.Stats["inactive_file"]
	}
	return s.Memory.Usage - min(inactive, s.Memory.Usage)
}

func (s dockerStats) written() (total uint64) {
	for _, b := range s.Blkio.Bytes {
		if strings.EqualFold(b.Op, "write") {
			total += b.Value
		}
	}
	return total
}

func (s dockerStats) network() (rx, tx uint64) {
	for _, n := range s.Networks {
		rx, tx = rx+n.RxBytes, tx+n.TxBytes
	}
	return rx, tx
}

// Field by field, under load, our reader says what cAdvisor's handler says, and what docker stats shows.
func TestFiguresAreThoseOfCAdvisorAndDocker(t *testing.T) {
	e := newEngine(t)
	const limit = 64 << 20
	cached := e.run(spec{Cmd: []string{"burn"}, HostConfig: hostConfig{
		Memory: limit, NanoCPUs: 150_000_000, BlkioDeviceWriteBps: []throttle{{Path: disk(t), Rate: 1 << 30}},
	}})
	for _, tt := range []struct {
		name      string
		container string
		network   bool
		limit     uint64
		some      func(*cgroup.Sample) bool // what must be there before it is compared
		compared  []string
	}{
		{"page cache, disk, memory limit, CPU limit with throttling", cached, true, limit, func(s *cgroup.Sample) bool {
			return s.CPU.ThrottledTime.Value > 0 && s.Memory.Stats[cgroup.StatCache].Value > 0 && len(s.Blkio) > 0
		}, []string{"docker_container_cpu throttling_throttled_time", "docker_container_mem limit", "docker_container_mem cache", "docker_container_net eth0 rx_bytes"}},
		{"tmpfs", e.run(spec{Cmd: []string{"burn"}, HostConfig: hostConfig{Tmpfs: map[string]string{"/tmp": ""}}}), true, 0, func(s *cgroup.Sample) bool {
			return s.Memory.Stats[cgroup.StatShmem].Value > 0
		}, []string{"docker_container_mem shmem", "docker_container_mem rss"}},
		{"the host's network", e.run(spec{Cmd: []string{"burn"}, HostConfig: hostConfig{NetworkMode: "host"}}), false, 0, func(s *cgroup.Sample) bool {
			return s.CPU.Total.Value > 0
		}, []string{"docker_container_cpu usage_total", "docker_container_pids pids"}},
		{"the network of another container", e.run(spec{Cmd: []string{"burn"}, HostConfig: hostConfig{NetworkMode: "container:" + cached}}), false, 0, func(s *cgroup.Sample) bool {
			return s.CPU.Total.Value > 0
		}, []string{"docker_container_cpu usage_total", "docker_container_pids pids"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			own, handler := sources(t, e, tt.container, tt.network)
			var s cgroup.Sample
			await(t, "the load", func() bool {
				if err := own.Read(&s, time.Now()); err != nil {
					t.Fatal(err)
				}
				return tt.some(&s)
			})
			compared, err := reference.Check(own, handler)
			if err != nil {
				t.Fatal(err)
			}
			names := make(map[string]bool)
			for _, c := range compared {
				names[c.Name] = true
				if c.Differs {
					t.Error(c)
				}
			}
			for _, name := range tt.compared {
				if !names[name] {
					t.Errorf("%s was not compared", name)
				}
			}
			if tt.network != (len(s.Network) > 0) {
				t.Errorf("it has the interfaces %v", s.Network)
			}
			likeDocker(t, e, tt.container, own, tt.limit, tt.network)
		})
	}
}

// sources are both readers of a container.
func sources(t *testing.T, e *engine, name string, network bool) (own *cgroup.Reader, handler *reference.Handler) {
	t.Helper()
	client := docker.New(e.path)
	defer client.Close()
	c, err := client.Inspect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if c.OwnsNetwork() != network {
		t.Errorf("it owns its network: %v", c.OwnsNetwork())
	}
	hierarchy, err := cgroup.Mounted()
	if err != nil {
		t.Fatal(err)
	}
	place, err := hierarchy.Of(c.PID, c.OwnsNetwork())
	if err != nil {
		t.Fatal(err)
	}
	if own, err = cgroup.NewReader(kernel.NewFiles(100), place); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Close)
	if handler, err = reference.New(place); err != nil {
		t.Fatal(err)
	}
	return own, handler
}

// likeDocker compares with docker stats, read before and after. What goes up and down may lie beside them, once or twice.
func likeDocker(t *testing.T, e *engine, name string, own *cgroup.Reader, limit uint64, network bool) {
	t.Helper()
	const pages = 512 << 10
	var wrong []string
	for range 5 {
		var s cgroup.Sample
		before := e.stats(name)
		if err := own.Read(&s, time.Now()); err != nil {
			t.Fatal(err)
		}
		after := e.stats(name)
		wrong = nil
		hold := func(what string, low, got, high uint64) {
			if got < low || got > high {
				wrong = append(wrong, what)
				t.Logf("%s: found %d, docker stats has %d to %d", what, got, low, high)
			}
		}
		hold("CPU", before.CPU.Usage.Total, s.CPU.Total.Value, after.CPU.Usage.Total)
		hold("periods", before.CPU.Throttling.Periods, s.CPU.Periods.Value, after.CPU.Throttling.Periods)
		hold("throttled periods", before.CPU.Throttling.Throttled, s.CPU.ThrottledPeriods.Value, after.CPU.Throttling.Throttled)
		hold("throttled time", before.CPU.Throttling.Time, s.CPU.ThrottledTime.Value, after.CPU.Throttling.Time)
		low, high := min(before.working(), after.working()), max(before.working(), after.working())
		hold("memory", low-min(low, pages), s.Memory.Working().Value, high+pages)
		hold("processes", min(before.PIDs.Current, after.PIDs.Current), s.PIDs.Current.Value, max(before.PIDs.Current, after.PIDs.Current))
		if limit > 0 {
			hold("limit", before.Memory.Limit, s.Memory.Limit.Value, after.Memory.Limit)
		}
		var written, rx, tx uint64
		for _, d := range s.Blkio {
			written += d.Bytes[cgroup.OpWrite].Value
		}
		hold("written", before.written(), written, after.written())
		if network {
			for _, i := range s.Network {
				rx, tx = rx+i.RxBytes, tx+i.TxBytes
			}
			rx1, tx1 := before.network()
			rx2, tx2 := after.network()
			hold("received", rx1, rx, rx2)
			hold("sent", tx1, tx, tx2)
		}
		if len(wrong) == 0 {
			return
		}
	}
	t.Errorf("unlike docker stats: %v", wrong)
}

func TestVerify(t *testing.T) {
	e := newEngine(t)
	runs, ended := e.run(spec{Cmd: []string{"sleep"}}), e.run(spec{Cmd: []string{"exit", "0"}})
	e.post("/containers/"+ended+"/wait", nil)
	for _, tt := range []struct {
		name    string
		asked   []string
		socket  string
		agree   bool
		out     []string
		without string
		err     string
	}{
		{"all", nil, e.path, true, []string{runs, "docker_container_mem rss"}, ended, ""},
		{"one", []string{runs}, e.path, true, []string{runs, "docker_container_cpu usage_total"}, ended, ""},
		{"one that ended", []string{ended}, e.path, false, nil, runs, "container " + ended + ": found status exited, expected running"},
		{"none of the name", []string{"nobody"}, e.path, false, nil, runs, "container nobody: Docker has none of this name or id"},
		{"without Docker", nil, "", false, nil, runs, "docker_socket is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			agree, err := Verify(t.Context(), Config{DockerSocket: tt.socket}, tt.asked, &out)
			if agree != tt.agree || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("found %v, %v\n%s", agree, err, out.String())
			}
			for _, text := range tt.out {
				if !strings.Contains(out.String(), text) {
					t.Errorf("no %q in\n%s", text, out.String())
				}
			}
			if strings.Contains(out.String(), tt.without) || strings.Contains(out.String(), "DIFFERS") {
				t.Errorf("found\n%s", out.String())
			}
		})
	}
}

func TestWhatDiffersIsShown(t *testing.T) {
	known := func(v uint64) kernel.Figure { return kernel.Figure{Value: v, Known: true} }
	var out bytes.Buffer
	same, err := show(&out, "web", []reference.Compared{
		{Name: "docker_container_mem rss", Before: known(1), Own: known(1), After: known(1)},
		{Name: "docker_container_mem limit", Before: known(64), After: known(65), Differs: true},
	})
	want := "web                           agent  cAdvisor  \n" +
		"  docker_container_mem rss    1      1         \n" +
		"  docker_container_mem limit  -      64 to 65  DIFFERS\n"
	if diff := cmp.Diff(want, out.String()); diff != "" || same || err != nil {
		t.Errorf("same %v, %v (-want +got):\n%s", same, err, diff)
	}
}

// A container that our own reader reads otherwise than the handler is read by the handler: said once, and counted.
func TestAFallbackIsSaidOnceAndCounted(t *testing.T) {
	e := newEngine(t)
	table := docker.NewTable()
	client := docker.New(e.path)
	defer client.Close()
	for range 2 {
		c, err := client.Inspect(t.Context(), e.run(spec{Cmd: []string{"sleep"}}))
		if err != nil {
			t.Fatal(err)
		}
		table.Put(c)
	}
	s, _ := testSampler(t, table)
	var log bytes.Buffer
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	s.open = func(_ *kernel.Files, place cgroup.Place) (cgroup.Source, error, error) {
		handler, err := reference.New(place)
		return handler, errors.New("memory.stat is new"), err
	}
	for at := range int64(3) {
		for _, c := range table.All() {
			if mem := tick(t, s, time.Unix(1000+at, 0))[c.Name][influx.ContainerMem]; len(mem) != 1 {
				t.Errorf("points of memory: %v", mem)
			}
		}
	}
	beat := s.heartbeat(influx.StateUp, 0, time.Now())
	if n, _ := beat.Int(influx.FieldFallbacks); n != 2 {
		t.Errorf("%d fallbacks, expected 2", n)
	}
	if n := strings.Count(log.String(), "memory.stat is new"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
}

// steady is a source that always reads the same.
type steady struct{ sample cgroup.Sample }

func (s *steady) Read(into *cgroup.Sample, now time.Time) error {
	*into = s.sample
	into.At = now
	return nil
}

func (*steady) Close() {}

// Docker may be late to know that a container has ended, and it must know in the end.
func TestAwaitEnd(t *testing.T) {
	s := newScripted(t)
	client := docker.New(s.path)
	t.Cleanup(client.Close)
	for id, state := range map[string]string{
		"over": `"Status":"exited","Pid":0`, "anew": `"Status":"running","Pid":8`, "late": `"Status":"running","Pid":7`, "runs": `"Status":"running","Pid":7`,
	} {
		s.set(id, answer(id, state))
	}
	for _, id := range []string{"over", "removed", "anew"} {
		if err := awaitEnd(t.Context(), client, docker.Container{ID: id, PID: 7}); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	ended := make(chan error)
	s.count()
	go func() { ended <- awaitEnd(t.Context(), client, docker.Container{ID: "late", PID: 7}) }()
	asked := 0
	await(t, "Docker to be asked again", func() bool { asked += s.count()["/containers/late/json"]; return asked > 1 })
	s.set("late", answer("late", `"Status":"exited","Pid":0`))
	if err := <-ended; err != nil {
		t.Errorf("late: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*endKnownEvery)
	defer cancel()
	if err := awaitEnd(ctx, client, docker.Container{ID: "runs", PID: 7}); err == nil || !strings.Contains(err.Error(), "it runs, says Docker, as process 7") {
		t.Errorf("of one that runs found %v", err)
	}
}

// One container in which something differs is told, wherever it stands among others that agree.
func TestVerifySaysThatOneOfTwoDiffers(t *testing.T) {
	limited := func(limit uint64) *steady {
		return &steady{cgroup.Sample{Memory: cgroup.Memory{Limit: kernel.Known(limit)}}}
	}
	open := func(c docker.Container) (own, handler cgroup.Source, err error) {
		switch c.Name {
		case "odd":
			return limited(1 << 20), limited(64 << 20), nil
		case "broken":
			return nil, nil, errors.New("no controller")
		case "over": // as the kernel says of a process that is ending
			return nil, nil, fmt.Errorf("open cgroups of process 7: %w", syscall.ESRCH)
		case "gone", "hidden":
			return nil, nil, cgroup.ErrGone
		}
		return limited(64 << 20), limited(64 << 20), nil
	}
	for _, tt := range []struct {
		name  string
		names []string
		agree bool
		says  string
		err   string
	}{
		{"none", nil, true, "no container runs\n", ""},
		{"both agree", []string{"a", "b"}, true, "all figures agree, containers: 2\n", ""},
		{"the first differs", []string{"odd", "a"}, false, "figures differ, containers: 1 of 2\n", ""},
		{"the second differs", []string{"a", "odd"}, false, "figures differ, containers: 1 of 2\n", ""},
		{"two have ended since they were listed", []string{"over", "gone", "a"}, true, "all figures agree, containers: 1\n", ""},
		{"all have ended", []string{"over", "gone"}, false, "", "verify: nothing was compared: all containers have ended meanwhile"},
		{"one runs, and cannot be seen", []string{"a", "hidden"}, false, "", "verify: container hidden: cgroup is gone: it runs"},
		{"one cannot be read", []string{"a", "broken"}, false, "", "verify: container broken: no controller"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var running []docker.Container
			for _, name := range tt.names {
				running = append(running, docker.Container{Name: name})
			}
			var out bytes.Buffer
			ended := func(c docker.Container) error {
				if c.Name == "hidden" {
					return errors.New("it runs")
				}
				return nil
			}
			agree, err := verifyAll(running, open, ended, &out)
			if agree != tt.agree || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
				t.Errorf("found %v, %v, expected %v, %q\n%s", agree, err, tt.agree, tt.err, out.String())
			}
			if !strings.HasSuffix(out.String(), tt.says) {
				t.Errorf("expected %q at the end of\n%s", tt.says, out.String())
			}
			if told := strings.Contains(out.String(), "DIFFERS"); told != slices.Contains(tt.names, "odd") {
				t.Errorf("found\n%s", out.String())
			}
		})
	}
}
