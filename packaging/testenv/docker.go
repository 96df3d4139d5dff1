package testenv

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

const dockerCommand = "apt-get install docker.io, start dockerd, run as root or in group docker"

// Docker returns the path of the Docker engine's socket, once the engine has
// answered there. DOCKER_HOST is honoured when it names a Unix socket.
func Docker(tb testing.TB) string {
	tb.Helper()
	socket := "/var/run/docker.sock"
	if path, ok := strings.CutPrefix(os.Getenv("DOCKER_HOST"), "unix://"); ok {
		socket = path
	}
	status, body, err := dockerCall(tb, socket, http.MethodGet, "/_ping", nil)
	if err != nil || status != http.StatusOK {
		tb.Logf("docker at %s: status %d, %v: %s", socket, status, err, body)
		LeftOut(tb, "docker", dockerCommand)
	}
	return socket
}

// DockerImage makes, where it is missing, an image that holds nothing but the
// program of package testload, and returns its tag. The tag carries the
// program's hash: an image of an older program is never taken for it, and test
// binaries that run side by side make the same one.
func DockerImage(tb testing.TB) string {
	tb.Helper()
	socket := Docker(tb)
	program, err := os.ReadFile(Build(tb, "./packaging/testenv/testload"))
	if err != nil {
		tb.Fatal(err)
	}
	sum := sha256.Sum256(program)
	tag := hex.EncodeToString(sum[:6])
	image := "nezuban-testload:" + tag
	if status, _, err := dockerCall(tb, socket, http.MethodGet, "/images/"+image+"/json", nil); err == nil && status == http.StatusOK {
		return image
	}
	query := url.Values{
		"fromSrc": {"-"},
		"repo":    {"nezuban-testload"},
		"tag":     {tag},
		"changes": {`ENTRYPOINT ["/testload"]`, `CMD ["sleep"]`},
	}
	status, body, err := dockerCall(tb, socket, http.MethodPost, "/images/create?"+query.Encode(), imageTar(tb, program))
	if err != nil || status != http.StatusOK || bytes.Contains(body, []byte(`"error"`)) {
		tb.Fatalf("docker: import %s: status %d, %v: %s", image, status, err, body)
	}
	return image
}

// imageTar is the image's whole file system: the program, and /tmp to write in.
func imageTar(tb testing.TB, program []byte) io.Reader {
	tb.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	entries := []struct {
		header tar.Header
		body   []byte
	}{
		{tar.Header{Name: "testload", Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg}, program},
		{tar.Header{Name: "tmp/", Mode: 0o1777, Typeflag: tar.TypeDir}, nil},
	}
	for _, e := range entries {
		if err := w.WriteHeader(&e.header); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(e.body); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return &buf
}

// dockerCall makes one request of the engine, bounded to a minute.
func dockerCall(tb testing.TB, socket, method, path string, body io.Reader) (status int, answer []byte, err error) {
	tb.Helper()
	client := http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", socket)
			},
		},
	}
	req, err := http.NewRequestWithContext(tb.Context(), method, "http://docker"+path, body)
	if err != nil {
		return 0, nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}
