// Package settings is what the configuration files of several daemons have in
// common: where a server is and the token for it, databases, the [[output]] list,
// and the few keys that every daemon has.
//
// The config of each daemon's app embeds these types and validates with them.
// Nothing here reads a file but for the secrets that a configuration names.
package settings

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"nezuban/agent/influx"
	"nezuban/agent/tomlfile"
	"nezuban/agent/transport"
)

// LookupEnv is os.LookupEnv or a test's.
type LookupEnv func(key string) (value string, ok bool)

// defaultBucket is where points go when a configuration names no bucket.
const defaultBucket = "nezuban"

// maxFolder bounds the name of an output's folder in the spool, in bytes: file systems take 255.
const maxFolder = 200

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
	_, noPort := strconv.ParseUint(port, 10, 16)
	switch {
	case d.Listen == "" && optional:
	case (err != nil || port == "") && optional:
		v.Wrong(d.Listen, `an address like "`+like+`", or ""`, "listen")
	case err != nil || port == "":
		v.Wrong(d.Listen, `an address like "`+like+`"`, "listen")
	case noPort != nil:
		v.Wrong(d.Listen, `an address like "`+like+`", with a port of at most 65535`, "listen")
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, d.LogLevel) {
		v.Wrong(d.LogLevel, "debug, info, warn or error", "log_level")
	}
	return v.SecretFrom(env, sentryEnv, d.SentryDSNFile, "sentry_dsn_file")
}

// Name says that a text can be a name in every line and log: it is not empty, has neither a blank nor a backslash at its ends, for which line protocol
// has no room, and nothing that cannot be printed.
func Name(text string) bool {
	return text != "" && strings.Trim(text, ` \`) == text && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// Folder refuses the path of a folder that can be none, because a file has it, or a part of it. One that is not there is made at need.
// written is how the file has it, if it does.
func Folder(v *tomlfile.Validator, written, path string, at ...any) {
	found := cmp.Or(written, path)
	info, err := os.Stat(path)
	switch {
	case path == "":
	case err == nil && !info.IsDir():
		v.Wrong(found, "a folder, or a path where none is yet: this is a file", at...)
	case errors.Is(err, syscall.ENOTDIR):
		v.Wrong(found, "a folder, or a path where none is yet: a part of it is a file", at...)
	}
}

// Endpoint is where a service is, the token for it, and how it is reached.
type Endpoint struct {
	URL       string   `toml:"url"`
	URLs      []string `toml:"urls"` // of the same service; the next is tried when one fails
	TokenFile string   `toml:"token_file"`
	TokenEnv  string   `toml:"token_env"`

	CAFile       string `toml:"tls_ca_file"`
	CertFile     string `toml:"tls_cert_file"`
	KeyFile      string `toml:"tls_key_file"`
	ServerName   string `toml:"tls_server_name"`
	ProxyURL     string `toml:"proxy_url"`
	ProxyURLFile string `toml:"proxy_url_file"`
	ProxyURLEnv  string `toml:"proxy_url_env"`
}

// Service is an endpoint that was checked.
type Service struct {
	URLs      []string
	Token     string // a secret, or "" for none
	Transport transport.Options
}

// Validate checks an endpoint that stands at the given key.
func (e Endpoint) Validate(v *tomlfile.Validator, env LookupEnv, at ...any) Service {
	return Service{
		URLs:  e.urls(v, at),
		Token: secret(v, env, e.TokenFile, e.TokenEnv, at, "token"),
		Transport: transport.Options{
			CAFile: e.authorities(v, at), Certificate: e.certificate(v, at), ServerName: e.serverName(v, at), Proxy: e.proxy(v, env, at),
		},
	}
}

func (e Endpoint) urls(v *tomlfile.Validator, at []any) []string {
	switch {
	case e.URL == "" && len(e.URLs) == 0 && (v.Said(under(at, "url")...) || v.Said(under(at, "urls")...)):
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
	case err == nil && u.User != nil:
		v.Wrong(withoutUser(text), "an address without user and password", at...)
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		v.Wrong(withoutUser(text), "an address like http://127.0.0.1:17070", at...)
	case strings.ContainsAny(text, "?#"):
		v.Wrong(withoutUser(text), `an address without "?" and "#": only a path may follow the host`, at...)
	case !isPort(cmp.Or(u.Port(), "80")):
		v.Wrong(text, "an address with a port from 1 to 65535", at...)
	}
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}

// withoutUser is a URL, be it a bad one, without what may be a user and a password.
func withoutUser(text string) string {
	end := strings.LastIndexByte(text, '@')
	if end < 0 {
		return text
	}
	scheme, _, found := strings.Cut(text[:end], "://")
	if !found {
		return "…" + text[end:]
	}
	return scheme + "://…" + text[end:]
}

// secret is what a file or a variable of the environment holds; the keys are key_file and key_env. "" for none.
func secret(v *tomlfile.Validator, env LookupEnv, file, variable string, at []any, key string) string {
	switch {
	case file != "" && variable != "":
		v.Wrong(key+"_file and "+key+"_env", "one of them", under(at, key+"_env")...)
	case file != "":
		return v.Secret(file, under(at, key+"_file")...)
	case variable != "":
		secret, set := env(variable)
		if !set || secret == "" {
			v.Wrong(variable, "an environment variable that is set", under(at, key+"_env")...)
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
	Username     string `toml:"username"`
	PasswordFile string `toml:"password_file"`
	PasswordEnv  string `toml:"password_env"`
	Org          string `toml:"org"`
	Bucket       string `toml:"bucket"`
	Gzip         bool   `toml:"gzip"`
}

// Output checks a database that stands at the given key, and gives it the name
// by which logs call it.
func (d Database) Output(v *tomlfile.Validator, env LookupEnv, name string, at ...any) influx.Output {
	if d.Bucket == "" {
		d.Bucket = defaultBucket
	}
	if d.Org == "" && (strings.HasPrefix(d.Bucket, "/") || strings.Count(d.Bucket, "/") > 1) { // with an organisation it is any name
		v.Wrong(d.Bucket, `"database" or "database/retention policy", as there is no org`, under(at, "bucket")...)
	}
	service := d.Validate(v, env, at...)
	return influx.Output{
		Name: name, URLs: service.URLs, Token: service.Token, Username: d.Username, Password: d.password(v, env, at),
		Org: d.Org, Bucket: d.Bucket, Gzip: d.Gzip, Transport: service.Transport,
	}
}

// password checks the user and gives the password: a secret, or "" without a user.
func (d Database) password(v *tomlfile.Validator, env LookupEnv, at []any) string {
	here := under(at, "username")
	switch {
	case d.Username == "" && (d.PasswordFile != "" || d.PasswordEnv != ""):
		v.Wrong(nil, "the user whose password is named", here...)
	case d.Username == "":
	case d.TokenFile != "" || d.TokenEnv != "":
		v.Wrong("username and a token", "one of them", here...)
	case d.PasswordFile == "" && d.PasswordEnv == "" && (v.Said(under(at, "password_file")...) || v.Said(under(at, "password_env")...)):
	case d.PasswordFile == "" && d.PasswordEnv == "":
		v.Wrong(d.Username, "password_file or password_env beside it", here...)
	case d.Org != "":
		v.Wrong(d.Username, "token_file or token_env, as an InfluxDB with org takes no password", here...)
	case strings.ContainsAny(d.Username, ":\r\n"):
		v.Wrong(d.Username, `a user without ":"`, here...)
	}
	return secret(v, env, d.PasswordFile, d.PasswordEnv, at, "password")
}

// Output is one [[output]]: a database, or a router of ours, with a name.
type Output struct {
	Name    string   `toml:"name"`
	Include []string `toml:"include"` // patterns of measurements
	Exclude []string `toml:"exclude"`
	Database
}

// Outputs checks the [[output]] list of a program, one of influx's From constants. There is at least one.
func Outputs(v *tomlfile.Validator, env LookupEnv, from string, written []Output) []influx.Output {
	if len(written) == 0 && v.Understood() { // else there may be one by another name
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
		case !Name(o.Name):
			v.Wrong(o.Name, "a name of printable characters, without a blank or a backslash at its ends", "output", i, "name")
		case len(url.PathEscape(o.Name)) > maxFolder:
			v.Wrong(o.Name, fmt.Sprintf("a shorter name: its folder, in which other characters than letters and digits count three or more, would have %d, and may have %d",
				len(url.PathEscape(o.Name)), maxFolder), "output", i, "name")
		}
		named[o.Name] = true
		output := o.Output(v, env, o.Name, "output", i)
		output.Filter = o.filter(v, from, i)
		outputs = append(outputs, output)
	}
	return outputs
}
