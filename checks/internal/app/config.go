// Package app wires a location together: it takes the check file from the router, starts each check when it is due,
// and writes what came of it, and its own heartbeat, to the outputs.
//
// The main of nezuban-checks calls it. It owns every goroutine it starts and returns after all have ended. It decides
// nothing about a target: whether it is down is for the router, which hears every location.
package app

import (
	"errors"
	"fmt"
	"net"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/tomlfile"
)

// Bounds and defaults of the configuration.
const (
	maxConfigBytes = 1 << 20

	defaultStateDir    = "/var/lib/nezuban-checks"
	defaultListen      = "127.0.0.1:17074"
	defaultBucket      = "nezuban"
	defaultHeartbeat   = 10 * time.Second
	defaultRefresh     = 30 * time.Second
	minPeriod          = time.Second // of heartbeat and refresh
	maxPeriod          = 10 * time.Minute
	defaultConcurrency = 256
	maxConcurrency     = 10000

	sentryEnv   = "SENTRY_DSN"      // read when the file names no sentry_dsn_file
	stateDirEnv = "STATE_DIRECTORY" // set by systemd; read when the file names no state_dir
)

// Config is what a location runs with. It is complete and valid: nobody checks it again.
type Config struct {
	Location    string        // name of this location in every result
	StateDir    string        // holds the last good check file
	Listen      string        // address of /healthz, /readyz and /metrics; empty: none
	Heartbeat   time.Duration // between two points of nezuban_checks
	Concurrency int           // requests at the same time
	LogLevel    string        // debug, info, warn or error
	SentryDSN   string        // empty: crashes are only logged
	Router      Router
	Outputs     []influx.Output
}

// Router says where the check file comes from.
type Router struct {
	URLs    []string // of the same service; the next is tried when one fails
	Token   string   // of kind read; empty: none is sent
	Refresh time.Duration
}

// file is checks-agent.toml as it is written.
type file struct {
	Location      string            `toml:"location"`
	StateDir      string            `toml:"state_dir"`
	Listen        string            `toml:"listen"`
	Heartbeat     tomlfile.Duration `toml:"heartbeat"`
	Concurrency   int               `toml:"concurrency"`
	LogLevel      string            `toml:"log_level"`
	SentryDSNFile string            `toml:"sentry_dsn_file"`
	Router        fileRouter        `toml:"router"`
	Outputs       []fileOutput      `toml:"output"`
}

type fileRouter struct {
	endpoint
	Refresh tomlfile.Duration `toml:"refresh"`
}

type fileOutput struct {
	endpoint
	Name   string `toml:"name"`
	Org    string `toml:"org"`
	Bucket string `toml:"bucket"`
	Gzip   bool   `toml:"gzip"`
}

// LookupEnv is os.LookupEnv or a test's.
type LookupEnv func(key string) (value string, ok bool)

// LoadConfig reads checks-agent.toml and the secrets that it names. Mistakes in the file come all at once, as
// [tomlfile.Problems].
func LoadConfig(path string, env LookupEnv) (Config, error) {
	in := file{
		Listen: defaultListen, Heartbeat: tomlfile.Duration(defaultHeartbeat), Concurrency: defaultConcurrency,
		LogLevel: "info", Router: fileRouter{Refresh: tomlfile.Duration(defaultRefresh)},
	}
	at, err := tomlfile.Read(path, maxConfigBytes, &in)
	v := validator{file: at, env: env, said: map[string]bool{}}
	if err != nil && !errors.As(err, &v.problems) {
		return Config{}, err
	}
	for _, p := range v.problems {
		v.said[p.Key] = true
	}
	cfg := v.config(in)
	if err := v.problems.Err(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// validator gathers every mistake of one file.
type validator struct {
	file     *tomlfile.File
	env      LookupEnv
	problems tomlfile.Problems
	said     map[string]bool // keys that have their problem already; one each is enough
}

func (v *validator) wrong(found any, expected string, key ...any) {
	p := v.file.Problem(found, expected, key...)
	if !v.said[p.Key] {
		v.said[p.Key] = true
		v.problems = append(v.problems, p)
	}
}

func (v *validator) config(in file) Config {
	cfg := Config{
		Location: in.Location, StateDir: in.StateDir, Listen: in.Listen, Heartbeat: time.Duration(in.Heartbeat),
		Concurrency: in.Concurrency, LogLevel: in.LogLevel,
	}
	v.location(cfg.Location)
	if cfg.StateDir == "" {
		cfg.StateDir = defaultStateDir
		if dir, set := v.env(stateDirEnv); set && dir != "" {
			cfg.StateDir = dir
		}
	}
	if _, _, err := net.SplitHostPort(cfg.Listen); cfg.Listen != "" && err != nil {
		v.wrong(cfg.Listen, `an address like "`+defaultListen+`", or ""`, "listen")
	}
	v.period(cfg.Heartbeat, "heartbeat")
	if cfg.Concurrency < 1 || cfg.Concurrency > maxConcurrency {
		v.wrong(cfg.Concurrency, fmt.Sprintf("a number of requests from 1 to %d", maxConcurrency), "concurrency")
	}
	switch cfg.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		v.wrong(cfg.LogLevel, "debug, info, warn or error", "log_level")
	}
	cfg.SentryDSN, _ = v.env(sentryEnv)
	if in.SentryDSNFile != "" {
		cfg.SentryDSN = v.secret(in.SentryDSNFile, "sentry_dsn_file")
	}
	cfg.Router = Router{
		URLs: v.urls(in.Router.endpoint, "router"), Token: v.token(in.Router.endpoint, "router"),
		Refresh: time.Duration(in.Router.Refresh),
	}
	v.period(cfg.Router.Refresh, "router", "refresh")
	cfg.Outputs = v.outputs(in.Outputs)
	return cfg
}

func (v *validator) period(d time.Duration, key ...any) {
	if d < minPeriod || d > maxPeriod {
		v.wrong(d.String(), fmt.Sprintf("%s to %s", minPeriod, maxPeriod), key...)
	}
}

func (v *validator) outputs(in []fileOutput) []influx.Output {
	if len(in) == 0 && len(v.problems) == 0 { // a file with mistakes may not have been read so far
		v.wrong(nil, "at least one [[output]]", "output")
	}
	named := map[string]bool{}
	outputs := make([]influx.Output, 0, len(in))
	for i, o := range in {
		switch {
		case o.Name == "":
			v.wrong(nil, "a name for the log", "output", i, "name")
		case named[o.Name]:
			v.wrong(o.Name, "a name that no other output has", "output", i, "name")
		}
		named[o.Name] = true
		if o.Bucket == "" {
			o.Bucket = defaultBucket
		}
		outputs = append(outputs, influx.Output{
			Name: o.Name, URLs: v.urls(o.endpoint, "output", i), Token: v.token(o.endpoint, "output", i),
			Org: o.Org, Bucket: o.Bucket, Gzip: o.Gzip,
		})
	}
	return outputs
}
