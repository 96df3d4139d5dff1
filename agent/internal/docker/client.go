// Package docker speaks to the Docker engine over its socket: the few reading
// requests that the agent needs, written by hand on net/http.
//
// Package app calls it to know, package dockerproxy to hand on: both read the
// engine's answers into the same types, which hold nothing else. It never asks
// for /stats, never changes anything in the engine, and never reads Env, Args
// or Cmd of a container.
package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Bounds on what the engine may answer, in bytes.
const (
	maxListBytes    = 64 << 20 // of /containers/json, about 2 KiB a container
	maxInspectBytes = 4 << 20
	maxErrorBytes   = 4 << 10
)

// ErrNotFound says that the engine has no such container (any more).
var ErrNotFound = errors.New("no such container")

// Client asks one engine. It is safe for concurrent use; each call is bounded
// by its context alone.
type Client struct {
	http   *http.Client
	labels []string
}

// New makes a client of the engine that listens on the unix socket at path, which keeps these labels of containers and no others.
// It does not connect.
func New(path string, labels ...string) *Client {
	return NewOver(func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}, labels...)
}

// NewOver is New of the engine at the other end of the connections that dial makes.
func NewOver(dial func(context.Context) (net.Conn, error), labels ...string) *Client {
	transport := &http.Transport{MaxIdleConns: 4, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	return &Client{http: &http.Client{Transport: transport}, labels: labels}
}

// Close gives up the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Info is what the agent wants to know of the engine itself.
type Info struct {
	Name          string // host name, as the engine sees it
	ServerVersion string
	NCPU          int
	MemTotal      int64 // bytes
	Images        int

	// Of the engine's own process; 0 or less when it does not say.
	NFd             int // descriptors
	NGoroutines     int
	NEventsListener int // streams of events, the agent's among them
}

// Info asks for /info. The engine counts its images and starts programs for it: ask seldom.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var info Info
	err := c.getJSON(ctx, "/info", maxInspectBytes, &info)
	return info, err
}

// Version is what a client needs in order to agree with the engine on a version of its interface.
type Version struct {
	Version       string // of the engine
	APIVersion    string `json:"ApiVersion"`    // the newest that it speaks, such as 1.41
	MinAPIVersion string `json:"MinAPIVersion"` // the oldest
	Os            string
	Arch          string
}

// Version asks for /version.
func (c *Client) Version(ctx context.Context) (Version, error) {
	var version Version
	err := c.getJSON(ctx, "/version", maxInspectBytes, &version)
	return version, err
}

// Ping asks whether the engine answers, and for the newest version of its interface.
func (c *Client) Ping(ctx context.Context) (apiVersion string, err error) {
	res, err := c.get(ctx, "/_ping")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	return res.Header.Get("Api-Version"), nil
}

// Summary is a container in the engine's list.
type Summary struct {
	ID     string   `json:"Id"`
	Names  []string // each with a leading slash
	Image  string
	State  string            // created, running, paused, restarting, removing, exited or dead
	Labels map[string]string `json:",omitempty"`
}

// List gives all containers, also those that do not run.
func (c *Client) List(ctx context.Context) ([]Summary, error) {
	var list []Summary
	err := c.getJSON(ctx, "/containers/json?all=1", maxListBytes, &list)
	return list, err
}

// Inspect asks for one container, by id, with the labels that the client keeps. A container that is gone gives
// [ErrNotFound]. The engine answers only when a start in progress has ended.
func (c *Client) Inspect(ctx context.Context, id string) (Container, error) {
	answer, err := c.Inspection(ctx, id)
	if err != nil {
		return Container{}, err
	}
	return answer.Passed(c.labels).Container(), nil
}

// Inspection is Inspect in the engine's own form.
func (c *Client) Inspection(ctx context.Context, id string) (Inspection, error) {
	var answer Inspection
	err := c.getJSON(ctx, "/containers/"+url.PathEscape(id)+"/json", maxInspectBytes, &answer)
	return answer, err
}

// getJSON decodes the answer to one request, at most limit bytes of it.
func (c *Client) getJSON(ctx context.Context, path string, limit int64, into any) error {
	res, err := c.get(ctx, path)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return fmt.Errorf("docker GET %s: %w", path, err)
	}
	if int64(len(body)) > limit {
		return fmt.Errorf("docker GET %s: answer is longer than %d bytes", path, limit)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("docker GET %s: %w", path, err)
	}
	return nil
}

// get returns the answer when its status is 200; the caller closes its body.
func (c *Client) get(ctx context.Context, target string) (*http.Response, error) {
	path, _, _ := strings.Cut(target, "?")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker"+target, nil)
	if err != nil {
		return nil, fmt.Errorf("docker GET %s: %w", path, err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("docker GET %s: %w", path, withoutURL(err))
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("docker GET %s: %w", path, ErrNotFound)
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBytes)) // the status says enough without it
	return nil, fmt.Errorf("docker GET %s: %s: %q", path, res.Status, strings.TrimSpace(string(text)))
}

// withoutURL takes off what net/http puts before an error: the path is told already.
func withoutURL(err error) error {
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		return urlErr.Err
	}
	return err
}
