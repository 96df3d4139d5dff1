// Package profile takes CPU and heap profiles of a program of ours while a benchmark measures it.
//
// Programs benchrouter and benchagent call it. The program under measurement must be built with profile.go.txt laid over its main
// package, and be started with [Env]; no release has it.
package profile

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Env is the variable of the environment that tells the program at which socket to be asked.
const Env = "NEZUBAN_BENCH_PPROF"

// Start asks the program behind a socket for a CPU profile, until the function that it returns is called. That writes it to
// NAME.pb.gz in a folder, and what is on the heap then to NAME.heap.pb.gz. What goes wrong is said on standard error: the
// benchmark goes on.
func Start(socket, folder, name string) (finish func()) {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	ask(client, "/start")
	return func() {
		defer client.CloseIdleConnections()
		for path, file := range map[string]string{"/stop": name + ".pb.gz", "/heap": name + ".heap.pb.gz"} {
			if err := os.WriteFile(filepath.Join(folder, file), ask(client, path), 0o600); err != nil {
				fmt.Fprintln(os.Stderr, "no profile:", err)
			}
		}
	}
}

func ask(client *http.Client, path string) []byte {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://program"+path, nil)
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
