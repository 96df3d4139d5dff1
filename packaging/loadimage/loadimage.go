// Package loadimage makes the container image that tests and the demonstration
// incident run: nothing but the program of package testload.
//
// Packages testenv and demo call it. It speaks to the Docker engine's socket
// directly, needs no image registry, and removes nothing.
package loadimage

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const repository = "nezuban-testload"

// BuiltEnv names a folder in which the programs are that are built otherwise: for a machine without Go.
const BuiltEnv = "NEZUBAN_BUILT"

// Socket is where the engine is expected: DOCKER_HOST when it names a Unix
// socket, else the usual place.
func Socket() string {
	if path, ok := strings.CutPrefix(os.Getenv("DOCKER_HOST"), "unix://"); ok {
		return path
	}
	return "/var/run/docker.sock"
}

// Ping says whether the engine answers at socket.
func Ping(ctx context.Context, socket string) error {
	return call(ctx, socket, http.MethodGet, "/_ping", nil)
}

// Make builds the program in the module at root, or takes the one that
// [BuiltEnv] has, and makes the image of it unless the engine has it already; it returns the image's name. The tag is the
// program's hash: an image of an older program is never taken for it, and
// several callers at once make the same one.
func Make(ctx context.Context, root, socket string) (image string, err error) {
	program, err := build(ctx, root)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(program)
	tag := hex.EncodeToString(sum[:6])
	image = repository + ":" + tag
	if call(ctx, socket, http.MethodGet, "/images/"+image+"/json", nil) == nil {
		return image, nil
	}
	content, err := rootfs(program)
	if err != nil {
		return "", fmt.Errorf("make image %s: %w", image, err)
	}
	query := url.Values{
		"fromSrc": {"-"},
		"repo":    {repository},
		"tag":     {tag},
		"changes": {`ENTRYPOINT ["/testload"]`, `CMD ["sleep"]`},
	}
	if err := call(ctx, socket, http.MethodPost, "/images/create?"+query.Encode(), content); err != nil {
		return "", fmt.Errorf("make image %s: %w", image, err)
	}
	return image, nil
}

func build(ctx context.Context, root string) ([]byte, error) {
	if dir := os.Getenv(BuiltEnv); dir != "" {
		return os.ReadFile(filepath.Join(dir, "testload"))
	}
	dir, err := os.MkdirTemp("", "nezuban-testload-")
	if err != nil {
		return nil, fmt.Errorf("build testload: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder; the program in it has been read
	path := filepath.Join(dir, "testload")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", path, "./packaging/testload")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build testload: %w\n%s", err, out)
	}
	return os.ReadFile(path)
}

// rootfs is the image's whole file system: the program, and /tmp to write in.
func rootfs(program []byte) (io.Reader, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	err := w.WriteHeader(&tar.Header{Name: "tmp/", Mode: 0o1777, Typeflag: tar.TypeDir})
	if err != nil {
		return nil, err
	}
	err = w.WriteHeader(&tar.Header{Name: "testload", Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg})
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return &buf, nil
}

// call makes one request of the engine; an answer that is not 200 is an error
// with the engine's words, as is the error that a stream of progress ends with.
func call(ctx context.Context, socket, method, path string, body io.Reader) error {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, body)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("docker at %s: %w", socket, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("docker at %s: %s %s: %w", socket, method, path, err)
	}
	if resp.StatusCode != http.StatusOK || bytes.Contains(answer, []byte(`"errorDetail"`)) {
		return fmt.Errorf("docker at %s: %s %s: %s: %s", socket, method, path, resp.Status, answer)
	}
	return nil
}
