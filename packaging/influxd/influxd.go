// Package influxd installs, configures and runs a real InfluxDB 1.8 on
// loopback, for tests and for `make run`.
//
// Packages testenv and watch call it. It never touches an InfluxDB that it
// did not start, and never listens beyond loopback.
package influxd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Version is the release that Install brings: the last 1.8 that `go install`
// can build. It answers both Flux and InfluxQL.
const Version = "v1.8.10"

// Module is what `go install` is asked for.
const Module = "github.com/influxdata/influxdb/cmd/influxd@" + Version

// Path is where Install puts the binary, below the root of the repository.
func Path(root string) string { return filepath.Join(root, ".tools", "bin", "influxd") }

// Install makes sure that Path(root) exists, building it by `go install` when
// it is missing (about two minutes the first time). Several processes may call
// it at once: one builds, the others wait for it. Progress goes to log.
func Install(ctx context.Context, root string, log io.Writer) (string, error) {
	path := Path(root)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("install influxd: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(root, ".tools", "influxd.lock"))
	if err != nil {
		return "", fmt.Errorf("install influxd: %w", err)
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil {
		return path, nil // another process built it while we waited
	}
	fmt.Fprintf(log, "building %s (once)\n", Module)
	cmd := exec.CommandContext(ctx, "go", "install", Module)
	cmd.Dir = os.TempDir() // outside of any module: the version alone decides
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go install %s: %w\n%s", Module, err, out)
	}
	return path, nil
}

// lock takes an exclusive lock on the file at path, waiting until ctx ends.
// The kernel frees it when the process ends, however it ends.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Options are what a server does beyond answering everybody in the clear.
type Options struct {
	Auth     bool   // asks for a user and a password, once there is an admin
	CertFile string // PEM, of https; empty: http
	KeyFile  string // PEM, of the certificate
}

// Config is the text of a configuration file for a server that keeps its data
// below dir and answers HTTP at addr ("127.0.0.1:0" takes a free port).
func Config(dir, addr string, o Options) []byte {
	return fmt.Appendf(nil, `# Written by package influxd; edits are lost.
reporting-disabled = true
bind-address = "127.0.0.1:0" # backup service: unused, any free port

[meta]
  dir = %[1]q

[data]
  dir = %[2]q
  wal-dir = %[3]q
  index-version = "inmem"
  cache-max-memory-size = "256m"
  cache-snapshot-memory-size = "8m"
  query-log-enabled = false

[monitor]
  store-enabled = false # no _internal database: queries see only our data

[continuous_queries]
  enabled = false

[http]
  bind-address = %[4]q
  flux-enabled = true
  auth-enabled = %[5]t
  https-enabled = %[6]t
  https-certificate = %[7]q
  https-private-key = %[8]q
  log-enabled = false
  pprof-enabled = false

[logging]
  format = "logfmt"
  level = "info" # its "Listening on HTTP" line tells the port
  suppress-logo = true
`, filepath.Join(dir, "meta"), filepath.Join(dir, "data"), filepath.Join(dir, "wal"), addr, o.Auth, o.CertFile != "", o.CertFile, o.KeyFile)
}
