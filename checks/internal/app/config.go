// Package app wires a location together: it takes the check file from the router, starts each check when it is due,
// and writes what came of it, and its own heartbeat, to the outputs.
//
// The main of nezuban-checks calls it. It owns every goroutine it starts and returns after all have ended. It decides
// nothing about a target: whether it is down is for the router, which hears every location.
package app

import (
	"fmt"
	"time"

	"nezuban/agent/deadman"
	"nezuban/agent/influx"
	"nezuban/agent/settings"
	"nezuban/agent/tomlfile"
	"nezuban/agent/transport"
	"nezuban/checks/check"
)

// Bounds and defaults of the configuration.
const (
	maxConfigBytes = 1 << 20

	defaultStateDir    = "/var/lib/nezuban-checks"
	defaultListen      = "127.0.0.1:17074"
	defaultHeartbeat   = 10 * time.Second
	defaultRefresh     = 30 * time.Second
	minPeriod          = time.Second // of heartbeat and refresh
	maxPeriod          = 10 * time.Minute
	defaultConcurrency = 256
	maxConcurrency     = 10000

	stateDirEnv = "STATE_DIRECTORY" // set by systemd; read when the file names no state_dir
)

// Config is what a location runs with. It is complete and valid: nobody checks it again.
type Config struct {
	Location    string        // name of this location in every result
	StateDir    string        // holds the last good check file, and what DeadMan triggered
	Listen      string        // address of /healthz, /readyz and /metrics; empty: none
	Heartbeat   time.Duration // between two points of nezuban_checks
	Concurrency int           // requests at the same time
	LogLevel    string        // debug, info, warn or error
	SentryDSN   string        // empty: crashes are only logged
	Router      Router
	Outputs     []influx.Output
	DeadMan     *deadman.Config // nil: nobody outside is told when the router takes nothing
}

// Router says where the check file comes from.
type Router struct {
	URLs      []string // of the same service; the next is tried when one fails
	Token     string   // of kind read; empty: none is sent
	Transport transport.Options
	Refresh   time.Duration
}

// file is checks-agent.toml as it is written.
type file struct {
	settings.Daemon
	Location    string            `toml:"location"`
	StateDir    string            `toml:"state_dir"`
	Heartbeat   tomlfile.Duration `toml:"heartbeat"`
	Concurrency int               `toml:"concurrency"`
	Router      fileRouter        `toml:"router"`
	Outputs     []settings.Output `toml:"output"`
	DeadMan     settings.DeadMan  `toml:"dead_man"`
}

type fileRouter struct {
	settings.Endpoint
	Refresh tomlfile.Duration `toml:"refresh"`
}

// LoadConfig reads checks-agent.toml and the secrets that it names. Mistakes in the file come all at once, as
// [tomlfile.Problems].
func LoadConfig(path string, env settings.LookupEnv) (Config, error) {
	in := file{
		Daemon:    settings.Daemon{Listen: defaultListen, LogLevel: "info"},
		Heartbeat: tomlfile.Duration(defaultHeartbeat), Concurrency: defaultConcurrency,
		Router: fileRouter{Refresh: tomlfile.Duration(defaultRefresh)},
	}
	v, err := tomlfile.NewValidator(tomlfile.Read(path, maxConfigBytes, &in))
	if err != nil {
		return Config{}, err
	}
	cfg := in.config(v, env)
	if err := v.Err(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

func (in file) config(v *tomlfile.Validator, env settings.LookupEnv) Config {
	cfg := Config{
		Location: in.Location, StateDir: v.Path(in.StateDir), Listen: in.Listen, Heartbeat: time.Duration(in.Heartbeat),
		Concurrency: in.Concurrency, LogLevel: in.LogLevel,
	}
	if !check.ValidName(cfg.Location) {
		var found any = cfg.Location
		if cfg.Location == "" {
			found = nil
		}
		v.Wrong(found, check.ExpectedName, "location")
	}
	if cfg.StateDir == "" {
		cfg.StateDir = defaultStateDir
		if dir, set := env(stateDirEnv); set && dir != "" {
			cfg.StateDir = dir
		}
	}
	settings.Folder(v, in.StateDir, cfg.StateDir, "state_dir")
	period(v, cfg.Heartbeat, "heartbeat")
	if cfg.Concurrency < 1 || cfg.Concurrency > maxConcurrency {
		v.Wrong(cfg.Concurrency, fmt.Sprintf("a number of requests from 1 to %d", maxConcurrency), "concurrency")
	}
	cfg.SentryDSN = in.Validate(v, env, defaultListen, true)
	router := in.Router.Validate(v, env, "router")
	cfg.Router = Router{URLs: router.URLs, Token: router.Token, Transport: router.Transport, Refresh: time.Duration(in.Router.Refresh)}
	period(v, cfg.Router.Refresh, "router", "refresh")
	cfg.Outputs = settings.Outputs(v, env, influx.FromChecks, in.Outputs)
	if cfg.DeadMan = in.DeadMan.Validate(v, influx.FromChecks, cfg.Outputs, cfg.StateDir); cfg.DeadMan != nil {
		cfg.DeadMan.Source = cfg.Location
	}
	return cfg
}

func period(v *tomlfile.Validator, d time.Duration, key ...any) {
	if d < minPeriod || d > maxPeriod {
		v.Wrong(d.String(), fmt.Sprintf("%s to %s", minPeriod, maxPeriod), key...)
	}
}
