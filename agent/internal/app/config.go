package app

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"nezuban/agent/influx"
	"nezuban/agent/tomlfile"
)

// Bounds and defaults of the configuration.
const (
	maxConfigBytes = 1 << 20
	maxSecretBytes = 64 << 10

	minInterval     = time.Second
	maxInterval     = time.Minute
	defaultInterval = 10 * time.Second

	defaultSocket = "/var/run/docker.sock"
	defaultListen = "127.0.0.1:17073"
	defaultBucket = "nezuban"

	// sentryEnv is read when the file names no sentry_dsn_file.
	sentryEnv = "SENTRY_DSN"
)

// Config is what an agent runs with. It is complete and valid: nobody checks it again.
type Config struct {
	Host         string        // name of this machine in every point
	Interval     time.Duration // between two samples, 1 s to 1 min
	DockerSocket string        // empty: no Docker
	Listen       string        // address of /healthz, /readyz and /metrics; empty: none
	LogLevel     string        // debug, info, warn or error
	SentryDSN    string        // empty: crashes are only logged
	Outputs      []influx.Output
}

// file is agent.toml as it is written.
type file struct {
	Host          string            `toml:"host"`
	Interval      tomlfile.Duration `toml:"interval"`
	DockerSocket  string            `toml:"docker_socket"`
	Listen        string            `toml:"listen"`
	LogLevel      string            `toml:"log_level"`
	SentryDSNFile string            `toml:"sentry_dsn_file"`
	Outputs       []fileOutput      `toml:"output"`
}

// fileOutput is one [[output]].
type fileOutput struct {
	Name      string   `toml:"name"`
	URL       string   `toml:"url"`
	URLs      []string `toml:"urls"`
	Token     string   `toml:"token"`
	TokenFile string   `toml:"token_file"`
	TokenEnv  string   `toml:"token_env"`
	Org       string   `toml:"org"`
	Bucket    string   `toml:"bucket"`
	Gzip      bool     `toml:"gzip"`
}

// LookupEnv is os.LookupEnv or a test's.
type LookupEnv func(key string) (string, bool)

// LoadConfig reads agent.toml and the secrets that it names. Mistakes in the
// file come all at once, as [tomlfile.Problems].
func LoadConfig(path string, env LookupEnv) (Config, error) {
	in := file{
		Interval: tomlfile.Duration(defaultInterval), DockerSocket: defaultSocket,
		Listen: defaultListen, LogLevel: "info",
	}
	at, err := tomlfile.Read(path, maxConfigBytes, &in)
	var problems tomlfile.Problems
	if err != nil && !errors.As(err, &problems) {
		return Config{}, err
	}
	v := validator{file: at, env: env, problems: problems}
	cfg := v.config(in)
	return cfg, v.problems.Err()
}

// validator gathers every mistake of one file.
type validator struct {
	file     *tomlfile.File
	env      LookupEnv
	problems tomlfile.Problems
}

func (v *validator) wrong(found any, expected string, key ...any) {
	v.problems = append(v.problems, v.file.Problem(found, expected, key...))
}

func (v *validator) config(in file) Config {
	cfg := Config{
		Host: in.Host, Interval: time.Duration(in.Interval), DockerSocket: in.DockerSocket,
		Listen: in.Listen, LogLevel: in.LogLevel,
	}
	if cfg.Host == "" {
		name, err := os.Hostname()
		if err != nil {
			v.wrong(nil, "a name, as this machine has none: "+err.Error(), "host")
		}
		cfg.Host = name
	}
	if cfg.Interval < minInterval || cfg.Interval > maxInterval {
		v.wrong(cfg.Interval.String(), fmt.Sprintf("%s to %s", minInterval, maxInterval), "interval")
	}
	if _, _, err := net.SplitHostPort(cfg.Listen); cfg.Listen != "" && err != nil {
		v.wrong(cfg.Listen, `an address like "`+defaultListen+`", or ""`, "listen")
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
	cfg.Outputs = v.outputs(in.Outputs)
	return cfg
}

func (v *validator) outputs(in []fileOutput) []influx.Output {
	if len(in) == 0 && len(v.problems) == 0 { // a file with mistakes may not have been read so far
		v.wrong(nil, "at least one [[output]]", "output")
	}
	named := make(map[string]bool)
	out := make([]influx.Output, 0, len(in))
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
		out = append(out, influx.Output{
			Name: o.Name, URLs: v.urls(o, i), Token: v.token(o, i), Org: o.Org, Bucket: o.Bucket, Gzip: o.Gzip,
		})
	}
	return out
}

// urls takes url or urls.
func (v *validator) urls(o fileOutput, i int) []string {
	if o.URL == "" && len(o.URLs) == 0 {
		v.wrong(nil, `url = "http://…" or urls = […]`, "output", i)
	}
	if o.URL != "" && len(o.URLs) > 0 {
		v.wrong("url and urls", "one of them", "output", i, "urls")
	}
	if o.URL != "" {
		v.url(o.URL, "output", i, "url")
		return []string{o.URL}
	}
	for n, u := range o.URLs {
		v.url(u, "output", i, "urls", n)
	}
	return o.URLs
}

func (v *validator) url(text string, key ...any) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		v.wrong(text, "an address like http://127.0.0.1:8086, without a password", key...)
	}
}

// token takes the output's secret from where the file says, if anywhere.
func (v *validator) token(o fileOutput, i int) string {
	places := 0
	for _, place := range []string{o.Token, o.TokenFile, o.TokenEnv} {
		if place != "" {
			places++
		}
	}
	if places > 1 {
		v.wrong("more than one", "one of token, token_file and token_env", "output", i, "token")
		return ""
	}
	switch {
	case o.TokenFile != "":
		return v.secret(o.TokenFile, "output", i, "token_file")
	case o.TokenEnv != "":
		secret, ok := v.env(o.TokenEnv)
		if !ok {
			v.wrong(o.TokenEnv, "an environment variable that is set", "output", i, "token_env")
		}
		return secret
	default:
		return o.Token
	}
}

// secret reads a file of one line. The problem never repeats what is in it.
func (v *validator) secret(path string, key ...any) string {
	info, err := os.Stat(path)
	var data []byte
	if err == nil && info.Mode().IsRegular() && info.Size() <= maxSecretBytes {
		data, err = os.ReadFile(path)
	}
	secret := strings.TrimSpace(string(data))
	var pathErr *fs.PathError
	switch {
	case errors.As(err, &pathErr):
		v.wrong(path, "a file that can be read ("+pathErr.Err.Error()+")", key...)
	case secret == "" || strings.ContainsAny(secret, "\r\n"):
		v.wrong(path, "a file that holds the secret in one line", key...)
	}
	return secret
}
