package influxd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// Server is a running InfluxDB. Its methods may be called concurrently.
type Server struct {
	// URL is the base URL, like http://127.0.0.1:43211.
	URL string

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has been waited for
}

// Start runs the binary at path with its data below dir, listening at addr,
// and returns when it answers /ping, which takes four to five seconds of CPU
// because it compiles Flux's library first. ctx bounds the start only. Every
// line that the server prints goes to log.
func Start(ctx context.Context, path, dir, addr string, o Options, log io.Writer) (*Server, error) {
	file := filepath.Join(dir, "influxd.toml")
	if err := os.WriteFile(file, Config(dir, addr, o), 0o600); err != nil {
		return nil, fmt.Errorf("start influxd: %w", err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start influxd: %w", err)
	}
	// Not bound to ctx: that bounds the start, and Stop ends the process.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, "-config", file)
	cmd.Stdout, cmd.Stderr = in, in
	// Own process group: Ctrl-C reaches us only and we stop it in order.
	// Pdeathsig: a test binary that panics or times out leaves no server.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err = cmd.Start()
	_ = in.Close()
	if err != nil {
		_ = out.Close()
		return nil, fmt.Errorf("start influxd %s: %w", path, err)
	}
	s := &Server{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(s.done)
	}()
	address := make(chan string, 1)
	go follow(out, log, address)
	if err := s.await(ctx, address, o); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start influxd at %s: %w", addr, err)
	}
	return s, nil
}

// Done is closed when the process has ended, whoever ended it.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop ends the server: TERM, then KILL after ten seconds. It returns when the
// process is gone and may be called more than once.
func (s *Server) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}

// await waits for the server's own word about its port, so that no other
// server's answer can be taken for this one's, and then for /ping.
func (s *Server) await(ctx context.Context, address <-chan string, o Options) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	scheme := "http://"
	if o.CertFile != "" {
		scheme = "https://"
		trusted, err := os.ReadFile(o.CertFile)
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(trusted) // its own is enough to know it by
		client.Transport = &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}
	}

	select {
	case addr, ok := <-address:
		if !ok {
			<-s.done
			return fmt.Errorf("ended before it listened: %s", s.cmd.ProcessState)
		}
		s.URL = scheme + addr
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/ping", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusNoContent {
				return nil
			}
		}
		select {
		case <-s.done:
			return fmt.Errorf("ended while starting: %s", s.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("GET %s/ping: %w", s.URL, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// follow copies the server's lines to log until it ends and sends the address
// that it listens at; it closes address when there will be none.
func follow(out io.ReadCloser, log io.Writer, address chan<- string) {
	defer close(address)
	defer out.Close()
	listening := regexp.MustCompile(`msg="Listening on HTTP".* addr=(\S+)`)
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if m := listening.FindSubmatch(line); m != nil {
			select {
			case address <- string(bytes.Clone(m[1])):
			default: // one is enough
			}
		}
		_, _ = log.Write(line)
		if err != nil {
			return
		}
	}
}
