package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"
)

// errNoGroup says that a /proc/PID/cgroup names no hierarchy.
var errNoGroup = errors.New("no cgroup named")

// ParseProc reads /proc/PID/cgroup (cgroups(7)): one line per hierarchy,
//
//	4:memory:/docker/0a1b
//	2:cpu,cpuacct:/docker/0a1b
//	1:name=systemd:/docker/0a1b
//	0::/system.slice/docker-0a1b.scope
//
// and gives the path by controller; that of v2 has the controller "". Named hierarchies without a controller are left out. A path
// that leads out of what this process sees, "/../x", is an error: its figures are not to be had, and nobody else's would be right.
func ParseProc(data []byte) (map[string]string, error) {
	groups := make(map[string]string)
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(line) == 0 {
			continue
		}
		parts := bytes.SplitN(line, []byte(":"), 3)
		if len(parts) != 3 || len(parts[2]) == 0 || parts[2][0] != '/' {
			return nil, fmt.Errorf("parse /proc/PID/cgroup: %q: expected hierarchy:controllers:/path", line)
		}
		if bytes.HasPrefix(parts[2], []byte("/..")) && (len(parts[2]) == 3 || parts[2][3] == '/') {
			return nil, fmt.Errorf("parse /proc/PID/cgroup: %q: the cgroup is outside of the agent's cgroup namespace; start the agent in the host's", line)
		}
		group := path.Clean(string(parts[2]))
		for controller := range strings.SplitSeq(string(parts[1]), ",") {
			if strings.HasPrefix(controller, "name=") {
				continue
			}
			groups[controller] = group
		}
	}
	if len(groups) == 0 {
		return nil, fmt.Errorf("parse /proc/PID/cgroup: %w", errNoGroup)
	}
	return groups, nil
}
