package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"nezuban/agent/transport"
	"nezuban/checks/check"
)

// checksPath is where the router serves the check file.
const checksPath = "/api/v1/checks"

const (
	fetchTimeout  = 10 * time.Second
	maxErrorBytes = 200 // of what a router says with an error
)

// routerClient gets the check file. It is not safe for concurrent use.
type routerClient struct {
	http  *http.Client
	urls  []string // the one that answered last comes first
	token string
	agent string
	etag  string // of the file that was got last
}

func newRouterClient(r Router, agent string, log *slog.Logger) *routerClient {
	return &routerClient{
		http: &http.Client{
			Timeout:   fetchTimeout,
			Transport: transport.New(r.Transport, log),
			// A redirect would take the token to where nobody meant it to go.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		urls:  append([]string(nil), r.URLs...),
		token: r.Token,
		agent: agent,
	}
}

// fetch gets the check file from the first router that answers. data is nil when it is still the one got last.
func (c *routerClient) fetch(ctx context.Context) (data []byte, err error) {
	var errs []error
	for i, url := range c.urls {
		data, err := c.fetchFrom(ctx, url)
		if err == nil {
			c.urls[0], c.urls[i] = c.urls[i], c.urls[0]
			return data, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func (c *routerClient) fetchFrom(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+checksPath, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Close = true // the next one is much later
	request.Header.Set("User-Agent", c.agent)
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.etag != "" {
		request.Header.Set("If-None-Match", c.etag)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err // names method and address
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusNotModified:
		return nil, nil
	case http.StatusOK:
	default:
		said, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBytes)) // what came is enough
		return nil, fmt.Errorf("get %s: status %d: %q", request.URL, response.StatusCode, said)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, check.MaxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", request.URL, err)
	}
	if len(data) > check.MaxFileBytes {
		return nil, fmt.Errorf("get %s: found more than %d bytes, expected at most that", request.URL, check.MaxFileBytes)
	}
	c.etag = response.Header.Get("ETag")
	if data == nil {
		data = []byte{}
	}
	return data, nil
}
