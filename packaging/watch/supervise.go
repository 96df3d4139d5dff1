package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"
)

// readyWithin bounds the start of one process. InfluxDB compiles for seconds,
// and a small machine may be busy.
const readyWithin = 90 * time.Second

// supervise starts the processes one after another, each once the one before
// is ready, calls started, and waits for ctx. Before it returns it stops them
// in reverse order: senders before the router, the router before InfluxDB. It
// returns nil after ctx has ended, an error when one failed to start or a vital
// one died; the death of any other is told, and the rest goes on.
func supervise(ctx context.Context, specs []spec, logDir string, out io.Writer, started func()) error {
	if err := os.MkdirAll(logDir, 0o700); err != nil {
		return err
	}
	var running []*process
	defer func() {
		for _, p := range slices.Backward(running) {
			p.stop(stopGrace)
		}
	}()
	died := make(chan *process, len(specs))
	for _, s := range specs {
		p, err := start(s, logDir)
		if err != nil {
			return err
		}
		running = append(running, p)
		go func() {
			<-p.done
			died <- p
		}()
		if err := awaitReady(ctx, p, died, out); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
	started()
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-died:
			if p.vital {
				return fmt.Errorf("%w\nwithout the %s there is no watch: stopping everything", p.death(), p.name)
			}
			if !p.optional {
				fmt.Fprintln(out, p.death())
			}
			fmt.Fprintf(out, "%s ended (%s); the rest goes on\n", p.name, p.cmd.ProcessState)
		}
	}
}

// told says, during the start, that an optional process ended; the end of any
// other is an error.
func told(p *process, out io.Writer) error {
	if !p.optional {
		return p.death()
	}
	fmt.Fprintf(out, "%s ended (%s)\n", p.name, p.cmd.ProcessState)
	return nil
}

// awaitReady returns nil when p answers or ctx has ended.
func awaitReady(ctx context.Context, p *process, died <-chan *process, out io.Writer) error {
	if p.ready == "" {
		return nil
	}
	late := time.After(readyWithin)
	for !answers(ctx, p.ready) {
		select {
		case <-ctx.Done():
			return nil
		case dead := <-died:
			if err := told(dead, out); err != nil {
				return err
			}
		case <-late:
			return fmt.Errorf("%s is not ready after %v: %s does not answer 2xx; its last lines:\n%s",
				p.name, readyWithin, p.ready, p.log.tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode/100 == 2
}
