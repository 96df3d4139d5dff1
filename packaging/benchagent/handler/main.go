// Command handler reads containers by the handler of cAdvisor's library, one after the other in one loop, and does nothing with
// what it says.
//
// `make bench-agent` gives it the processes of the containers. It asks for the four kinds of figures that the agent has.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/cadvisor/lib/container"
	"github.com/google/cadvisor/lib/container/common"
	"github.com/google/cadvisor/lib/container/libcontainer"

	"nezuban/packaging/benchagent/loop"
)

func main() {
	interval := flag.Duration("interval", 10*time.Second, "time between two rounds")
	list := flag.String("pids", "", "main processes of the containers, separated by commas")
	flag.Parse()
	if err := run(*interval, *list); err != nil {
		fmt.Fprintf(os.Stderr, "handler: %v\n", err)
		os.Exit(1)
	}
}

func run(interval time.Duration, list string) error {
	kinds := container.MetricSet{
		container.CpuUsageMetrics: {}, container.MemoryUsageMetrics: {}, container.NetworkUsageMetrics: {}, container.DiskIOMetrics: {},
	}
	mounts, err := libcontainer.GetCgroupSubsystems(kinds)
	if err != nil {
		return err
	}
	var handlers []*libcontainer.Handler
	for text := range strings.SplitSeq(list, ",") {
		pid, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("process: found %q, expected a number: %w", text, err)
		}
		name, err := groupOf(pid)
		if err != nil {
			return err
		}
		manager, err := libcontainer.NewCgroupManager(name, common.MakeCgroupPaths(mounts, name))
		if err != nil {
			return fmt.Errorf("cgroup %s: %w", name, err)
		}
		handlers = append(handlers, libcontainer.NewHandler(manager, "/", pid, kinds))
	}
	return loop.Run(interval, func() (int, error) {
		for _, h := range handlers {
			stats, err := h.GetStats()
			switch {
			case err != nil:
				return 0, err
			case stats.Cpu == nil || stats.Cpu.Usage.Total == 0 || stats.Memory == nil || stats.Memory.Usage == 0:
				return 0, errors.New("a container without CPU time or memory: its cgroup is not where it was looked for")
			}
		}
		return len(handlers), nil
	})
}

// groupOf is the cgroup of a process, the same path in each hierarchy that counts: that of memory on v1, else that of v2.
func groupOf(pid int) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return "", err
	}
	v2 := ""
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) != 3:
		case parts[1] == "memory":
			return parts[2], nil
		case parts[0] == "0":
			v2 = parts[2]
		}
	}
	if v2 == "" {
		return "", fmt.Errorf("process %d: found no cgroup in %q", pid, text)
	}
	return v2, nil
}
