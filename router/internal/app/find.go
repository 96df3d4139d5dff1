package app

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"nezuban/agent/tomlfile"
)

// Found is how the commands of this machine reach its router.
type Found struct {
	URL      string // without a trailing slash
	TokenDir string // the folder of the token files, one for each kind
}

// whereabouts are the keys of router.toml by which commands find the router.
type whereabouts struct {
	Listen    string `toml:"listen"`
	PublicURL string `toml:"public_url"`
	StateDir  string `toml:"state_dir"`
}

// Find reads of router.toml what a command needs to ask the router that runs, and reports no mistake elsewhere: whoever
// acknowledges a page has no time for a certificate that is over. Relative paths are taken from the folder of the file.
func Find(path string) (Found, error) {
	var all map[string]any
	if _, err := tomlfile.Read(path, maxConfigBytes, &all); err != nil {
		return Found{}, err // nothing of it can be understood
	}
	written := whereabouts{Listen: defaultListen, StateDir: defaultStateDir}
	file, err := tomlfile.Read(path, maxConfigBytes, &written)
	v, err := tomlfile.NewValidator(file, ofKeys(err, "listen", "public_url", "state_dir"))
	if err != nil {
		return Found{}, err
	}
	found := Found{URL: publicURL(written.PublicURL, written.Listen), TokenDir: filepath.Join(v.Path(written.StateDir), tokenDir)}
	if !webURL(found.URL) {
		v.Wrong(written.PublicURL, expectedPublicURL, "public_url")
	}
	return found, v.Err()
}

// ofKeys leaves of the problems of a file those of some keys.
func ofKeys(err error, keys ...string) error {
	var problems tomlfile.Problems
	if !errors.As(err, &problems) {
		return err
	}
	others := func(p tomlfile.Problem) bool { return !slices.Contains(keys, p.Key) }
	return slices.DeleteFunc(slices.Clone(problems), others).Err()
}

// publicURL is where people reach a router, without a trailing slash; by default it is where it listens.
func publicURL(written, listen string) string {
	if url := strings.TrimRight(written, "/"); url != "" {
		return url
	}
	return "http://" + listen
}
