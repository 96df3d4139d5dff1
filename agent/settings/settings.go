// Package settings is what the configuration files of several daemons have in
// common: where a server is and the token for it, databases, the [[output]] list,
// and the few keys that every daemon has.
//
// The config of each daemon's app embeds these types and validates with them.
// Nothing here reads a file but for the secrets that a configuration names.
package settings

import (
	"net"
	"net/url"
	"slices"

	"nezuban/agent/influx"
	"nezuban/agent/tomlfile"
)

// LookupEnv is os.LookupEnv or a test's.
type LookupEnv func(key string) (value string, ok bool)

// defaultBucket is where points go when a configuration names no bucket.
const defaultBucket = "nezuban"

// sentryEnv is read when a file names no sentry_dsn_file.
const sentryEnv = "SENTRY_DSN"

// Daemon is the keys that every daemon has.
type Daemon struct {
	Listen        string `toml:"listen"`
	LogLevel      string `toml:"log_level"`
	SentryDSNFile string `toml:"sentry_dsn_file"`
}

// Validate checks the keys, and returns the Sentry DSN: a secret, or "" for none.
// like is an example for listen; with optional it may be empty.
func (d Daemon) Validate(v *tomlfile.Validator, env LookupEnv, like string, optional bool) (sentryDSN string) {
	_, port, err := net.SplitHostPort(d.Listen)
	switch {
	case d.Listen == "" && optional:
	case (err != nil || port == "") && optional:
		v.Wrong(d.Listen, `an address like "`+like+`", or ""`, "listen")
	case err != nil || port == "":
		v.Wrong(d.Listen, `an address like "`+like+`"`, "listen")
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, d.LogLevel) {
		v.Wrong(d.LogLevel, "debug, info, warn or error", "log_level")
	}
	return v.SecretFrom(env, sentryEnv, d.SentryDSNFile, "sentry_dsn_file")
}

// Endpoint is where a service is, and the token for it.
type Endpoint struct {
	URL       string   `toml:"url"`
	URLs      []string `toml:"urls"` // of the same service; the next is tried when one fails
	TokenFile string   `toml:"token_file"`
	TokenEnv  string   `toml:"token_env"`
}

// Validate checks an endpoint that stands at the given key, and returns its
// addresses and its token: a secret, or "" for none.
func (e Endpoint) Validate(v *tomlfile.Validator, env LookupEnv, at ...any) (urls []string, token string) {
	return e.urls(v, at), e.token(v, env, at)
}

func (e Endpoint) urls(v *tomlfile.Validator, at []any) []string {
	switch {
	case e.URL == "" && len(e.URLs) == 0:
		v.Wrong(nil, `url = "http://…" or urls = […]`, at...)
	case e.URL != "" && len(e.URLs) > 0:
		v.Wrong("url and urls", "one of them", under(at, "urls")...)
	case e.URL != "":
		address(v, e.URL, under(at, "url"))
		return []string{e.URL}
	}
	for i, text := range e.URLs {
		address(v, text, under(at, "urls", i))
	}
	return e.URLs
}

func address(v *tomlfile.Validator, text string, at []any) {
	u, err := url.Parse(text)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		v.Wrong(text, "an address like http://127.0.0.1:17070", at...)
	case u.User != nil:
		v.Wrong(u.Redacted(), "an address without user and password", at...)
	}
}

func (e Endpoint) token(v *tomlfile.Validator, env LookupEnv, at []any) string {
	switch {
	case e.TokenFile != "" && e.TokenEnv != "":
		v.Wrong("token_file and token_env", "one of them", under(at, "token_env")...)
	case e.TokenFile != "":
		return v.Secret(e.TokenFile, under(at, "token_file")...)
	case e.TokenEnv != "":
		secret, set := env(e.TokenEnv)
		if !set || secret == "" {
			v.Wrong(e.TokenEnv, "an environment variable that is set", under(at, "token_env")...)
		}
		return secret
	}
	return ""
}

// under is a key below another.
func under(at []any, key ...any) []any { return append(slices.Clip(at), key...) }

// Database is a server that takes line protocol, and where in it points go.
type Database struct {
	Endpoint
	Org    string `toml:"org"`
	Bucket string `toml:"bucket"`
	Gzip   bool   `toml:"gzip"`
}

// Output checks a database that stands at the given key, and gives it the name
// by which logs call it.
func (d Database) Output(v *tomlfile.Validator, env LookupEnv, name string, at ...any) influx.Output {
	if d.Bucket == "" {
		d.Bucket = defaultBucket
	}
	urls, token := d.Validate(v, env, at...)
	return influx.Output{Name: name, URLs: urls, Token: token, Org: d.Org, Bucket: d.Bucket, Gzip: d.Gzip}
}

// Output is one [[output]]: a database, or a router of ours, with a name.
type Output struct {
	Name string `toml:"name"`
	Database
}

// Outputs checks the [[output]] list, of which there is at least one.
func Outputs(v *tomlfile.Validator, env LookupEnv, written []Output) []influx.Output {
	if len(written) == 0 && v.Clean() { // a file with mistakes may not have been read so far
		v.Wrong(nil, "at least one [[output]]", "output")
	}
	named := map[string]bool{}
	outputs := make([]influx.Output, 0, len(written))
	for i, o := range written {
		switch {
		case o.Name == "":
			v.Wrong(nil, "a name for the log", "output", i, "name")
		case named[o.Name]:
			v.Wrong(o.Name, "a name that no other output has", "output", i, "name")
		}
		named[o.Name] = true
		outputs = append(outputs, o.Output(v, env, o.Name, "output", i))
	}
	return outputs
}
