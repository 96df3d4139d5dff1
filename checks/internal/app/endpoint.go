package app

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"

	"nezuban/checks/check"
)

const maxSecretBytes = 64 << 10

// endpoint is how a configuration names a service of ours or an InfluxDB: where it is and the token for it.
type endpoint struct {
	URL       string   `toml:"url"`
	URLs      []string `toml:"urls"`
	Token     string   `toml:"token"`
	TokenFile string   `toml:"token_file"`
	TokenEnv  string   `toml:"token_env"`
}

// under is a key below another.
func under(at []any, key ...any) []any { return append(slices.Clip(at), key...) }

// location wants the name that the check file may list, see [check.Check].
func (v *validator) location(name string) {
	if !check.ValidName(name) {
		var found any = name
		if name == "" {
			found = nil
		}
		v.wrong(found, check.ExpectedName, "location")
	}
}

// urls takes url or urls.
func (v *validator) urls(e endpoint, at ...any) []string {
	switch {
	case e.URL == "" && len(e.URLs) == 0:
		v.wrong(nil, `url = "http://…" or urls = […]`, at...)
	case e.URL != "" && len(e.URLs) > 0:
		v.wrong("url and urls", "one of them", under(at, "urls")...)
	case e.URL != "":
		v.url(e.URL, under(at, "url")...)
		return []string{e.URL}
	}
	for i, u := range e.URLs {
		v.url(u, under(at, "urls", i)...)
	}
	return e.URLs
}

func (v *validator) url(text string, at ...any) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		v.wrong(text, "an address like http://127.0.0.1:17070", at...)
	case u.User != nil:
		v.wrong(u.Redacted(), "an address without user and password", at...)
	}
}

// token takes the secret from where the file says, if anywhere.
func (v *validator) token(e endpoint, at ...any) string {
	given := 0
	for _, place := range []string{e.Token, e.TokenFile, e.TokenEnv} {
		if place != "" {
			given++
		}
	}
	switch {
	case given > 1:
		v.wrong("more than one", "one of token, token_file and token_env", under(at, "token")...)
		return ""
	case e.TokenFile != "":
		return v.secret(e.TokenFile, under(at, "token_file")...)
	case e.TokenEnv != "":
		secret, set := v.env(e.TokenEnv)
		if !set || secret == "" {
			v.wrong(e.TokenEnv, "an environment variable that is set", under(at, "token_env")...)
		}
		return secret
	default:
		return e.Token
	}
}

// secret reads a file of one line. The problem never repeats what is in it.
func (v *validator) secret(path string, at ...any) string {
	info, err := os.Stat(path)
	var data []byte
	if err == nil && info.Mode().IsRegular() && info.Size() <= maxSecretBytes {
		data, err = os.ReadFile(path)
	}
	secret := strings.TrimSpace(string(data))
	var failed *fs.PathError
	switch {
	case errors.As(err, &failed):
		v.wrong(path, "a file that can be read ("+failed.Err.Error()+")", at...)
	case secret == "" || strings.ContainsAny(secret, "\r\n"):
		v.wrong(path, "a file that holds the secret in one line", at...)
	}
	return secret
}
