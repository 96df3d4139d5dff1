package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// profile asks the router for a CPU profile of a part, until the function that it returns is called; nothing without
// -pprof.
func (b *bench) profile(part string) (finish func()) {
	if b.pprof == "" {
		return func() {}
	}
	socket := strings.TrimPrefix(b.ours.env[0], "NEZUBAN_BENCH_PPROF=")
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	ask := func(path string) []byte {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://router"+path, nil)
		if err != nil {
			return nil
		}
		resp, err := client.Do(req)
		if err != nil {
			fmt.Fprintln(os.Stderr, "no profile:", err)
			return nil
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil
		}
		return body
	}
	ask("/start")
	return func() {
		if err := os.WriteFile(filepath.Join(b.pprof, part+".pb.gz"), ask("/stop"), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, "no profile:", err)
		}
		_ = os.WriteFile(filepath.Join(b.pprof, part+".heap.pb.gz"), ask("/heap"), 0o600)
	}
}
