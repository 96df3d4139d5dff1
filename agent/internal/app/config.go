package app

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"nezuban/agent/deadman"
	"nezuban/agent/influx"
	"nezuban/agent/influx/spool"
	"nezuban/agent/internal/cgroup"
	"nezuban/agent/settings"
	"nezuban/agent/tomlfile"
)

// Bounds and defaults of the configuration.
const (
	maxConfigBytes  = 1 << 20
	minInterval     = time.Second
	maxInterval     = time.Minute
	defaultInterval = 10 * time.Second

	defaultSocket = "/var/run/docker.sock"
	defaultListen = "127.0.0.1:17073"
	defaultBucket = "nezuban"

	// sentryEnv is read when the file names no sentry_dsn_file.
	sentryEnv = "SENTRY_DSN"

	minSpoolBytes = 1 << 20
	minSpoolAge   = time.Minute
	maxSpoolAge   = 90 * 24 * time.Hour

	maxHostBytes = 255 // as in DNS

	stateDirEnv = "STATE_DIRECTORY" // set by systemd; read when the file names no state_dir
)

// Config is what an agent runs with. It is complete and valid: nobody checks it again.
type Config struct {
	Host         string        // name of this machine in every point
	Interval     time.Duration // between two samples, 1 s to 1 min
	CPUPerCore   bool          // figures of each core, beside those of all
	Cgroups      []cgroup.Glob // that are sampled under their paths
	DockerSocket string        // empty: no Docker
	Labels       []string      // keys of containers' labels that become tags
	StateDir     string        // keeps what waits for outputs, until when Docker's events were seen, and what DeadMan triggered; empty: nothing is kept
	SpoolBytes   int64         // of what waits for one output, on disk
	SpoolAge     time.Duration // of what waits for an output
	Listen       string        // address of /healthz, /readyz and /metrics; empty: none
	LogLevel     string        // debug, info, warn or error
	SentryDSN    string        // empty: crashes are only logged
	Outputs      []influx.Output
	DeadMan      *deadman.Config // nil: nobody outside is told when the router takes nothing
}

// file is agent.toml as it is written.
type file struct {
	settings.Daemon
	Host         string            `toml:"host"`
	Interval     tomlfile.Duration `toml:"interval"`
	CPUPerCore   bool              `toml:"cpu_per_core"`
	Cgroups      []string          `toml:"cgroups"`
	DockerSocket string            `toml:"docker_socket"`
	Labels       []string          `toml:"labels"`
	StateDir     string            `toml:"state_dir"`
	SpoolBytes   int64             `toml:"spool_max_bytes"`
	SpoolAge     tomlfile.Duration `toml:"spool_max_age"`
	Outputs      []settings.Output `toml:"output"`
	DeadMan      settings.DeadMan  `toml:"dead_man"`
}

// LoadConfig reads agent.toml and the secrets that it names. Mistakes in the
// file come all at once, as [tomlfile.Problems].
func LoadConfig(path string, env settings.LookupEnv) (Config, error) {
	in := file{
		Daemon:   settings.Daemon{Listen: defaultListen, LogLevel: "info"},
		Interval: tomlfile.Duration(defaultInterval), DockerSocket: defaultSocket,
		SpoolBytes: spool.DefaultMaxBytes, SpoolAge: tomlfile.Duration(spool.DefaultMaxAge),
	}
	v, err := tomlfile.NewValidator(tomlfile.Read(path, maxConfigBytes, &in))
	if err != nil {
		return Config{}, err
	}
	cfg := in.config(v, env)
	return cfg, v.Err()
}

// isLoopback says that only this machine reaches a host.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// socket is the path of docker_socket, which may be written as DOCKER_HOST has it.
func (in file) socket(v *tomlfile.Validator) string {
	path, isURL := strings.CutPrefix(in.DockerSocket, "unix://")
	if strings.Contains(path, "://") || isURL && !filepath.IsAbs(path) {
		v.Wrong(in.DockerSocket, `the path of a socket, like "`+defaultSocket+`"`, "docker_socket")
	}
	return v.Path(path)
}

func (in file) config(v *tomlfile.Validator, env settings.LookupEnv) Config {
	cfg := Config{
		Host: in.Host, Interval: time.Duration(in.Interval), CPUPerCore: in.CPUPerCore, DockerSocket: in.socket(v),
		StateDir: v.Path(in.StateDir), SpoolBytes: in.SpoolBytes, SpoolAge: time.Duration(in.SpoolAge),
		Listen: in.Listen, LogLevel: in.LogLevel,
	}
	if cfg.StateDir == "" {
		cfg.StateDir, _ = env(stateDirEnv)
	}
	settings.Folder(v, in.StateDir, cfg.StateDir, "state_dir")
	if cfg.Host == "" {
		name, err := os.Hostname()
		if err != nil {
			v.Wrong(nil, "a name, as this machine has none: "+err.Error(), "host")
		}
		cfg.Host = name
	} else if !settings.Name(cfg.Host) || len(cfg.Host) > maxHostBytes {
		v.Wrong(cfg.Host, fmt.Sprintf("a name of printable characters, at most %d bytes, without a blank or a backslash at its ends", maxHostBytes), "host")
	}
	if cfg.Interval < minInterval || cfg.Interval > maxInterval {
		v.Wrong(cfg.Interval.String(), fmt.Sprintf("%s to %s", minInterval, maxInterval), "interval")
	}
	for i, key := range in.Labels {
		switch {
		case i >= maxLabels:
			v.Wrong(key, fmt.Sprintf("at most %d labels", maxLabels), "labels", i)
		case key == "" || strings.ContainsFunc(key, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
			v.Wrong(key, "the key of a label", "labels", i)
		case isTag(key):
			v.Wrong(key, "a label whose key is not that of one of the agent's own tags", "labels", i)
		case slices.Contains(in.Labels[:i], key):
			v.Wrong(key, "each label once", "labels", i)
		}
		cfg.Labels = append(cfg.Labels, key)
	}
	for i, text := range in.Cgroups {
		glob, err := cgroup.ParseGlob(text)
		if err != nil {
			v.Wrong(text, `the path of cgroups, such as "system.slice/*.service"`, "cgroups", i)
		}
		cfg.Cgroups = append(cfg.Cgroups, glob)
	}
	if cfg.SpoolBytes < minSpoolBytes {
		v.Wrong(cfg.SpoolBytes, fmt.Sprintf("%d or more", minSpoolBytes), "spool_max_bytes")
	}
	if cfg.SpoolAge < minSpoolAge || cfg.SpoolAge > maxSpoolAge {
		v.Wrong(cfg.SpoolAge.String(), fmt.Sprintf("%s to %s", minSpoolAge, maxSpoolAge), "spool_max_age")
	}
	cfg.SentryDSN = in.Validate(v, env, defaultListen, true)
	if host, _, err := net.SplitHostPort(cfg.Listen); err == nil && !isLoopback(host) {
		v.Wrong(cfg.Listen, `an address that only this machine reaches, like "`+defaultListen+`", as nobody is asked for a token there`, "listen")
	}
	cfg.Outputs = settings.Outputs(v, env, influx.FromAgent, in.Outputs)
	if cfg.DeadMan = in.DeadMan.Validate(v, influx.FromAgent, cfg.Outputs, cfg.StateDir); cfg.DeadMan != nil {
		cfg.DeadMan.Source = cfg.Host
	}
	return cfg
}
