package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// label marks containers of this benchmark; its value is that of one run.
const label = "nezuban-bench-agent"

// docker makes the containers of one run.
type docker struct {
	client http.Client
	image  string
	run    string
	others int // containers of others that run
	made   []container
}

// container is one that runs.
type container struct {
	id  string
	pid int // of its first process
}

func newDocker(socket, image string) *docker {
	return &docker{image: image, run: rand.Text()[:8], client: http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// atOnce is how many containers Docker is asked to make, or to remove, at the same time.
const atOnce = 4

// each calls do so many times, some at once, until one fails.
func each(n int, do func(i int) error) error {
	var group sync.WaitGroup
	errs := make([]error, atOnce)
	for worker := range atOnce {
		group.Go(func() {
			for i := worker; i < n && errs[worker] == nil; i += atOnce {
				errs[worker] = do(i)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// startAll makes and starts containers that do a little.
func (d *docker) startAll(ctx context.Context, n int) error {
	var running []struct{}
	if err := d.call(ctx, http.MethodGet, "/containers/json", nil, &running); err != nil {
		return err
	}
	d.others = len(running)
	d.made = make([]container, n)
	return each(n, func(i int) (err error) {
		d.made[i], err = d.start(ctx, fmt.Sprintf("nezuban-bench-%s-%03d", d.run, i))
		return err
	})
}

func (d *docker) start(ctx context.Context, name string) (c container, err error) {
	spec := map[string]any{"Image": d.image, "Cmd": []string{"light"}, "Labels": map[string]string{label: d.run}}
	var created struct{ ID string }
	if err := d.call(ctx, http.MethodPost, "/containers/create?name="+name, spec, &created); err != nil {
		return c, err
	}
	if err := d.call(ctx, http.MethodPost, "/containers/"+created.ID+"/start", nil, nil); err != nil {
		return c, err
	}
	var inspected struct{ State struct{ Pid int } }
	if err := d.call(ctx, http.MethodGet, "/containers/"+created.ID+"/json", nil, &inspected); err != nil {
		return c, err
	}
	if inspected.State.Pid == 0 {
		return c, fmt.Errorf("container %s has ended at once", name)
	}
	return container{created.ID, inspected.State.Pid}, nil
}

// removeAll removes every container of this run.
func (d *docker) removeAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	filters, err := json.Marshal(map[string][]string{"label": {label + "=" + d.run}})
	if err != nil {
		return err
	}
	var list []struct{ ID string }
	if err := d.call(ctx, http.MethodGet, "/containers/json?all=1&filters="+url.QueryEscape(string(filters)), nil, &list); err != nil {
		return fmt.Errorf("containers with the label %s=%s are left behind: %w", label, d.run, err)
	}
	err = each(len(list), func(i int) error {
		return d.call(ctx, http.MethodDelete, "/containers/"+list[i].ID+"?force=1&v=1", nil, nil)
	})
	if err != nil {
		return fmt.Errorf("containers with the label %s=%s are left behind: %w", label, d.run, err)
	}
	return nil
}

// call makes one request; in is sent and out is filled as JSON, unless they are nil.
func (d *docker) call(ctx context.Context, method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, &body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := d.client.Do(req)
	if err != nil {
		return fmt.Errorf("docker: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return fmt.Errorf("docker: %s %s: %w", method, path, err)
	case resp.StatusCode >= http.StatusMultipleChoices:
		return fmt.Errorf("docker: %s %s: %s: %.300s", method, path, resp.Status, answer)
	case out == nil:
		return nil
	}
	return json.Unmarshal(answer, out)
}
