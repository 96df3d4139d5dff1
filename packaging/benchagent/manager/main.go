// Command manager is cAdvisor's manager in a program of its own, as an agent that embeds it would have it: Docker's containers
// alone, the four kinds of figures that Nezuban's agent has, each sample handed on as it is taken.
//
// `make bench-agent` measures it. It is a module of its own, so that no release depends on what the manager needs.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	_ "github.com/google/cadvisor/container/docker/install" // Docker's containers
	"github.com/google/cadvisor/lib/cache/memory"
	"github.com/google/cadvisor/lib/container"
	"github.com/google/cadvisor/lib/manager"
	"github.com/google/cadvisor/lib/model"
	"github.com/google/cadvisor/lib/storage"
	"github.com/google/cadvisor/lib/utils/sysfs"
)

func main() {
	interval := flag.Duration("interval", 10*time.Second, "time between two samples of a container")
	flag.Parse()
	if err := run(*interval); err != nil {
		fmt.Fprintf(os.Stderr, "manager: %v\n", err)
		os.Exit(1)
	}
}

// run samples until standard input ends, and answers the questions there as package loop does.
func run(interval time.Duration) error {
	for name, value := range map[string]string{
		"docker_only": "true", "disable_root_cgroup_stats": "true",
		"housekeeping_interval": interval.String(), "jitter_factor": "0", "initial_splay_factor": "0",
	} {
		if err := flag.Set(name, value); err != nil {
			return fmt.Errorf("flag %s: %w", name, err)
		}
	}
	dynamic := false
	var samples counter
	m, err := manager.New(memory.New(2*interval, []storage.StorageDriver{&samples}), sysfs.NewRealSysFs(),
		manager.HousekeepingConfig{Interval: &interval, AllowDynamic: &dynamic},
		container.MetricSet{
			container.CpuUsageMetrics: {}, container.MemoryUsageMetrics: {}, container.NetworkUsageMetrics: {}, container.DiskIOMetrics: {},
		}, []string{""}, nil, "", 0)
	if err != nil {
		return err
	}
	if err := m.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var begin, end int64
		if _, err := fmt.Sscan(lines.Text(), &begin, &end); err != nil {
			return fmt.Errorf("found %q, expected two times in ns: %w", lines.Text(), err)
		}
		fmt.Println(samples.between(begin, end))
	}
	return errors.Join(lines.Err(), m.Stop())
}

// counter is a [storage.StorageDriver] that notes when samples of containers came. It is safe for concurrent use.
type counter struct {
	mu    sync.Mutex
	taken []int64 // Unix ns
}

// AddStats is told of each sample.
func (c *counter) AddStats(info *model.ContainerInfo, stats *model.ContainerStats) error {
	if info.ContainerReference.Namespace != "docker" {
		return nil
	}
	if stats.Cpu == nil || stats.Memory == nil || stats.Network == nil {
		return errors.New("a sample of a container without CPU, memory or network") // the manager logs it, and it does not count
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = append(c.taken, stats.Timestamp.UnixNano())
	return nil
}

// Close has nothing to end.
func (c *counter) Close() error { return nil }

// between counts from begin to before end.
func (c *counter) between(begin, end int64) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range c.taken {
		if begin <= at && at < end {
			n++
		}
	}
	return n
}
