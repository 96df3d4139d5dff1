package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"

	"nezuban/agent/daemon"
)

// The main of a daemon is little more than this, with os.Exit around Main.
func ExampleMain() {
	code := daemon.Main(daemon.Options{Name: "nezuban-example", LogLevel: "error"}, func(_ context.Context, d *daemon.Daemon) error {
		d.Metrics.NewCounter("nezuban_example_samples_total").Inc()
		d.Health.Set("docker", errors.New("no socket at /var/run/docker.sock"))

		answer := httptest.NewRecorder()
		d.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/readyz", nil))
		fmt.Print(answer.Code, " ", answer.Body)
		return nil
	})
	fmt.Println("exit code", code)
	// Output:
	// 503 docker: no socket at /var/run/docker.sock
	// exit code 0
}
